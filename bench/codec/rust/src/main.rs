//! Measures what the suite `codec` measures in Rust.

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    actorbridge_bench_codec::serve(|run, n| {
        let (used, start) = (cpu_time(), Instant::now());
        let mut bytes = 0;
        for _ in 0..n {
            bytes += black_box(run()?);
        }
        let (ns, cpu_ns) = (start.elapsed().as_nanos() as u64, cpu_time() - used);
        Ok(json!({ "n": n, "ns": ns, "cpu_ns": cpu_ns, "peer_cpu_ns": 0, "bytes": bytes }))
    })
}

/// What this thread, the only one, has used so far, in nanoseconds; 0 where Linux does not say.
fn cpu_time() -> u64 {
    // Linux brings the number up to date when a thread may be switched, and else only every few milliseconds.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}
