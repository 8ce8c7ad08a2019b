//! What is told of connections that become no link: no peer can fill a log with them.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::node::lock;

/// Most that are told in a minute; the next one that is told says how many there were beside.
const TOLD: u32 = 16;
const MINUTE: Duration = Duration::from_secs(60);

/// Is told from where a connection is, nothing if it is about none, and why.
type Tell = dyn Fn(&str, &str) + Send + Sync;

/// Tells of connections that become no link.
pub(super) struct Refusals {
    tell: Box<Tell>,
    state: Mutex<State>,
}

struct State {
    since: Instant,
    told: u32,
    untold: u64,
}

impl Refusals {
    pub(super) fn new(tell: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        Self {
            tell: Box::new(tell),
            state: Mutex::new(State {
                since: Instant::now(),
                told: 0,
                untold: 0,
            }),
        }
    }

    pub(super) fn add(&self, from: &str, why: &str) {
        let untold = {
            let mut state = lock(&self.state);
            if state.since.elapsed() >= MINUTE {
                (state.since, state.told) = (Instant::now(), 0);
            }
            if state.told == TOLD {
                state.untold += 1;
                return;
            }
            state.told += 1;
            std::mem::take(&mut state.untold)
        };
        match untold {
            0 => (self.tell)(from, why),
            more => (self.tell)(from, &format!("{why}; {more} more were not told")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_sixteen_lines_and_the_next_says_what_was_left_out() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = lines.clone();
        let refusals = Refusals::new(move |from, why| lock(&told).push(format!("{from}: {why}")));
        (0..20).for_each(|_| refusals.add("here", "no"));
        assert_eq!(lock(&lines).len(), 16);
        tokio::time::advance(MINUTE).await;
        refusals.add("here", "no");
        assert_eq!(
            lock(&lines).last().map(String::as_str),
            Some("here: no; 4 more were not told")
        );
    }
}
