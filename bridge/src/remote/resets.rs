//! Calls that are reset. HTTP/2 forgets them at once, so a bound of calls at a time holds nobody who opens calls and resets them, or who
//! opens more than there may be.

use std::time::Duration;

use tokio::time::Instant;

/// Most calls of a connection that may be reset in a second, by either side. A client may open 100 before it knows how many there
/// may be.
pub(super) const MAX_RESETS: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

/// What a client says before its first frame.
const PREFACE: usize = 24;
const HEAD: usize = 9;
const RST_STREAM: u8 = 3;

/// Counts the resets of a connection that a client has made.
pub(super) struct Resets {
    came: Frames,
    left: Frames,
    since: Instant,
    now: u32,
}

impl Resets {
    pub(super) fn new() -> Self {
        Self {
            came: Frames {
                skip: PREFACE,
                ..Frames::default()
            },
            left: Frames::default(),
            since: Instant::now(),
            now: 0,
        }
    }

    /// The next bytes of the client. Are there too many resets?
    pub(super) fn came(&mut self, bytes: &[u8]) -> bool {
        let resets = self.came.resets(bytes);
        self.is_over(resets)
    }

    /// The next bytes for the client. Are there too many resets?
    pub(super) fn left(&mut self, bytes: &[u8]) -> bool {
        let resets = self.left.resets(bytes);
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

/// The frames of one direction, of which nothing is kept.
#[derive(Default)]
struct Frames {
    head: [u8; HEAD],
    /// Bytes of it that are there, and bytes that follow and are no head.
    have: usize,
    skip: usize,
}

impl Frames {
    /// How many frames that reset a call begin in these bytes.
    fn resets(&mut self, mut bytes: &[u8]) -> u32 {
        let mut resets = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            let more = (HEAD - self.have).min(bytes.len());
            if more == 0 {
                return resets;
            }
            self.head[self.have..self.have + more].copy_from_slice(&bytes[..more]);
            (self.have, bytes) = (self.have + more, &bytes[more..]);
            if self.have == HEAD {
                let [a, b, c, kind, ..] = self.head;
                (self.have, self.skip) = (0, u32::from_be_bytes([0, a, b, c]) as usize);
                resets += u32::from(kind == RST_STREAM);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn resets_are_found_however_the_bytes_come_and_counted_by_the_second() {
        let data = [&[0, 0, 13, 0, 0, 0, 0, 0, 1][..], &[RST_STREAM; 13]].concat();
        let reset = [0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        let bytes = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &data, &reset, &data, &reset].concat();
        for portion in 1..=bytes.len() {
            let mut resets = Resets::new();
            for some in bytes.chunks(portion) {
                assert!(!resets.came(some));
            }
            assert_eq!(resets.now, 2, "in portions of {portion} bytes");
        }
        let mut resets = Resets::new();
        for _ in 0..3 {
            for n in 1..=MAX_RESETS {
                assert!(!resets.left(&reset), "reset {n}");
            }
            tokio::time::advance(SECOND).await;
        }
        assert!(resets.left(&reset.repeat(MAX_RESETS as usize + 1)));
    }
}
