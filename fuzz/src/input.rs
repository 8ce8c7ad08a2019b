//! Choices made of a fuzzer's bytes.

/// Bytes that are used up from the front; zeros follow their end.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Small most of the time, as those numbers are that name something, and sometimes any number.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            n @ 0..=250 => u64::from(n) % 20,
            251 => u64::from(u32::MAX),
            252 => u64::MAX,
            253 => 1 << 62,
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    pub(crate) fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// At most `most` bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let wanted = usize::from(self.byte()).min(most).min(self.0.len());
        let (taken, rest) = self.0.split_at(wanted);
        self.0 = rest;
        taken
    }
}
