//! The Rust actors of version 1 as a process of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(versions_rust::v1::module())
}
