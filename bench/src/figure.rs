//! A figure, as it is printed and as it is written.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Which values are better.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Lower,
    Higher,
}

impl Better {
    /// The word for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lower => "less",
            Self::Higher => "more",
        }
    }
}

/// One case: the median of its rounds, and what it is compared with.
#[derive(Serialize, Clone)]
pub(crate) struct Figure {
    pub(crate) suite: &'static str,
    pub(crate) case: &'static str,
    /// `ours`, or who it is that ours are compared with.
    pub(crate) side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) door: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) codec: Option<&'static str>,
    /// Bytes of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<u32>,
    /// How many actors there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actors: Option<u64>,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) value: f64,
    pub(crate) rounds: usize,
    /// Half the distance between the quartiles, as a part of the median.
    pub(crate) spread: f64,
    /// What all threads of the process used, per message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ns: Option<f64>,
    /// The same at the other end, where that is another process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer_cpu_ns: Option<f64>,
    /// Heap allocations per message, of the process in Go if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocs: Option<f64>,
    /// The bytes of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alloc_bytes: Option<f64>,
    /// Times: parts of all messages, and how many microseconds those took at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) quantiles: Vec<(f64, f64)>,
    /// Rounds in which others used the cores.
    pub(crate) noisy: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<&'static str>,
    /// Ours / theirs: the median of the rounds' ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ratio: Option<f64>,
    /// What is wanted at most, or at least where higher is better: a ratio, or a value where nothing is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<f64>,
    /// The same of `cpu_ratio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_goal: Option<f64>,
    pub(crate) versions: String,
    /// When it was taken, in seconds since 1970.
    pub(crate) when: u64,
}

impl Figure {
    /// One without a value yet.
    pub(crate) fn of(suite: &'static str, case: &'static str) -> Self {
        Self {
            suite,
            case,
            side: "ours",
            door: None,
            codec: None,
            payload: None,
            actors: None,
            unit: "",
            better: Better::Lower,
            value: 0.0,
            rounds: 0,
            spread: 0.0,
            cpu_ns: None,
            peer_cpu_ns: None,
            allocs: None,
            alloc_bytes: None,
            quantiles: Vec::new(),
            noisy: 0,
            against: None,
            ratio: None,
            cpu_ratio: None,
            goal: None,
            cpu_goal: None,
            versions: format!("actorbridge {}", env!("CARGO_PKG_VERSION")),
            when: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        }
    }

    /// Has it reached its goal? `None` = it has none.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        let (goal, reached) = (self.goal?, self.ratio.unwrap_or(self.value));
        let cpu = self
            .cpu_goal
            .zip(self.cpu_ratio)
            .is_none_or(|(goal, used)| used <= goal);
        Some(match self.better {
            Better::Lower => reached <= goal && cpu,
            Better::Higher => reached >= goal && cpu,
        })
    }

    /// The goal in words.
    pub(crate) fn goal_text(&self) -> String {
        let sign = if self.better == Better::Lower { "≤" } else { "≥" };
        let cpu = self.cpu_goal.map_or(String::new(), |goal| format!(", cpu ≤ {goal:.2}"));
        self.goal.map_or(String::new(), |goal| format!("{sign} {goal:.2}{cpu}"))
    }
}

/// A ratio, with more digits where it is small.
pub(crate) fn ratio_text(ratio: f64) -> String {
    let digits = if ratio < 0.1 { 4 } else { 2 };
    format!("{ratio:.digits$}")
}

/// Prints a table.
pub(crate) fn print(figures: &[Figure]) {
    println!(
        "{:<22} {:<14} {:>12}       {:>6} {:>9} {:>9} {:>7} {:>9}  {:<20} {:>7} {:>6} {:>8}",
        "case", "side", "value", "spread", "cpu ns", "peer cpu", "allocs", "alloc B", "against", "ratio", "cpu", "goal"
    );
    for f in figures {
        let optional = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.2}"));
        let line = format!(
            "{:<22} {:<14} {:>12.1} {:<5} {:>6.0}% {:>9} {:>9} {:>7} {:>9}  {:<20} {:>7} {:>6} {:>8}{}{}",
            f.case,
            f.side,
            f.value,
            f.unit,
            f.spread * 100.0,
            optional(f.cpu_ns),
            optional(f.peer_cpu_ns),
            optional(f.allocs),
            f.alloc_bytes.map_or(String::new(), |b| format!("{b:.0}")),
            f.against.unwrap_or(""),
            f.ratio.map_or(String::new(), ratio_text),
            optional(f.cpu_ratio),
            f.goal_text(),
            if f.is_reached() == Some(false) { "  missed" } else { "" },
            match f.noisy {
                0 => String::new(),
                noisy => format!("  {noisy} of {} rounds noisy", f.rounds),
            },
        );
        println!("{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Figure, ratio_text};

    #[test]
    fn a_goal_is_at_most_or_at_least_by_what_is_better() {
        let of = |better, ratio, goal| Figure {
            better,
            ratio: Some(ratio),
            goal: Some(goal),
            ..Figure::of("link", "tell_64")
        };
        assert_eq!(of(Better::Higher, 6.1, 6.0).is_reached(), Some(true));
        assert_eq!(of(Better::Higher, 5.9, 6.0).is_reached(), Some(false));
        assert_eq!(of(Better::Lower, 5.9, 6.0).is_reached(), Some(true));
        assert_eq!(Figure::of("link", "tell_64").is_reached(), None);
        let costly = Figure {
            cpu_goal: Some(1.3),
            cpu_ratio: Some(1.4),
            ..of(Better::Lower, 0.9, 1.0)
        };
        assert_eq!(costly.is_reached(), Some(false));
        assert_eq!(costly.goal_text(), "≤ 1.00, cpu ≤ 1.30");
    }

    #[test]
    fn a_small_ratio_is_not_shown_as_none() {
        assert_eq!(ratio_text(1.234), "1.23");
        assert_eq!(ratio_text(0.0034), "0.0034");
    }
}
