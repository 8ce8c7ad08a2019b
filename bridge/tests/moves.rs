//! Moves between two nodes: nothing is lost, doubled or reordered.

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, RawType, Ref, State};
use common::test::{Add, Count, GetCount};
use common::{LONG, SECOND};
use prost::Message as _;

/// So many bytes, and an Add: it travels in parts.
static LARGE: RawType = RawType::new("test.v1.Large");
const LARGE_BYTES: usize = 200_000;

/// Counts what each sender sent, and whether it came in order.
#[derive(Default)]
struct Ledger {
    next: std::collections::BTreeMap<u64, u64>,
    handled: u64,
    wrong: Vec<String>,
}

fn ledger() -> Ledger {
    Ledger::default()
}

impl Actor for Ledger {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<GetCount>() {
            let text = self.wrong.join("; ");
            return cx.reply(&Count {
                handled: self.handled,
                language: text,
                ..Default::default()
            });
        }
        let add = match message.raw(&LARGE) {
            Ok(payload) => Add::decode(&payload[LARGE_BYTES..]).expect("an Add is behind the bytes"),
            Err(_) => message.decode()?,
        };
        let next = self.next.entry(add.by as u64).or_insert(1);
        if add.n != *next && self.wrong.len() < 10 {
            self.wrong
                .push(format!("sender {}: {} came where {next} was next", add.by, add.n));
        }
        *next = add.n + 1;
        self.handled += 1;
        if message.kind() == Some(actorbridge::proto::v1::Kind::Ask) {
            return cx.reply(&Count::default());
        }
        Ok(())
    }

    fn snapshot(&self) -> Option<State> {
        // The next numbers in the digits of the text, since a Count is what the tests have.
        let next: Vec<String> = self.next.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let state = Count {
            handled: self.handled,
            language: format!("{}|{}", next.join(","), self.wrong.join("; ")),
            ..Default::default()
        };
        Some(State::of(&state))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        let state: Count = state.decode()?;
        self.handled = state.handled;
        let (next, wrong) = state.language.split_once('|').expect("as it was written");
        self.wrong = wrong.split("; ").filter(|w| !w.is_empty()).map(str::to_owned).collect();
        for pair in next.split(',').filter(|p| !p.is_empty()) {
            let (k, v) = pair.split_once('=').expect("as it was written");
            self.next
                .insert(k.parse().expect("a number"), v.parse().expect("a number"));
        }
        Ok(())
    }
}

fn node(name: &str) -> Node {
    Node::builder(name)
        .runtime(tokio::runtime::Handle::current())
        .factory("ledger/*", ledger)
        .start()
        .expect("the node starts")
}

async fn pair() -> (Node, Node) {
    let (a, b) = (node("a"), node("b"));
    a.join(&b).await.expect("the link comes up");
    (a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_on_both_nodes_lose_nothing_and_keep_their_order_through_many_moves() {
    through_moves(20_000, 0, 50..usize::MAX).await;
}

/// One in parts may still be on its way when its actor has gone on. It is passed on eight times: here it moves less often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_keep_their_place_among_small_ones_through_moves() {
    through_moves(5_000, 50, 8..8).await;
}

/// What comes while it is about to leave goes after it, and would have come to nobody after eight moves. What goes after it also comes
/// behind what went before, wherever the actor is by then: its senders pause, so that it moves many times meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_an_actor_in_order_that_is_moved_on_as_soon_as_it_comes() {
    // All of them have room at once: an actor that never rests handles nothing for long.
    const EACH: u64 = 2_000;
    let (a, b) = pair().await;
    let to: Ref = a.spawn("ledger/1", ledger, Options::default()).expect("spawned");
    let senders = send(&a, &b, &to, EACH, (0, 4));
    let over = Arc::new(AtomicBool::new(false));
    let pushers = [(&a, &b), (&b, &a)].map(|(from, other)| {
        let (from, other, to) = (from.clone(), other.name().to_owned(), to.clone());
        let over = over.clone();
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                // It is there already, or between the two.
                let _ = from.move_to(&to, &other, SECOND * 2).await;
            }
        })
    });
    for sender in senders {
        sender.await.expect("no panic");
    }
    over.store(true, Ordering::Relaxed);
    for pusher in pushers {
        pusher.await.expect("no panic");
    }
    assert_eq!(all_came(&a, &b, &to, EACH).await, "");
}

/// Two senders, whose every so manieth message is large (0 = none), while the actor moves so often, or more until they have sent.
async fn through_moves(each: u64, large: u64, often: std::ops::Range<usize>) {
    let (a, b) = pair().await;
    let to: Ref = a.spawn("ledger/1", ledger, Options::default()).expect("spawned");
    let senders = send(&a, &b, &to, each, (large, 0));
    let mut at = [&a, &b];
    let mut moves = 0;
    while moves < often.start || moves < often.end && senders.iter().any(|s| !s.is_finished()) {
        let moved = at[0].move_to(&to, at[1].name(), SECOND * 2).await;
        moved.unwrap_or_else(|e| panic!("move {moves}: {e}"));
        at.swap(0, 1);
        moves += 1;
    }
    for sender in senders {
        sender.await.expect("no panic");
    }
    assert_eq!(all_came(&a, &b, &to, each).await, "");
}

/// Sends so many messages from each node; every so manieth is large, and behind every so manieth there is a pause (0 = none).
fn send(a: &Node, b: &Node, to: &Ref, each: u64, (large, pause): (u64, u64)) -> [tokio::task::JoinHandle<()>; 2] {
    [(1, a), (2, b)].map(|(by, from)| {
        let (from, to) = (from.clone(), to.clone());
        tokio::spawn(async move {
            for n in 1..=each {
                let add = Add { by, n };
                let told = match large > 0 && n % large == 0 {
                    true => {
                        let payload = [vec![0; LARGE_BYTES], add.encode_to_vec()].concat();
                        from.tell_raw(&to, &LARGE, &payload).await
                    }
                    false => from.tell(&to, &add).await,
                };
                told.expect("there is room in time");
                if pause > 0 && n % pause == 0 {
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
            }
        })
    })
}

/// The actor has handled so many messages from each node, and nothing was lost. Returns what did not come in order.
async fn all_came(a: &Node, b: &Node, to: &Ref, each: u64) -> String {
    // The last ones may still be on their way by the other node.
    let until = tokio::time::Instant::now() + LONG;
    let count = loop {
        let count: Count = a.ask(to, &GetCount {}, LONG).await.expect("answered");
        if count.handled == 2 * each || tokio::time::Instant::now() > until {
            break count;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let dead = [a.dead_letters(), b.dead_letters()].concat();
    assert!(
        dead.is_empty(),
        "{} dead letters, first {:?}",
        dead.len(),
        dead.first().map(|d| (d.code, &d.detail))
    );
    assert_eq!(count.handled, 2 * each);
    count.language
}

#[tokio::test]
async fn a_pattern_that_no_path_matches_is_refused_at_the_start() {
    use actorbridge::{Module, proto::v1::Code};
    for (pattern, code) in [
        ("pricer*", Code::InvalidArgument),
        ("a/*/b", Code::InvalidArgument),
        ("/order/*", Code::InvalidArgument),
        ("order/", Code::InvalidArgument),
        ("/*", Code::InvalidArgument),
        ("", Code::InvalidArgument),
        ("**", Code::InvalidArgument),
        ("a b/*", Code::InvalidArgument),
        ("system", Code::Forbidden),
        ("system/*", Code::Forbidden),
    ] {
        for module in [
            Module::new("m").actor(pattern, ledger),
            Module::new("m").on_demand(pattern, ledger),
        ] {
            let started = actorbridge_test::builder("a").module(module).start();
            let why = started.err().unwrap_or_else(|| panic!("{pattern:?} is taken"));
            assert_eq!(why.code(), code, "{pattern:?}");
            let says = why.to_string();
            assert!(
                code == Code::Forbidden || says.contains("no path matches this pattern"),
                "{says}"
            );
        }
    }
    for pattern in ["*", "order/*", "a/b"] {
        let module = Module::new("m").on_demand(pattern, ledger);
        actorbridge_test::end([actorbridge_test::start(actorbridge_test::builder("a").module(module))]).await;
    }
}

#[tokio::test]
async fn a_move_to_no_node_says_so() {
    let a = node("a");
    let ledger = a.spawn("ledger/1", ledger, Options::default()).expect("spawned");
    let why = a.move_to(&ledger, "", SECOND).await.expect_err("it goes nowhere");
    assert_eq!(why.code(), actorbridge::proto::v1::Code::InvalidArgument);
    assert!(why.detail().contains("to which node"), "{why}");
    actorbridge_test::end([a]).await;
}
