//! Calls that are reset. HTTP/2 forgets them at once, so a bound of calls at a time holds nobody who opens calls and resets them, or who
//! opens more than there may be.

use std::time::Duration;

use tokio::time::Instant;

use super::heads::Heads;

/// Most calls of a connection that may be reset in a second, by either side. A client may open 100 before it knows how many there
/// may be.
pub(super) const MAX_RESETS: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

/// Counts the resets of a connection that a client has made.
pub(super) struct Resets {
    left: Heads,
    since: Instant,
    now: u32,
}

impl Resets {
    pub(super) fn new() -> Self {
        Self {
            left: Heads::default(),
            since: Instant::now(),
            now: 0,
        }
    }

    /// So many more came from the client. Are there too many?
    pub(super) fn came(&mut self, resets: u32) -> bool {
        self.is_over(resets)
    }

    /// The next bytes for the client. Are there too many resets?
    pub(super) fn left(&mut self, bytes: &[u8]) -> bool {
        let resets = self.left.count(bytes).resets;
        self.is_over(resets)
    }

    fn is_over(&mut self, resets: u32) -> bool {
        if resets == 0 {
            return false;
        }
        if self.since.elapsed() >= SECOND {
            (self.since, self.now) = (Instant::now(), 0);
        }
        self.now += resets;
        self.now > MAX_RESETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::heads::RST_STREAM;

    #[tokio::test(start_paused = true)]
    async fn resets_are_counted_by_the_second() {
        let reset = [0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        let mut resets = Resets::new();
        for _ in 0..3 {
            for n in 1..=MAX_RESETS / 2 {
                assert!(!resets.left(&reset), "reset {n}");
                assert!(!resets.came(1), "reset {n}");
            }
            tokio::time::advance(SECOND).await;
        }
        assert!(resets.left(&reset.repeat(MAX_RESETS as usize + 1)));
    }
}
