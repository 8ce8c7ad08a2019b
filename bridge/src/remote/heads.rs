//! The heads of HTTP/2 frames as they pass by.

/// What a client says before its first frame.
const PREFACE: usize = 24;
const HEAD: usize = 9;
pub(super) const RST_STREAM: u8 = 3;

/// What began in some bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) frames: u32,
    /// Those of them that reset a call.
    pub(super) resets: u32,
}

/// The frames of one direction, of which nothing is kept. By default a server's.
#[derive(Default)]
pub(super) struct Heads {
    head: [u8; HEAD],
    /// Bytes of it that are there, and bytes that follow and are no head.
    have: usize,
    skip: usize,
}

impl Heads {
    pub(super) fn of_client() -> Self {
        Self {
            skip: PREFACE,
            ..Self::default()
        }
    }

    /// The frames whose heads end in these bytes, which are the next.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> Count {
        let mut count = Count::default();
        loop {
            let skipped = self.skip.min(bytes.len());
            (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            let more = (HEAD - self.have).min(bytes.len());
            if more == 0 {
                return count;
            }
            self.head[self.have..self.have + more].copy_from_slice(&bytes[..more]);
            (self.have, bytes) = (self.have + more, &bytes[more..]);
            if self.have == HEAD {
                let [a, b, c, kind, ..] = self.head;
                (self.have, self.skip) = (0, u32::from_be_bytes([0, a, b, c]) as usize);
                count.frames += 1;
                count.resets += u32::from(kind == RST_STREAM);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_the_bytes_come() {
        let data = [&[0, 0, 13, 0, 0, 0, 0, 0, 1][..], &[RST_STREAM; 13]].concat();
        let reset = [0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        let bytes = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &data, &reset, &data, &reset].concat();
        for portion in 1..=bytes.len() {
            let (mut heads, mut all) = (Heads::of_client(), Count::default());
            for some in bytes.chunks(portion) {
                let count = heads.count(some);
                all.frames += count.frames;
                all.resets += count.resets;
            }
            assert_eq!((all.frames, all.resets), (4, 2), "in portions of {portion} bytes");
        }
    }
}
