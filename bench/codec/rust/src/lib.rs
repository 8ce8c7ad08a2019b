//! The cases of the suite `codec` in Rust, for the programs that measure them: each gets a line of JSON for each measurement, and
//! answers with one.
//!
//! A case is `CODEC/MESSAGE/WHAT`, such as `json/flight/decode`; the codec `array` is MessagePack by rmp-serde, of structs of serde; `envelope/view`, `envelope/prost_decode`, `envelope/encode` and
//! `envelope/prost_encode` are the envelope of this library beside what prost makes of its schema, and `envelope/utf8` is the check of its
//! four texts alone.

mod array;
mod cases;
mod flights;

#[path = "gen/mod.rs"]
mod generated;

use std::error::Error;
use std::io::{Write as _, stdin, stdout};
use std::path::Path;

/// The messages that are measured.
pub use generated::bench::codec::v1 as wire;
use serde::Deserialize;
use serde_json::{Value, json};

/// What runs once, and says of how many bytes that was.
pub type Run = Box<dyn Fn() -> Result<u64, Box<dyn Error>>>;

#[derive(Deserialize)]
struct Order {
    case: String,
    n: u64,
}

/// Answers orders until the input ends; `measure` runs a case so many times. The program's argument is the file of flights.
///
/// # Errors
/// What is wrong with the file or an order, or what `measure` fails with.
pub fn serve(measure: impl Fn(&Run, u64) -> Result<Value, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("say which flights: the path of a .csv.gz")?;
    let cases = cases::all(&flights::read(Path::new(&path))?)?;
    for line in stdin().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let answer = match cases.iter().find(|(name, _)| *name == order.case) {
            None => json!({ "error": format!("there is no case {}", order.case) }),
            Some((_, run)) => measure(run, order.n)?,
        };
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
