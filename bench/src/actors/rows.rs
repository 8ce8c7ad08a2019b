//! The rows of the suite `actors`: what is measured in which language, with how many actors.

use crate::rounds::Taken;

/// Who may be measured together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Go,
    Rust,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Rust => "rust",
        }
    }
}

/// A figure of ours and what it is compared with.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) language: Language,
    /// How many actors there are. Messages go to them in no order.
    pub(super) actors: u64,
    /// What our program measures for it, and the others'.
    pub(super) case: &'static str,
    pub(super) against: &'static str,
}

impl Row {
    pub(super) fn is_memory(&self) -> bool {
        self.case == "idle_bytes"
    }

    /// Round by round: bytes an actor, or ns an actor or a message.
    pub(super) fn values<'a>(&self, taken: &'a Taken) -> &'a [f64] {
        if self.is_memory() { &taken.bytes } else { &taken.ns }
    }
}

pub(super) const MILLION: u64 = 1_000_000;
/// How many actors there are.
pub(super) const SIZES: [u64; 4] = [1, 1_000, 100_000, MILLION];

macro_rules! row {
    ($case:literal, $against:literal, $language:ident, $end:literal, $actors:expr) => {
        Row {
            name: concat!($case, $end),
            language: Language::$language,
            actors: $actors,
            case: $case,
            against: $against,
        }
    };
}

/// A case in both languages, with each number of actors.
macro_rules! rows {
    ($case:literal, $against:literal) => {
        [
            row!($case, $against, Go, "_go", SIZES[0]),
            row!($case, $against, Go, "_go_1k", SIZES[1]),
            row!($case, $against, Go, "_go_100k", SIZES[2]),
            row!($case, $against, Go, "_go_1m", SIZES[3]),
            row!($case, $against, Rust, "_rust", SIZES[0]),
            row!($case, $against, Rust, "_rust_1k", SIZES[1]),
            row!($case, $against, Rust, "_rust_100k", SIZES[2]),
            row!($case, $against, Rust, "_rust_1m", SIZES[3]),
        ]
    };
}

static ROWS: [[Row; 8]; 6] = [
    rows!("spawn", "spawn"),
    rows!("idle_bytes", "idle_bytes"),
    rows!("tell", "tell"),
    // None of the others has batches.
    rows!("tell_batch64", "tell"),
    rows!("ask", "ask"),
    rows!("ask_c64", "ask_c64"),
];

/// All rows, case by case.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    // What it takes to make one actor, or what it has, is less than what the process does beside.
    let is_measured = |row: &&Row| row.actors > 1 || !matches!(row.case, "spawn" | "idle_bytes");
    ROWS.iter().flatten().filter(is_measured)
}
