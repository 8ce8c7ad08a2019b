//! What the suite `codec` measures in Rust: it gets a line of JSON for each measurement, and answers with one.
//!
//! A case is `CODEC/MESSAGE/WHAT`, such as `json/flight/decode`; `envelope/view`, `envelope/prost_decode`, `envelope/encode` and
//! `envelope/prost_encode` are the envelope of this library beside what prost makes of its schema.

mod cases;
mod flights;

#[path = "gen/mod.rs"]
mod generated;

use std::error::Error;
use std::hint::black_box;
use std::io::{Write as _, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use generated::bench::codec::v1 as wire;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Order {
    case: String,
    n: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: bench-codec-rust FLIGHTS.csv.gz")?;
    let cases = cases::all(&flights::read(Path::new(&path))?)?;
    for line in stdin().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let answer = match cases.iter().find(|(name, _)| *name == order.case) {
            None => json!({ "error": format!("there is no case {}", order.case) }),
            Some((_, run)) => {
                let (used, start) = (cpu_time(), Instant::now());
                let mut bytes = 0;
                for _ in 0..order.n {
                    bytes += black_box(run()?);
                }
                let (ns, cpu_ns) = (start.elapsed().as_nanos() as u64, cpu_time() - used);
                json!({ "n": order.n, "ns": ns, "cpu_ns": cpu_ns, "peer_cpu_ns": 0, "allocs": 0, "bytes": bytes })
            }
        };
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// What this thread, the only one, has used so far, in nanoseconds; 0 where Linux does not say.
fn cpu_time() -> u64 {
    // Linux brings the number up to date when a thread may be switched, and else only every few milliseconds.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}
