//! The Rust peer of the compat matrix: compat-tests/matrix/README.md.

use std::process::ExitCode;

use compat_matrix_rust::{Mutant, Peer, Schema, frames};
use prost::Message as _;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("compat-matrix-rust: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let schema = match std::env::args().nth(1).as_deref() {
        Some("v1") => Schema::V1,
        Some("v2") => Schema::V2,
        other => return Err(format!("start it with v1 or v2, not with {other:?}")),
    };
    let peer = Peer::new(schema, Mutant::of_environment()?)?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    while let Some(frame) = frames::read(&mut input).map_err(|e| e.to_string())? {
        let order = prost::Message::decode(&*frame).map_err(|e| format!("not an order: {e}"))?;
        let answer = peer.carry_out(order).encode_to_vec();
        frames::write(&mut output, &answer).map_err(|e| e.to_string())?;
    }
    Ok(())
}
