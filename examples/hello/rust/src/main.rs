//! The Rust half as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(hello_rust::module())
}
