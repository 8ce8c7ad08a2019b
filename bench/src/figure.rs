//! A figure, as it is printed and as it is written.

use serde::Serialize;

/// One case: the median of its rounds, and what it is compared with.
#[derive(Serialize)]
pub(crate) struct Figure {
    pub(crate) suite: &'static str,
    pub(crate) case: &'static str,
    /// `ours`, or who it is that ours are compared with.
    pub(crate) side: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) rounds: usize,
    /// Half the distance between the quartiles, as a part of the median.
    pub(crate) spread: f64,
    /// What all threads of the process used, per message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ns: Option<f64>,
    /// Go's heap allocations per message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) go_allocs: Option<f64>,
    /// Rounds in which others used the cores.
    pub(crate) noisy: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<&'static str>,
    /// Ours / theirs: the median of the rounds' ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ratio: Option<f64>,
    /// What is wanted, at most: a ratio, or a value where nothing is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<f64>,
    pub(crate) versions: String,
    /// When it was taken, in seconds since 1970.
    pub(crate) when: u64,
}

/// Prints a table.
pub(crate) fn print(figures: &[Figure]) {
    println!(
        "{:<22} {:>10}    {:>7} {:>10} {:>7}  {:<22} {:>6} {:>6} {:>6}",
        "case", "value", "spread", "cpu ns", "allocs", "against", "ratio", "cpu", "goal"
    );
    for f in figures {
        let optional = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.2}"));
        println!(
            "{:<22} {:>10.1} {:<2} {:>6.0}% {:>10} {:>7}  {:<22} {:>6} {:>6} {:>6}{}",
            f.case,
            f.value,
            f.unit,
            f.spread * 100.0,
            optional(f.cpu_ns),
            optional(f.go_allocs),
            f.against.unwrap_or(""),
            optional(f.ratio),
            optional(f.cpu_ratio),
            optional(f.goal),
            if f.noisy > 0 {
                format!("  {} of {} rounds noisy", f.noisy, f.rounds)
            } else {
                String::new()
            },
        );
    }
}
