//! The shop's Rust actors as a program of their own, for the remote and the sidecar door.

use std::process::ExitCode;

fn main() -> ExitCode {
    actorbridge::serve(shop_rust::module())
}
