//! What happens to nodes and links: the rows of the fault matrix that a machine without I/O can be tried by.
//!
//! | row | fault | here |
//! |---|---|---|
//! | 1 | drop 10 to 30 % of frames | drop |
//! | 2 | drop only acks | no_acks |
//! | 3 | duplicate frames | repeat |
//! | 4 | reorder and delay | swap, delay |
//! | 5 | symmetric partition and heal | partition |
//! | 6 | one-way partition | one_way |
//! | 7 | links clogged and freed one by one | clogged |
//! | 8 | latency above the deadline | late |
//! | 9 | slow bandwidth, sliced | slow |
//! | 10 | reset and slow close | reset, slow_close |
//! | 13 | restart at the same address | receiver_restarts, sender_restarts |
//! | 22 | slow consumer | slow_consumer |
//! | 23 | unknown kind, codec or version | unknown |
//!
//! A frame comes with its last byte: of slices the machines see nothing but the time. Each seed draws how hard it comes.

use crate::world::{PING, Seen, World};

/// Something that happens.
pub(crate) struct Trouble {
    pub(crate) name: &'static str,
    /// Its row in the fault matrix.
    pub(crate) row: u32,
    /// Draws how hard it is.
    pub(crate) begin: fn(&mut World),
    /// May do something, at each step.
    pub(crate) strike: fn(&mut World),
    /// Walks in which this is false of all seeds together have not tried it.
    pub(crate) shows: fn(&Seen) -> bool,
    /// No link may be lost by it.
    pub(crate) stays_up: bool,
}

/// What loses links, and does no more than at its beginning.
const FRAMES: Trouble = Trouble {
    name: "",
    row: 0,
    begin: |_| {},
    strike: |_| {},
    shows: |seen| seen.lost > 0,
    stays_up: false,
};

/// What loses none.
const UP: Trouble = Trouble {
    stays_up: true,
    shows: |_| true,
    ..FRAMES
};

#[rustfmt::skip]
pub(crate) static TROUBLES: &[Trouble] = &[
    Trouble { name: "drop", row: 1, begin: |w| w.wire.drop = w.random.between(100, 300), ..FRAMES },
    Trouble { name: "no_acks", row: 2, begin: |w| w.wire.drop_acks = w.random.between(100, 1_000), ..FRAMES },
    Trouble { name: "repeat", row: 3, begin: |w| w.wire.repeat = w.random.between(20, 200), ..FRAMES },
    Trouble { name: "swap", row: 4, begin: |w| w.wire.swap = w.random.between(20, 200), ..FRAMES },
    Trouble { name: "delay", row: 4, begin: delay, ..UP },
    Trouble { name: "partition", row: 5, strike: part, shows: |seen| seen.silent > 0, ..FRAMES },
    Trouble { name: "one_way", row: 6, strike: part_one_way, shows: |seen| seen.silent > 0 && seen.superseded > 0, ..FRAMES },
    Trouble { name: "clogged", row: 7, begin: many_senders, strike: clog, ..UP },
    Trouble { name: "late", row: 8, begin: late, shows: |seen| seen.expired > 0 && seen.late > 0, ..UP },
    Trouble { name: "slow", row: 9, begin: slow, shows: |seen| seen.no_room > 0, ..UP },
    Trouble { name: "reset", row: 10, strike: reset, ..FRAMES },
    Trouble { name: "slow_close", row: 10, begin: slowly, strike: close_slowly, ..FRAMES },
    Trouble { name: "receiver_restarts", row: 13, begin: slowly, strike: restart_receiver, shows: restarts, ..FRAMES },
    Trouble { name: "sender_restarts", row: 13, begin: slowly, strike: restart_sender, shows: restarts, ..FRAMES },
    Trouble { name: "slow_consumer", row: 22, begin: greedily, strike: stand, shows: |seen| seen.no_credit > 0, ..UP },
    Trouble { name: "unknown", row: 23, begin: oddly, shows: |seen| seen.refused > 0, ..UP },
];

fn restarts(seen: &Seen) -> bool {
    seen.restarts > 0 && seen.silent + seen.superseded > 0
}

fn delay(w: &mut World) {
    (w.wire.latency, w.wire.jitter) = (w.random.between(0, 300), w.random.between(50, 400));
}

fn slowly(w: &mut World) {
    (w.wire.latency, w.wire.jitter) = (w.random.between(0, 200), w.random.between(0, 200));
}

/// In half of them the link is given up by both sides, before they hear of each other again.
fn part(w: &mut World) {
    if w.random.one_in(150) {
        let (s, until) = (w.some_sender(), w.now + w.random.between(100, 8 * PING));
        w.senders[s].blocked = [until; 2];
    }
}

fn part_one_way(w: &mut World) {
    if w.random.one_in(100) {
        let (s, until) = (w.some_sender(), w.now + w.random.between(100, 8 * PING));
        w.senders[s].blocked[w.random.below(2) as usize] = until;
    }
}

fn many_senders(w: &mut World) {
    while w.senders.len() < 3 {
        w.add_sender();
    }
}

/// Clogs one link after the other, for a time in which none may be given up. The others go on meanwhile.
fn clog(w: &mut World) {
    let clogged = w.senders.iter().position(|s| s.blocked[0] > 0);
    if w.now < 2_000 || clogged.is_some_and(|s| w.senders[s].blocked[0] > w.now) {
        return;
    }
    if let Some(free) = clogged {
        w.senders[free].blocked = [0; 2];
        for c in w.open_conns() {
            // Else the dice may have nobody read for so long that the link is given up after all.
            if w.conns[c].sender == free {
                w.carry(c, 0);
                w.carry(c, 1);
            }
        }
        if w.meanwhile == 0 && w.troubles.len() == 1 {
            w.fail(format!(
                "nothing was handled while the link of {} was clogged",
                w.senders[free].name
            ));
        }
    }
    let next = clogged.map_or(0, |s| (s + 1) % w.senders.len());
    w.senders[next].blocked = [w.now + w.random.between(PING, 2 * PING); 2];
    w.meanwhile = 0;
}

fn late(w: &mut World) {
    (w.wire.latency, w.wire.jitter) = (w.random.between(100, 600), 50);
    (w.traffic.hasty, w.traffic.within) = (700, w.wire.latency);
}

fn slow(w: &mut World) {
    w.wire.rate = w.random.between(60, 300);
    (w.traffic.burst, w.traffic.heavy) = (w.random.between(1, 20), true);
}

fn reset(w: &mut World) {
    if w.random.one_in(60)
        && let Some(c) = w.some_conn()
    {
        w.cut(c);
    }
}

/// A side drains its link, or closes it at once; what it has sent comes first.
fn close_slowly(w: &mut World) {
    let (conn, end) = (w.some_conn(), w.random.below(2) as usize);
    let Some(c) = conn.filter(|c| !w.conns[*c].closed[end] && w.random.one_in(60)) else {
        return;
    };
    let mut actions = Vec::new();
    match w.random.one_in(2) {
        true => w.conns[c].ends[end].drain(),
        false => w.conns[c].ends[end].lost("this node closed the link", &mut actions),
    }
    w.act(c, end, actions);
}

fn restart_receiver(w: &mut World) {
    if w.random.one_in(120) {
        let silently = w.random.one_in(2);
        w.restart_receiver(silently);
    }
}

/// The actor may stand still meanwhile, so that what it answers comes to another process than that which has asked.
fn restart_sender(w: &mut World) {
    if w.random.one_in(60) {
        w.receiver.stands_until = w.now + w.random.below(2) * w.random.between(200, 2_000);
        let (s, silently) = (w.some_sender(), w.random.one_in(2));
        w.restart_sender(s, silently);
    }
}

fn greedily(w: &mut World) {
    w.traffic.burst = 20;
}

fn oddly(w: &mut World) {
    w.traffic.odd = w.random.between(50, 900);
}

/// The consumer stands still for a while.
fn stand(w: &mut World) {
    if w.random.one_in(100) {
        w.receiver.stands_until = w.now + w.random.between(500, 8 * PING);
    }
}
