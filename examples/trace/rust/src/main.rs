//! The Rust half as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(trace_rust::module())
}
