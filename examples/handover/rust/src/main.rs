//! The Rust half as a process of its own, for the remote door.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(handover_rust::module())
}
