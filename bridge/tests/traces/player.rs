//! Plays a trace: its events to a machine, its answers from it.

use actorbridge::machine::ask::Asks;
use actorbridge::machine::link::Link;
use actorbridge::machine::pool::{Arrival, Pool, StreamKey};
use actorbridge::machine::supervisor::{Directive, Supervisor};

use crate::link;
use crate::mover::{self, Side};
use crate::text::{Event, Line};

enum Machine {
    None,
    Link(Box<Link>),
    Asks(Asks<Vec<u8>>),
    Pool(Pool),
    Supervisor(Supervisor),
    Move(Side),
}

/// What a trace is so far: lines of `#` and events as they were given, lines of `<` as the machines answered.
pub(crate) struct Player {
    machine: Machine,
    pub(crate) lines: Vec<String>,
}

impl Player {
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::None,
            lines: Vec::new(),
        }
    }

    /// Takes over a comment, or plays an event, without its `> `.
    pub(crate) fn line(&mut self, line: &str) {
        self.lines.push(line.to_owned());
        let Some(text) = line.strip_prefix("> ") else { return };
        let at = self.lines.len();
        let event = Event::parse(text).unwrap_or_else(|| panic!("line {at}: {line:?} is no event"));
        let answers = self.play(&event);
        self.lines.extend(answers);
    }

    fn play(&mut self, event: &Event<'_>) -> Vec<String> {
        match event.verb {
            "link" => self.machine = Machine::Link(Box::new(link::begin(event))),
            "source" => self.machine = Machine::Move(mover::source(event)),
            "destination" => match mover::destination(event) {
                Ok(side) => self.machine = Machine::Move(side),
                Err(refused) => return vec![refused],
            },
            "asks" => self.machine = Machine::Asks(Asks::default()),
            "pool" => self.machine = Machine::Pool(Pool::new(event.small("capacity"))),
            "supervisor" => {
                let (most, window) = (event.small("max_restarts"), event.number("window", 0));
                self.machine = Machine::Supervisor(Supervisor::one_for_one(most, window));
            }
            _ => {
                return match &mut self.machine {
                    Machine::None => panic!("the trace's first event makes no machine"),
                    Machine::Link(machine) => link::play(machine, event),
                    Machine::Asks(machine) => asks(machine, event),
                    Machine::Pool(machine) => pool(machine, event),
                    Machine::Supervisor(machine) => supervisor(machine, event),
                    Machine::Move(side) => mover::play(side, event),
                };
            }
        }
        Vec::new()
    }
}

fn asks(asks: &mut Asks<Vec<u8>>, event: &Event<'_>) -> Vec<String> {
    let correlation = event.number("correlation", 0);
    let ended = |(correlation, waiter): (u64, Vec<u8>)| {
        let line = Line::new("ended").number("correlation", correlation);
        line.quoted("waiter", waiter).end()
    };
    let waiter = event.bytes("waiter").to_vec();
    let answers = match event.verb {
        "begin" => match asks.begin(event.number("deadline", 0), waiter) {
            Ok(correlation) => vec![Line::new("begun").number("correlation", correlation).end()],
            Err(_) => vec!["< full".to_owned()],
        },
        "end" => asks
            .end(correlation)
            .map(|w| ended((correlation, w)))
            .into_iter()
            .collect(),
        "get" => {
            let waiter = asks
                .get_mut(correlation)
                .map(|w| Line::new("waits").quoted("waiter", w).end());
            waiter.into_iter().collect()
        }
        "expire" => asks.expire(event.number("now", 0)).into_iter().map(ended).collect(),
        "end_where" => asks.end_where(|w| *w == waiter).into_iter().map(ended).collect(),
        "waiting" => vec![format!("< {}", asks.waiting())],
        verb => panic!("{verb} is no event of asks"),
    };
    or_nothing(answers)
}

fn pool(pool: &mut Pool, event: &Event<'_>) -> Vec<String> {
    let key = StreamKey {
        link: event.number("link", 0),
        flow: event.small("flow"),
        opened: 0,
    };
    let seq = event.number("seq", 0);
    match event.verb {
        "take_local" => return vec![if pool.take_local() { "< taken" } else { "< full" }.to_owned()],
        "force_local" => pool.force_local(),
        "release_local" => pool.release_local(),
        "open" => pool.open(key, event.number("first_seq", 0), event.number("initial_credit", 0)),
        "close" => pool.close(key),
        "arrive" => {
            let word = match pool.arrive(key, seq) {
                Arrival::Accepted => "< accepted",
                Arrival::Full => "< full",
                Arrival::Unknown => "< not bound",
            };
            return vec![word.to_owned()];
        }
        "refused" => pool.refused(key, seq),
        "release" => pool.release(key, seq),
        "freeze" => pool.set_frozen(true),
        "thaw" => pool.set_frozen(false),
        "used" => return vec![format!("< {}", pool.used())],
        "grants" => {
            let grants = pool.grants(event.number("drained", 0) == 1);
            let lines = grants.iter().map(|g| {
                let line = stream("grant", g.key).number("processed", g.processed);
                line.number("credit", g.credit)
                    .number("may_wait", u64::from(g.may_wait))
                    .end()
            });
            return or_nothing(lines.collect());
        }
        "streams" => {
            let lines = pool
                .streams()
                .map(|(key, last)| stream("stream", key).number("last_seq", last).end());
            return or_nothing(lines.collect());
        }
        verb => panic!("{verb} is no event of a pool"),
    }
    Vec::new()
}

fn stream(word: &str, StreamKey { link, flow, .. }: StreamKey) -> Line {
    Line::new(word).number("link", link).number("flow", flow)
}

fn supervisor(supervisor: &mut Supervisor, event: &Event<'_>) -> Vec<String> {
    assert_eq!(event.verb, "panicked", "this is no event of a supervisor");
    let word = match supervisor.panicked(event.number("now", 0)) {
        Directive::Restart => "restart",
        Directive::Stop => "stop",
    };
    vec![Line::new(word).number("restarts", supervisor.restarts()).end()]
}

fn or_nothing(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        vec!["< nothing".to_owned()]
    } else {
        lines
    }
}
