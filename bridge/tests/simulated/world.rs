//! The clock, and what happens when.

use actorbridge::machine::Millis;
use actorbridge::machine::link::Phase;

use crate::random::Random;
use crate::receiver::Receiver;
use crate::sender::{Message, Sender};
use crate::troubles::Trouble;
use crate::wire::{Conn, Wire};

/// A shell or a reader that does something wrong, to see that it is found.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mutant {
    /// The reader does not look at the numbers of frames.
    pub(crate) trusting: bool,
    /// A sender says of each ask of a lost link that it was not handled.
    pub(crate) certain: bool,
    /// A sender does not say of which tells nobody knows.
    pub(crate) silent: bool,
    /// A sender sends those again.
    pub(crate) eager: bool,
}

/// What the senders send.
pub(crate) struct Traffic {
    /// How many of a thousand messages have a deadline of at most so many milliseconds.
    pub(crate) hasty: u64,
    pub(crate) within: Millis,
    /// How many of a thousand messages the receiver does not know the kind, the codec or the version of.
    pub(crate) odd: u64,
    /// How many messages are sent one after the other.
    pub(crate) burst: u64,
    /// Each may be as large as one packet takes.
    pub(crate) heavy: bool,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            hasty: 100,
            within: 2_000,
            odd: 0,
            burst: 1,
            heavy: false,
        }
    }
}

/// What has happened: a walk in which nothing does shows nothing.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) links: u64,
    pub(crate) lost: u64,
    pub(crate) silent: u64,
    pub(crate) superseded: u64,
    pub(crate) restarts: u64,
    pub(crate) handled: u64,
    pub(crate) expired: u64,
    pub(crate) late: u64,
    pub(crate) refused: u64,
    pub(crate) no_credit: u64,
    pub(crate) no_room: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.links += other.links;
        self.lost += other.lost;
        self.silent += other.silent;
        self.superseded += other.superseded;
        self.restarts += other.restarts;
        self.handled += other.handled;
        self.expired += other.expired;
        self.late += other.late;
        self.refused += other.refused;
        self.no_credit += other.no_credit;
        self.no_room += other.no_room;
    }
}

/// The nodes, and all that lies between them.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) mutant: Mutant,
    pub(crate) wire: Wire,
    pub(crate) traffic: Traffic,
    pub(crate) inline: u32,
    pub(crate) now: Millis,
    pub(crate) troubles: Vec<&'static Trouble>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) receiver: Receiver,
    /// All that there were; a sender knows those of which an end is not over.
    pub(crate) conns: Vec<Conn>,
    pub(crate) messages: Vec<Message>,
    pub(crate) seen: Seen,
    /// How many messages were handled of links that are free while another is not.
    pub(crate) meanwhile: u64,
    pub(crate) wrong: Option<String>,
}

/// How often both sides ping: a link is silent for three times that, and dead.
pub(crate) const PING: Millis = 1_000;
/// In how much time all is well again once nothing happens any more: two links may have to be found dead, one after the other, and the
/// last ask that waits expires.
const REST: Millis = 15_000;

impl World {
    /// A world in which so many steps were made, and which has come to rest.
    pub(crate) fn walk(seed: u64, steps: usize, troubles: Vec<&'static Trouble>, mutant: Mutant) -> Self {
        let mut random = Random::new(seed);
        let inline = [1_024, 20_000][random.below(2) as usize];
        let receiver = Receiver::new(random.next(), [1, 20, 200][random.below(3) as usize]);
        let senders = 1 + 2 * random.below(2);
        let mut world = Self {
            random,
            mutant,
            wire: Wire::default(),
            traffic: Traffic::default(),
            inline,
            now: 1_000,
            troubles,
            senders: Vec::new(),
            receiver,
            conns: Vec::new(),
            messages: Vec::new(),
            seen: Seen::default(),
            meanwhile: 0,
            wrong: None,
        };
        (0..senders).for_each(|_| world.add_sender());
        for trouble in world.troubles.clone() {
            (trouble.begin)(&mut world);
        }
        for _ in 0..steps {
            if world.wrong.is_none() {
                world.step();
            }
        }
        world.calm();
        world.rest(REST);
        world.settled();
        world.goes_on();
        world
    }

    /// Nothing happens any more.
    fn calm(&mut self) {
        self.troubles.clear();
        self.wire = Wire::default();
        self.traffic = Traffic::default();
        self.receiver.stands_until = 0;
        self.senders.iter_mut().for_each(|s| s.blocked = [0; 2]);
    }

    pub(crate) fn fail(&mut self, why: String) {
        let now = self.now;
        self.wrong.get_or_insert_with(|| format!("at {now} ms: {why}"));
    }

    /// A little time passes, in which each node does something, or nothing.
    fn step(&mut self) {
        self.now += self.random.below(40);
        for trouble in self.troubles.clone() {
            (trouble.strike)(self);
        }
        for s in 0..self.senders.len() {
            let conn = self.conn_of(s);
            let (n, end) = (self.random.below(12), self.random.below(2) as usize);
            match (n, conn) {
                (0..4, _) => self.send_some(s),
                (4..8, Some(c)) => self.poll(c, end),
                (_, Some(c)) => self.carry(c, end),
                (_, None) => {}
            }
        }
        if self.random.one_in(2) {
            self.press();
        }
        self.handle();
        self.time_passes();
        self.bounded();
    }

    fn send_some(&mut self, s: usize) {
        for _ in 0..self.traffic.burst {
            if !self.send(s) {
                break;
            }
        }
        if self.random.one_in(10) {
            self.cancel(s);
        }
    }

    /// So much time passes, in which each node does all that it can.
    pub(crate) fn rest(&mut self, ms: Millis) {
        let end = self.now + ms;
        while self.now < end && self.wrong.is_none() {
            for _ in 0..4 {
                for c in self.open_conns() {
                    for end in 0..2 {
                        self.poll(c, end);
                        self.carry(c, end);
                    }
                }
                self.press();
                for _ in 0..self.receiver.waiting() {
                    self.handle();
                }
            }
            self.time_passes();
            self.bounded();
            self.now += 100;
        }
    }

    /// What every node does by the clock.
    fn time_passes(&mut self) {
        for c in self.open_conns() {
            for end in 0..2 {
                if !self.conns[c].closed[end] {
                    let (mut actions, now) = (Vec::new(), self.now);
                    self.conns[c].ends[end].tick(now, &mut actions);
                    self.act(c, end, actions);
                }
            }
            self.hang_up(c);
        }
        for s in 0..self.senders.len() {
            self.expire(s);
            self.redial(s);
        }
    }

    /// The connections of which an end is not over.
    pub(crate) fn open_conns(&self) -> Vec<usize> {
        self.senders.iter().flat_map(|s| s.conns.iter().copied()).collect()
    }

    /// One of a sender's, if it has any.
    pub(crate) fn conn_of(&mut self, s: usize) -> Option<usize> {
        match self.senders[s].conns.len() as u64 {
            0 => None,
            n => Some(self.senders[s].conns[self.random.below(n) as usize]),
        }
    }

    /// One of a sender's, of any.
    pub(crate) fn some_conn(&mut self) -> Option<usize> {
        let s = self.some_sender();
        self.conn_of(s)
    }

    pub(crate) fn some_sender(&mut self) -> usize {
        self.random.below(self.senders.len() as u64) as usize
    }

    /// May messages be sent?
    pub(crate) fn is_up(&self, s: usize) -> bool {
        let conn = &self.conns[self.senders[s].conn];
        !conn.closed[0] && conn.ends[0].phase() == Phase::Up && conn.ends[0].is_up()
    }
}
