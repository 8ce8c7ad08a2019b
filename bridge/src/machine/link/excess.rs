//! How long a frame lay on the way: that is charged to the deadlines of what is in it.

use actorbridge_proto::Packet;

use super::{Link, Millis};

/// For how long the fastest frame is looked for: in the present window and the one before.
const WINDOW: Millis = 30_000;

/// Finds how much longer a frame took than the fastest ones of the last half or whole minute: that is the time that it lay in
/// buffers. The clocks of the two nodes need not agree: only differences count, and their numbers may wrap around.
#[derive(Debug, Default)]
pub(super) struct Excess {
    /// The least difference between the clocks when a frame came and when it was built: in this window, and in the one before.
    fastest: u32,
    before: u32,
    /// The end of the window; 0 = no frame has come.
    until: Millis,
}

impl Excess {
    /// The excess of a frame that comes now.
    fn of(&mut self, sent_ms: u32, now: Millis) -> u32 {
        let took = (now as u32).wrapping_sub(sent_ms);
        if self.until == 0 || now >= self.until + WINDOW {
            (self.fastest, self.before, self.until) = (took, took, now + WINDOW);
        } else if now >= self.until {
            (self.fastest, self.before, self.until) = (took, self.fastest, now + WINDOW);
        } else {
            self.fastest = faster(took, self.fastest);
        }
        took.wrapping_sub(faster(self.fastest, faster(took, self.before)))
    }
}

fn faster(a: u32, b: u32) -> u32 {
    match (a.wrapping_sub(b) as i32) < 0 {
        true => a,
        false => b,
    }
}

/// What is left of a time: none (0) stays none, and what is over is found so by whoever holds the message, who answers.
fn charged(ttl_ms: u32, late: u32) -> u32 {
    match ttl_ms {
        0 => 0,
        left => left.saturating_sub(late).max(1),
    }
}

impl Link {
    /// Lowers the time that is left to what is in a packet by how long it lay on the way. It is to be called of each packet that
    /// comes, before anything else. A peer that does not say when it built the packet (`sent_ms` 0) is believed.
    pub fn charge(&mut self, packet: &mut Packet, now: Millis) {
        if packet.head.sent_ms == 0 {
            return;
        }
        let late = self.excess.of(packet.head.sent_ms, now);
        if late == 0 {
            return;
        }
        for run in &mut packet.runs {
            run.items
                .iter_mut()
                .for_each(|item| item.ttl_ms = charged(item.ttl_ms, late));
            if let Some(packed) = &mut run.packed {
                packed.ttl_ms = charged(packed.ttl_ms, late);
            }
        }
        for part in &mut packet.head.fragment {
            part.ttl_ms = charged(part.ttl_ms, late);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Excess, charged};

    /// When a frame was built and when it came, by two clocks that differ, and how much longer than the fastest one it took. Go has
    /// the same table.
    const FRAMES: [(u32, u64, u32); 10] = [
        (5_000, 1_000_020, 0), // the first one: nothing to compare it with
        (5_100, 1_000_120, 0),
        (5_200, 1_000_720, 500),
        (5_800, 1_000_815, 0), // faster than all before
        (5_900, 1_000_920, 5),
        (35_000, 1_030_115, 100), // the next window: the fastest of the one before counts still
        (66_000, 1_061_115, 0),   // and not any more
        (67_000, 1_062_015, 0),
        (67_100, 1_062_315, 200),
        (400_000, 1_400_000, 0), // nothing came for long
    ];

    #[test]
    fn excess_is_the_time_beyond_the_fastest_frames() {
        let mut excess = Excess::default();
        for (i, (sent, now, want)) in FRAMES.into_iter().enumerate() {
            assert_eq!(excess.of(sent, now), want, "frame {i}");
        }
    }

    #[test]
    fn excess_goes_on_where_the_senders_clock_wraps_around() {
        let mut excess = Excess::default();
        excess.of(u32::MAX - 10, 1_000);
        assert_eq!(excess.of(89, 1_150), 50); // 100 ms later by its clock, 150 by ours
    }

    #[test]
    fn what_is_over_keeps_a_moment_and_no_deadline_stays_none() {
        assert_eq!([charged(700, 300), charged(200, 300), charged(0, 300)], [400, 1, 0]);
    }
}
