//! What is told of connections that become no link: no peer can fill a log with them.

use std::sync::Mutex;
use std::time::Duration;

use actorbridge_proto::v1::RefusalReason;
use tokio::time::Instant;

use crate::node::lock;

/// Most that are told in a minute; the next one that is told says how many there were beside.
const TOLD: u32 = 16;
const MINUTE: Duration = Duration::from_secs(60);

/// What is told of connections that become no link.
pub trait Refused: Send + Sync + 'static {
    /// A connection, or a link, is refused: each is counted.
    fn count(&self, reason: RefusalReason);
    /// From where a connection is that is refused, and for what, nothing if it is about none; and why: not each is told.
    fn tell(&self, from: &str, reason: Option<RefusalReason>, why: &str);
}

/// Nobody hears of it.
impl Refused for () {
    fn count(&self, _: RefusalReason) {}

    fn tell(&self, _: &str, _: Option<RefusalReason>, _: &str) {}
}

/// Tells of connections that become no link.
pub(super) struct Refusals {
    to: Box<dyn Refused>,
    state: Mutex<State>,
}

struct State {
    since: Instant,
    told: u32,
    untold: u64,
}

impl Refusals {
    pub(super) fn new(to: impl Refused) -> Self {
        Self {
            to: Box::new(to),
            state: Mutex::new(State {
                since: Instant::now(),
                told: 0,
                untold: 0,
            }),
        }
    }

    /// A connection is refused.
    pub(super) fn add(&self, from: &str, reason: RefusalReason, why: &str) {
        self.to.count(reason);
        self.say(from, Some(reason), why);
    }

    /// Something is to be told that refuses no connection by itself.
    pub(super) fn tell(&self, why: &str) {
        self.say("", None, why);
    }

    fn say(&self, from: &str, reason: Option<RefusalReason>, why: &str) {
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
            0 => self.to.tell(from, reason, why),
            more => self.to.tell(from, reason, &format!("{why}; {more} more were not told")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    struct Heard(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

    impl Refused for Heard {
        fn count(&self, _: RefusalReason) {
            self.1.fetch_add(1, Relaxed);
        }

        fn tell(&self, from: &str, _: Option<RefusalReason>, why: &str) {
            lock(&self.0).push(format!("{from}: {why}"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_sixteen_lines_and_the_next_says_what_was_left_out() {
        let (lines, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let refusals = Refusals::new(Heard(lines.clone(), count.clone()));
        let add = || refusals.add("here", RefusalReason::NoTls, "no");
        (0..20).for_each(|_| add());
        assert_eq!(lock(&lines).len(), 16);
        tokio::time::advance(MINUTE).await;
        add();
        assert_eq!(
            lock(&lines).last().map(String::as_str),
            Some("here: no; 4 more were not told")
        );
        assert_eq!(count.load(Relaxed), 21, "each is counted");
    }
}
