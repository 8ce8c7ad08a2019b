//! An actor that tells a witness what it handles, senders that count to it, and what must hold of the two.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge::proto::v1::{Code, Effect, Envelope};
use actorbridge::{Actor, Builder, Cx, Fault, Message, Node, Options, Ref, State};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::test::{Add, Count, EchoReply, GetCount, Hold};
use super::{LONG, SECOND, eventually};

/// (sender, number).
pub type Entry = (i64, u64);

/// Sees what every instance of a journal handles, wherever it lives.
#[derive(Clone)]
pub struct Witness {
    seen: Arc<Mutex<Vec<Entry>>>,
    /// Has a permit for each Hold that may end.
    pub gate: Arc<Semaphore>,
    /// A Hold is being handled, or has been.
    pub holds: Arc<AtomicBool>,
}

/// With so much room, MAILBOX_FULL says that an actor is frozen.
pub fn roomy() -> Options {
    let mailbox = 1 << 16;
    Options {
        mailbox,
        ..Options::default()
    }
}

impl Default for Witness {
    fn default() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self {
            seen: Arc::default(),
            gate,
            holds: Arc::default(),
        }
    }
}

impl Witness {
    /// The last number of a sender.
    pub fn last(&self, by: i64) -> u64 {
        let seen = self.seen.lock().unwrap();
        seen.iter().rev().find(|(b, _)| *b == by).map_or(0, |(_, n)| *n)
    }

    /// Node `name` with journals at `order/*`.
    pub fn node(&self, name: &str) -> Node {
        self.builder(name).start().expect("the node starts")
    }

    /// The same, not started.
    pub fn builder(&self, name: &str) -> Builder {
        Node::builder(name)
            .runtime(tokio::runtime::Handle::current())
            .factory("order/*", self.journals(name))
    }

    pub fn journals(&self, at: &str) -> impl Fn() -> Journal + Send + Sync + 'static {
        let (witness, at) = (self.clone(), at.to_owned());
        move || Journal {
            at: at.clone(),
            seen: Vec::new(),
            witness: witness.clone(),
        }
    }
}

/// Writes down what it handles. Its state is of many chunks.
pub struct Journal {
    at: String,
    seen: Vec<Entry>,
    witness: Witness,
}

fn digest(entries: &[Entry]) -> u64 {
    let fold = |d: u64, (by, n): &Entry| d.wrapping_mul(1099511628211).wrapping_add((*by as u64) << 40 | n);
    entries.iter().fold(14695981039346656037, fold)
}

impl Actor for Journal {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let count = |journal: &Self| Count {
            handled: journal.seen.len() as u64,
            digest: digest(&journal.seen),
            language: journal.at.clone(),
            ..Default::default()
        };
        if message.is::<GetCount>() {
            return cx.reply(&count(self));
        }
        if message.is::<Hold>() {
            self.witness.holds.store(true, Ordering::SeqCst);
            self.witness.gate.acquire().await.expect("never closed").forget();
            return Ok(());
        }
        let add: Add = message.decode()?;
        self.seen.push((add.by, add.n));
        self.witness.seen.lock().unwrap().push((add.by, add.n));
        match message.is_ask() {
            true => cx.reply(&Count::default()),
            false => Ok(()),
        }
    }

    fn snapshot(&self) -> Option<State> {
        let bytes = |(by, n): &Entry| [by.to_be_bytes(), n.to_be_bytes()].concat();
        Some(State::of(&EchoReply {
            text: "x".repeat(200 << 10),
            data: self.seen.iter().flat_map(bytes).collect::<Vec<_>>().into(),
            ..Default::default()
        }))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        let state: EchoReply = state.decode()?;
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
        let entry = |bytes: &[u8]| (number(&bytes[..8]) as i64, number(&bytes[8..]));
        self.seen = state.data.chunks(16).map(entry).collect();
        Ok(())
    }
}

/// What a sender was told of each of its numbers.
pub struct Told {
    by: i64,
    /// Tells and asks that were accepted.
    pub tells: Vec<u64>,
    pub asks: Vec<u64>,
    /// Errors with effect NONE, and all others.
    pub refused: Vec<u64>,
    pub unknown: Vec<u64>,
}

/// Tells 1, 2, 3 … until it is stopped, whatever becomes of each, and asks every so many.
async fn count_to(node: Node, to: Ref, by: i64, asks_each: u64, stop: CancellationToken) -> Told {
    let mut told = Told {
        by,
        tells: vec![],
        asks: vec![],
        refused: vec![],
        unknown: vec![],
    };
    let mut n = 0;
    while !stop.is_cancelled() {
        n += 1;
        let (add, asks) = (Add { by, n }, n % asks_each == 0);
        let result = match asks {
            // The answer may be lost with the link, and nobody can say so before the deadline.
            true => node.ask::<Count, _>(&to, &add, SECOND * 2).await.map(drop),
            false => node.tell(&to, &add).await,
        };
        match result {
            Ok(()) if asks => told.asks.push(n),
            Ok(()) => told.tells.push(n),
            Err(error) if error.effect() == Effect::None => told.refused.push(n),
            Err(_) => told.unknown.push(n),
        }
        if n % asks_each.min(16) == 0 || !told.tells.ends_with(&[n]) && !asks {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    told
}

/// Senders that count to one actor.
pub struct Senders {
    witness: Witness,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<Told>>,
}

impl Senders {
    /// On each node one that is often busy with an ask, and one that only tells; those of node i are i and i + `nodes.len()`.
    pub async fn start(witness: &Witness, nodes: &[Node], to: &Ref) -> Self {
        let stop = CancellationToken::new();
        let task = |by: usize| {
            let (node, asks_each) = (
                nodes[by % nodes.len()].clone(),
                if by < nodes.len() { 8 } else { u64::MAX },
            );
            tokio::spawn(count_to(node, to.clone(), by as i64, asks_each, stop.clone()))
        };
        let tasks: Vec<_> = (0..nodes.len() * 2).map(task).collect();
        let senders = Self {
            witness: witness.clone(),
            stop,
            tasks,
        };
        senders.all_go_on("before the move").await;
        senders
    }

    /// Waits until messages of all are handled.
    pub async fn all_go_on(&self, when: &str) {
        self.go_on(when, 0..self.tasks.len()).await;
    }

    /// Waits until messages of these are handled.
    pub async fn go_on(&self, when: &str, senders: impl IntoIterator<Item = usize>) {
        for by in senders {
            let last = || self.witness.last(by as i64);
            let before = last();
            eventually(&format!("{when}: a message of sender {by}"), || last() > before + 50).await;
        }
    }

    /// Ends the senders, and says whether all that they were told is true of an actor at `at`; then shuts the nodes down.
    pub async fn end_at(self, at: &str, nodes: &[Node], to: &Ref) {
        self.stop.cancel();
        let mut told = Vec::new();
        for task in self.tasks {
            let ended = tokio::time::timeout(LONG * 2, task).await.expect("a sender ends");
            told.push(ended.expect("no panic"));
        }
        // An ask is behind what its node told before.
        let mut count = Count::default();
        for node in nodes {
            count = answers_at(at, node, to).await;
        }
        check(&self.witness, &count, &told, nodes);
        assert_eq!(
            nodes.iter().map(Node::actors).sum::<usize>(),
            1,
            "it lives at one place"
        );
        for node in nodes {
            node.shutdown(LONG).await.expect("all ends");
        }
    }
}

/// Asks until the actor answers at node `at`: how much it has handled, and a digest of it.
pub async fn answers_at(at: &str, from: &Node, to: &Ref) -> Count {
    let until = tokio::time::Instant::now() + LONG;
    loop {
        let answer = from.ask::<Count, _>(to, &GetCount {}, LONG).await;
        match answer {
            Ok(count) if count.language == at => return count,
            other if tokio::time::Instant::now() > until => {
                panic!("asked from {}, it does not answer at {at}: {other:?}", from.name())
            }
            _ => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

/// What must hold of all that was told, at the end: `count` is what the actor says last, with all of it behind it.
fn check(witness: &Witness, count: &Count, told: &[Told], nodes: &[Node]) {
    let seen = witness.seen.lock().unwrap().clone();
    assert_eq!(
        (count.handled, count.digest),
        (seen.len() as u64, digest(&seen)),
        "the state is not that of an actor that handled all of this at one place"
    );
    let mut last: BTreeMap<i64, u64> = BTreeMap::new();
    for (by, n) in &seen {
        let before = last.insert(*by, *n).unwrap_or_default();
        if before >= *n {
            let of: Vec<u64> = seen.iter().filter(|(b, _)| b == by).map(|(_, n)| *n).collect();
            let at = of.windows(2).position(|w| w[0] >= w[1]).unwrap_or_default();
            let around = &of[at.saturating_sub(20)..of.len().min(at + 20)];
            panic!("sender {by}: {n} was handled after {before}: {around:?}");
        }
    }
    let handled: HashSet<Entry> = seen.into_iter().collect();
    let (dead, unknown) = letters(nodes);
    for told in told {
        let has = |n: &u64| handled.contains(&(told.by, *n));
        let asks: Vec<_> = told.asks.iter().filter(|n| !has(n)).collect();
        assert!(
            asks.is_empty(),
            "sender {}: answered and not handled: {asks:?}",
            told.by
        );
        let refused: Vec<_> = told.refused.iter().filter(|n| has(n)).collect();
        assert!(
            refused.is_empty(),
            "sender {}: refused with NONE and handled: {refused:?}",
            told.by
        );
        let gone = told
            .tells
            .iter()
            .filter(|n| !has(n) && !dead.contains_key(&(told.by, **n)));
        let gone: Vec<_> = gone.collect();
        assert!(
            gone.len() as u64 <= unknown,
            "sender {}: told, and neither handled nor in the dead letters: {} of {unknown} unknown: {gone:?}",
            told.by,
            gone.len()
        );
    }
    for (entry, code) in dead.iter().filter(|(entry, _)| handled.contains(entry)) {
        panic!("{entry:?} was handled and is a dead letter: {code:?}");
    }
}

/// The dead letters that have their bytes, and how many messages the others may stand for.
fn letters(nodes: &[Node]) -> (HashMap<Entry, Code>, u64) {
    let (mut dead, mut unknown) = (HashMap::new(), 0);
    for letter in nodes.iter().flat_map(Node::dead_letters) {
        if let Some((_, range)) = letter
            .detail
            .split_once(", seq ")
            .filter(|_| letter.code == Code::OutcomeUnknown)
        {
            let numbers: Vec<u64> = range.split([' ', ':']).filter_map(|w| w.parse().ok()).take(2).collect();
            unknown += numbers[1] - numbers[0] + 1;
        } else if !letter.envelope.is_empty() {
            let envelope = Envelope::decode(letter.envelope).expect("it is one");
            if envelope.r#type.ends_with(".Add") {
                let add = Add::decode(envelope.payload).expect("it is one");
                dead.insert((add.by, add.n), letter.code);
            }
        }
    }
    (dead, unknown)
}
