//! What the actor knows: counts by carrier, and an order-sensitive digest of every departure. There is no actor in it,
//! so that the Go actor and this one can be held to the same recorded results (`testdata/tally.txt`).

use std::collections::BTreeMap;
use std::ops::Bound;

use prost::Message;

use crate::digest;
use crate::flights::{Carrier, Departure, Gap, Report, Stay};

/// Carriers that an actor keeps.
pub const MAX_CARRIERS: usize = 4096;
const MAX_GAPS: usize = 1024;
const MAX_STAYS: usize = 16;
/// Bytes of carriers in one answer.
const PAGE_BYTES: usize = 32 << 10;

/// Upper ends (excluded) of the arrival delay histogram, in minutes; the last bucket has none.
const BUCKETS: [i64; 7] = [-30, -15, 0, 15, 30, 60, 120];

/// Why a tally refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A departure of carrier number [`MAX_CARRIERS`] + 1. Nothing was counted.
    TooManyCarriers,
    /// A saved tally that no tally wrote.
    ForeignState,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooManyCarriers => "more than 4096 carriers: the actor keeps no more",
            Self::ForeignState => "the saved tally is not of this actor's shape: was it written by another actor?",
        })
    }
}

impl std::error::Error for Refusal {}

/// The state of the actor.
#[derive(Debug, Clone)]
pub struct Tally {
    carriers: BTreeMap<String, Carrier>,
    /// All but the carriers.
    rest: Report,
}

impl Tally {
    /// An empty tally that begins its first stay in `language`.
    pub fn new(language: &str) -> Self {
        let rest = Report {
            digest: digest::OFFSET_BASIS,
            stays: vec![stay(language)],
            ..Report::default()
        };
        Self {
            carriers: BTreeMap::new(),
            rest,
        }
    }

    /// The tally that [`Tally::snapshot`] wrote, beginning a new stay in `language`.
    pub fn restore(mut state: Report, language: &str) -> Result<Self, Refusal> {
        let shaped = |c: &Carrier| c.arr_delay_histogram.len() == BUCKETS.len() + 1;
        if state.carriers.len() > MAX_CARRIERS
            || state.gaps.len() > MAX_GAPS
            || state.stays.len() > MAX_STAYS
            || !state.carriers.iter().all(shaped)
        {
            return Err(Refusal::ForeignState);
        }
        let carriers = std::mem::take(&mut state.carriers)
            .into_iter()
            .map(|c| (c.carrier.clone(), c))
            .collect();
        state.stays.push(stay(language));
        if state.stays.len() > MAX_STAYS {
            state.stays.remove(0);
        }
        Ok(Self { carriers, rest: state })
    }

    /// Counts one departure. It refuses a carrier too many, and then counts nothing.
    pub fn add(&mut self, d: &Departure) -> Result<(), Refusal> {
        if !self.carriers.contains_key(&d.carrier) {
            if self.carriers.len() == MAX_CARRIERS {
                return Err(Refusal::TooManyCarriers);
            }
            let carrier = Carrier {
                carrier: d.carrier.clone(),
                arr_delay_histogram: vec![0; BUCKETS.len() + 1],
                ..Carrier::default()
            };
            self.carriers.insert(d.carrier.clone(), carrier);
        }
        self.place(d.row);
        self.rest.handled += 1;
        if let Some(stay) = self.rest.stays.last_mut() {
            stay.handled += 1;
        }
        self.rest.digest = digest::chain(self.rest.digest, d);
        if let Some(carrier) = self.carriers.get_mut(&d.carrier) {
            count(carrier, d);
        }
        Ok(())
    }

    /// Says whether the row is the next one, comes after a gap, fills one, or came before.
    fn place(&mut self, row: u64) {
        let rest = &mut self.rest;
        if row > rest.last_row {
            if row > rest.last_row + 1 && rest.gaps.len() < MAX_GAPS {
                rest.gaps.push(Gap {
                    from: rest.last_row + 1,
                    to: row - 1,
                });
            }
            rest.last_row = row;
            return;
        }
        let Some(i) = rest.gaps.iter().position(|gap| (gap.from..=gap.to).contains(&row)) else {
            rest.twice += 1;
            return;
        };
        rest.out_of_order += 1;
        let Gap { from, to } = rest.gaps[i];
        let mut left = Vec::new();
        if from < row {
            left.push(Gap { from, to: row - 1 });
        }
        if row < to && rest.gaps.len() + left.len() <= MAX_GAPS {
            left.push(Gap { from: row + 1, to });
        }
        rest.gaps.splice(i..=i, left);
    }

    /// The complete state.
    pub fn snapshot(&self) -> Report {
        Report {
            carriers: self.carriers.values().cloned().collect(),
            ..self.rest.clone()
        }
    }

    /// The state with as many of the carriers after `after` (`None`: from the first) as one message takes; the gaps are
    /// left out.
    pub fn page(&self, after: Option<&str>) -> Report {
        let mut page = Report {
            gaps: Vec::new(),
            ..self.rest.clone()
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut size = 0;
        for carrier in self
            .carriers
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, carrier)| carrier)
        {
            size += carrier.encoded_len();
            if size > PAGE_BYTES && !page.carriers.is_empty() {
                page.more = true;
                break;
            }
            page.carriers.push(carrier.clone());
        }
        page
    }
}

fn stay(language: &str) -> Stay {
    Stay {
        language: language.to_owned(),
        handled: 0,
    }
}

fn count(carrier: &mut Carrier, d: &Departure) {
    carrier.flights += 1;
    if d.dep_time.is_none() {
        carrier.cancelled += 1;
    }
    if let Some(delay) = d.dep_delay {
        carrier.dep_delay_sum = carrier.dep_delay_sum.saturating_add(delay);
    }
    let Some(delay) = d.arr_delay else { return };
    carrier.arrived += 1;
    carrier.arr_delay_sum = carrier.arr_delay_sum.saturating_add(delay);
    carrier.arr_delay_max = Some(carrier.arr_delay_max.map_or(delay, |max| max.max(delay)));
    let bucket = BUCKETS.iter().position(|end| delay < *end).unwrap_or(BUCKETS.len());
    carrier.arr_delay_histogram[bucket] += 1;
}
