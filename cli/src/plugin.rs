//! `protoc-gen-actorbridge-go`: the typed Go actors, for teams that use protoc or buf.

use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut request = Vec::new();
    let done = std::io::stdin().read_to_end(&mut request);
    match done.and_then(|_| std::io::stdout().write_all(&actorbridge_gen::plugin::answer(&request))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("protoc-gen-actorbridge-go: {problem}");
            ExitCode::FAILURE
        }
    }
}
