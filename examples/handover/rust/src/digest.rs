//! The order-sensitive digest: FNV-1a, 64 bits, over every field of every departure.

use crate::flights::Departure;

/// The digest of nothing.
pub(crate) const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Chains one departure onto `sum`: its row, then its columns in the file's order. A number is a byte 1 and 8 bytes,
/// little-endian, or a byte 0 if the field is empty; a text is its length in 4 bytes, little-endian, and its bytes.
pub(crate) fn chain(sum: u64, d: &Departure) -> u64 {
    let mut digest = Digest(sum);
    digest.bytes(&d.row.to_le_bytes());
    digest.numbers([
        d.year,
        d.month,
        d.day,
        d.dep_time,
        d.sched_dep_time,
        d.dep_delay,
        d.arr_time,
        d.sched_arr_time,
        d.arr_delay,
    ]);
    digest.text(&d.carrier);
    digest.numbers([d.flight]);
    for text in [&d.tailnum, &d.origin, &d.dest] {
        digest.text(text);
    }
    digest.numbers([d.air_time, d.distance, d.hour, d.minute]);
    digest.text(&d.time_hour);
    digest.0
}

struct Digest(u64);

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    fn numbers<const N: usize>(&mut self, numbers: [Option<i64>; N]) {
        for number in numbers {
            match number {
                None => self.bytes(&[0]),
                Some(value) => {
                    self.bytes(&[1]);
                    self.bytes(&value.to_le_bytes());
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        // A message is far below 4 GiB, so the length always fits.
        self.bytes(&(text.len() as u32).to_le_bytes());
        self.bytes(text.as_bytes());
    }
}
