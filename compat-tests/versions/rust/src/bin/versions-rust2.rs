//! The Rust actors of version 2 as a process of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(versions_rust::v2::module())
}
