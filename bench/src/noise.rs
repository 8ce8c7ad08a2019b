//! Did others use the cores meanwhile?

use std::fs;
use std::time::{Duration, Instant};

/// More than this part of the cores used by others makes a round noisy.
const NOISY: f64 = 0.05;
/// How long a quiet machine is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time that all cores were busy so far, in seconds, and how many cores there are. Zero where there is no `/proc/stat`.
fn busy() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let cores = stat
        .lines()
        .filter(|l| l.starts_with("cpu") && !l.starts_with("cpu "))
        .count();
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|t| t.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; a tick is 10 ms on Linux.
    let of = |at: usize| ticks.get(at).copied().unwrap_or(0.0) / 100.0;
    (of(0) + of(1) + of(2) + of(5) + of(6) + of(7), cores as f64)
}

/// A stretch of time that is looked at.
pub(crate) struct Watch {
    start: Instant,
    busy: f64,
    cores: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let (busy, cores) = busy();
        Self {
            start: Instant::now(),
            busy,
            cores,
        }
    }

    /// Were the cores used by others than us, who used so many seconds of them?
    pub(crate) fn is_noisy(&self, ours: f64) -> bool {
        let others = busy().0 - self.busy - ours;
        // What is counted in ticks is known to a few of them.
        others > NOISY * self.cores * self.start.elapsed().as_secs_f64() + 0.05
    }
}

/// Waits for a machine on which nothing else runs, for a while. Says whether it came.
pub(crate) fn wait_for_quiet() -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let watch = Watch::start();
        std::thread::sleep(Duration::from_millis(500));
        if !watch.is_noisy(0.0) {
            return true;
        }
    }
    false
}
