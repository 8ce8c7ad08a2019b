//! Rounds: the cases take turns, and what they took is put together.

use std::error::Error;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use crate::noise::{self, Watch};
use crate::process::{Measured, Program};

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    /// How long one measurement should take.
    pub(crate) turn: Duration,
    waits: bool,
    /// How many messages are tried first, to find out how long they take.
    first: u64,
}

impl Plan {
    /// `turn` is in milliseconds.
    pub(crate) fn new(quick: bool, rounds: Option<u32>, turn: Option<u64>) -> Self {
        Self {
            rounds: rounds.unwrap_or(if quick { 3 } else { 7 }),
            turn: Duration::from_millis(turn.unwrap_or(if quick { 60 } else { 250 })),
            waits: !quick,
            first: 1_000,
        }
    }

    pub(crate) fn is_quick(&self) -> bool {
        !self.waits
    }

    /// Waits for a machine on which nothing else runs, if this plan does so, and says if it did not come.
    pub(crate) fn wait_for_quiet(&self) {
        if self.waits {
            progress("waiting for a quiet machine");
            if !noise::wait_for_quiet() {
                progress("");
                eprintln!("bench: others use this machine; rounds in which they do are marked");
            }
        }
    }

    /// For cases of which one may take long.
    pub(crate) fn beginning_with_one(self) -> Self {
        Self { first: 1, ..self }
    }
}

/// The parts of which programs tell the quantiles (`bench/go/meter/times.go` knows them too).
pub(crate) const QUANTILES: [f64; 11] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0];

/// What the rounds of one case took, per message.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) ns: Vec<f64>,
    pub(crate) cpu_ns: Vec<f64>,
    pub(crate) peer_cpu_ns: Vec<f64>,
    pub(crate) bytes: Vec<f64>,
    /// Each round's [`QUANTILES`].
    pub(crate) quantiles: Vec<Vec<f64>>,
    pub(crate) allocs: Vec<f64>,
    pub(crate) alloc_bytes: Vec<f64>,
    pub(crate) noisy: usize,
}

impl Taken {
    pub(crate) fn add(&mut self, m: &Measured, noisy: bool) {
        let per = |all: f64| all / m.n as f64;
        self.ns.push(per(m.ns));
        self.cpu_ns.push(per(m.cpu_ns));
        self.peer_cpu_ns.push(per(m.peer_cpu_ns));
        self.bytes.push(per(m.bytes));
        self.quantiles.push(m.quantiles.clone());
        self.allocs.push(per(m.allocs));
        self.alloc_bytes.push(per(m.alloc_bytes));
        self.noisy += usize::from(noisy);
    }

    /// Round by round, in microseconds: what this part of the messages, one of [`QUANTILES`], took at most.
    pub(crate) fn at_most(&self, part: f64) -> Vec<f64> {
        let at = QUANTILES.iter().position(|q| *q == part).unwrap_or_default();
        let of = |round: &Vec<f64>| round.get(at).map_or(f64::NAN, |ns| ns / 1e3);
        self.quantiles.iter().map(of).collect()
    }

    /// The medians of that for all of [`QUANTILES`].
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        QUANTILES
            .iter()
            .map(|part| (*part, median(&self.at_most(*part))))
            .collect()
    }
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Half the distance between the quartiles, as a part of the median.
pub(crate) fn spread(values: &[f64]) -> f64 {
    (quantile(values, 0.75) - quantile(values, 0.25)) / 2.0 / median(values)
}

fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * (sorted.len().saturating_sub(1)) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match sorted.get(above) {
        Some(high) => sorted[below] + (high - sorted[below]) * (place - below as f64),
        None => f64::NAN,
    }
}

/// Round by round, each case once, in the program of this number.
pub(crate) fn take_turns(
    programs: &mut [Program],
    cases: &[(usize, &str)],
    plan: &Plan,
) -> Result<Vec<Taken>, Box<dyn Error>> {
    let mut sizes = Vec::new();
    for (program, case) in cases {
        progress(&format!("warming up: {case}"));
        sizes.push(size_of_turn(&mut programs[*program], case, plan)?);
    }
    plan.wait_for_quiet();
    let mut taken: Vec<Taken> = cases.iter().map(|_| Taken::default()).collect();
    for round in 1..=plan.rounds {
        for (at, (program, case)) in cases.iter().enumerate() {
            progress(&format!("round {round} of {}: {case}", plan.rounds));
            let watch = Watch::start();
            let measured = programs[*program].measure(case, sizes[at])?;
            let ours = (measured.cpu_ns + measured.peer_cpu_ns) / 1e9;
            taken[at].add(&measured, watch.is_noisy(ours));
        }
    }
    progress("");
    Ok(taken)
}

/// How many messages take about so long.
pub(crate) fn size_of_turn(program: &mut Program, case: &str, plan: &Plan) -> Result<u64, Box<dyn Error>> {
    let mut n = plan.first;
    loop {
        let measured = program.measure(case, n)?;
        let factor = plan.turn.as_nanos() as f64 / measured.ns;
        if factor <= 1.5 || n >= 50_000_000 {
            return Ok(n);
        }
        n = (n as f64 * factor.min(20.0)) as u64;
    }
}

/// One line on a terminal, written over and over; an empty one clears it.
pub(crate) fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
        let _ = std::io::stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::{median, spread};

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_is_that_of_the_quartiles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), 1.0 / 3.0);
    }
}
