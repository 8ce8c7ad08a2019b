//! Counts the heap allocations of the suite `codec` in Rust. A program of its own, since the allocator that counts is slower.

use allocation_counter::measure;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    actorbridge_bench_codec::serve(|run, n| {
        let (mut bytes, mut failed) = (0, None);
        let counted = measure(|| {
            for _ in 0..n {
                match run() {
                    Ok(of_one) => bytes += of_one,
                    Err(error) => failed = Some(error),
                }
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(json!({
                "n": n, "ns": 0, "cpu_ns": 0, "peer_cpu_ns": 0, "bytes": bytes,
                "allocs": counted.count_total, "alloc_bytes": counted.bytes_total,
            })),
        }
    })
}
