//! Every code of the error table is met by a small program, or is reserved with the reason.

use crate::common;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use actorbridge::proto::v1::{Code, Kind, OwnerSwapReply, OwnerSwapRequest};
use actorbridge::proto::wire::put_bytes;
use actorbridge::proto::writer;
use actorbridge::{Actor, Cx, Error, Fault, FileStore, Message, Node, Options, Ref, State};
use bytes::Bytes;
use common::raw::Raw;
use common::test::{EchoReply, EchoRequest, FailNow, GetCount, Held, Hold, PanicNow};
use common::{LONG, SECOND, eventually, listening, node, pair, worker};
use prost::Name as _;

/// Codes that nothing can produce yet. When the library begins to name one, the test below fails until a program meets it.
const RESERVED: [(Code, &str); 2] = [
    (
        Code::VersionConflict,
        "it is of state machines with versioned state, which do not exist yet",
    ),
    (
        Code::Tombstoned,
        "it is of reliable streams whose sender withdraws a message, which do not exist yet",
    ),
];

type Program = fn() -> Pin<Box<dyn Future<Output = Code>>>;

macro_rules! program {
    ($($body:tt)*) => {
        || Box::pin(async { $($body)* })
    };
}

/// Small programs that each end with an error of that code.
fn meetings() -> Vec<(Code, Program)> {
    [refused_at_once(), refused_by_the_receiver(), begun()].concat()
}

fn refused_at_once() -> Vec<(Code, Program)> {
    vec![
        (
            Code::NoSuchActor,
            program! { code(node("a").tell(&at("ab:///nobody"), &Hold::default()).await) },
        ),
        (Code::InvalidArgument, program! { code("no address".parse::<Ref>()) }),
        (
            Code::Unavailable,
            program! { code(node("a").tell(&at("ab://elsewhere/worker"), &Hold::default()).await) },
        ),
        (
            Code::Forbidden,
            program! { code(node("a").spawn("system/mine", worker, Options::default())) },
        ),
        (
            Code::AlreadyExists,
            program! {
                let node = node("a");
                spawn(&node, "worker");
                code(node.spawn("worker", worker, Options::default()))
            },
        ),
        (
            Code::Stopped,
            program! {
                let node = node("a");
                node.shutdown(SECOND).await.expect("ends");
                code(node.spawn("late", worker, Options::default()))
            },
        ),
        (
            Code::MailboxFull,
            program! {
                let (node, to) = full().await;
                let (error, _) = node.try_tell(&to, Hold::default()).expect_err("no room");
                error.code()
            },
        ),
        (
            Code::Expired,
            program! {
                let (node, to) = full().await;
                code(node.ask::<Held, _>(&to, &Hold::default(), Duration::from_millis(5)).await)
            },
        ),
        (
            Code::Deadlock,
            program! {
                let node = node("a");
                let narcissus = node.spawn("narcissus", || Asks("ab:///narcissus"), Options::default()).expect("spawned");
                let error = node.ask::<Held, _>(&narcissus, &Hold::default(), LONG).await.expect_err("it asks itself");
                assert_eq!(error.user().map(|own| own.code()), Some("DEADLOCK"), "{error}");
                Code::Deadlock
            },
        ),
        (
            Code::Fenced,
            program! {
                let node = node("a");
                spawn(&node, "worker");
                let swap = OwnerSwapRequest {
                    path: "worker".into(),
                    expected_owner: "a".into(),
                    expected_epoch: 7,
                    owner: "c".into(),
                    epoch: 8,
                };
                let reply: OwnerSwapReply = node.ask(&at("ab://a/system"), &swap, LONG).await.expect("answered");
                reply.code()
            },
        ),
        (Code::StateLost, program! { code(load_the_file_of_another().await) }),
    ]
}

fn refused_by_the_receiver() -> Vec<(Code, Program)> {
    vec![
        (
            Code::Undecodable,
            program! { ask_worker(&OtherEcho { text: vec![0xff] }).await },
        ),
        (Code::UnsupportedVersion, program! { ask_worker(&NewEcho {}).await }),
        (
            Code::UnsupportedType,
            program! { ask_worker(&EchoReply::default()).await },
        ),
        (
            Code::TooLarge,
            program! { ask_worker(&EchoRequest { data: vec![0; 17 << 20].into(), ..Default::default() }).await },
        ),
        (
            Code::UnsupportedKind,
            program! { said(writer::what_of(999, "t", 1, 1, Default::default()).bytes).await },
        ),
        (
            Code::UnsupportedCodec,
            program! {
                let raw = actorbridge::proto::v1::ContentType::Raw;
                said(writer::what_of(Kind::Tell as u32, &EchoRequest::full_name(), 1, 1, raw).bytes).await
            },
        ),
        (
            Code::BadOverride,
            program! {
                let mut twice = writer::what(Kind::Tell, &EchoRequest::full_name(), 1, 1).bytes.to_vec();
                put_bytes(&mut twice, 5, b"ab:///forged");
                said(twice.into()).await
            },
        ),
        (Code::Moved, program! { moved_away().await }),
        (Code::Cancelled, program! { asker_gives_up().await }),
    ]
}

fn begun() -> Vec<(Code, Program)> {
    vec![
        (
            Code::Panicked,
            program! { ask_worker(&PanicNow { text: "boom".into() }).await },
        ),
        (
            Code::HandlerError,
            program! { ask_worker(&FailNow { code: "X".into(), ..Default::default() }).await },
        ),
        (
            Code::HandlerTimeout,
            program! {
                let node = node("a");
                let to = node.spawn("late", || Late, Options::default()).expect("spawned");
                code(node.ask::<Held, _>(&to, &Hold::default(), LONG).await)
            },
        ),
        (
            Code::OutcomeUnknown,
            program! {
                let node = node("a");
                let to = spawn(&node, "slow");
                code(node.ask::<Held, _>(&to, &Hold::default(), Duration::from_millis(100)).await)
            },
        ),
    ]
}

fn code<T>(result: Result<T, Error>) -> Code {
    match result {
        Ok(_) => Code::Ok,
        Err(error) => error.code(),
    }
}

fn at(address: &str) -> Ref {
    address.parse().expect("an address")
}

fn spawn(node: &Node, path: &str) -> Ref {
    node.spawn(path, worker, Options::default()).expect("spawned")
}

/// How an ask to a worker at another node ends.
async fn ask_worker<M: actorbridge::Payload>(message: &M) -> Code {
    let (a, b) = pair().await;
    spawn(&b, "worker");
    code(a.ask::<EchoReply, _>(&at("ab:///worker"), message, LONG).await)
}

/// An actor whose mailbox is full for good.
async fn full() -> (Node, Ref) {
    let node = node("a");
    let options = Options {
        mailbox: 1,
        ..Options::default()
    };
    let to = node.spawn("full", worker, options).expect("spawned");
    node.tell(&to, &Hold::default()).await.expect("there is room for one");
    (node, to)
}

/// Why a node refuses a message whose bytes no client makes.
async fn said(body: Bytes) -> Code {
    let there = listening("tcp://127.0.0.1:0").await;
    spawn(&there, "worker");
    let mut raw = Raw::link(&there.listening()[0]).await;
    raw.open(1, "ab:///worker").await;
    raw.run(1, 1, 0, &[body]).await;
    raw.outcome(1).await.code()
}

/// Who binds a stream to an actor that has moved is told so, and where to.
async fn moved_away() -> Code {
    let (here, there) = (listening("tcp://127.0.0.1:0").await, mover("there"));
    here.join(&there).await.expect("joined");
    let to = here.spawn("still/1", || Still, Options::default()).expect("spawned");
    here.move_to(&to, "there", SECOND).await.expect("moved");
    let mut raw = Raw::link(&here.listening()[0]).await;
    raw.open(1, "ab:///still/1").await;
    let reset = raw.until("a reset", |p| p.head.reset.first().cloned()).await;
    assert_eq!(reset.moved.as_ref().map(|m| m.owner.as_str()), Some("there"));
    reset.code()
}

fn mover(name: &str) -> Node {
    let handle = tokio::runtime::Handle::current();
    let node = Node::builder(name).runtime(handle).factory("still/*", || Still);
    node.start().expect("starts")
}

/// An ask whose time ends while it waits at another node: that node takes it out of the mailbox and says so.
async fn asker_gives_up() -> Code {
    let (a, b) = pair().await;
    let to = spawn(&b, "worker");
    b.tell(&to, &Hold::default()).await.expect("told");
    let asked = a
        .ask::<EchoReply, _>(&to, &GetCount {}, Duration::from_millis(100))
        .await;
    assert_eq!(code(asked), Code::OutcomeUnknown);
    let letter = || a.dead_letters().first().map(|l| l.code);
    eventually("the outcome of the ask", || letter().is_some()).await;
    letter().expect("it is there")
}

async fn load_the_file_of_another() -> Result<(), Error> {
    let folder = std::env::temp_dir().join(format!("actorbridge-meet-{}", std::process::id()));
    let store = FileStore::open(&folder)?;
    let node = node("a");
    let one = node.spawn("one", || Still, Options::default())?;
    let snapshot = node.snapshot(&one).await?;
    store.save(&snapshot)?;
    let (one, other) = (store.file_of("ab:///one")?, store.file_of("ab:///other")?);
    std::fs::rename(one, other).expect("renamed");
    let loaded = store.load("ab:///other").map(drop);
    std::fs::remove_dir_all(folder).expect("removed");
    loaded
}

/// Asks this address whatever comes.
struct Asks(&'static str);

impl Actor for Asks {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let held: Held = cx.ask(&at(self.0), &Hold::default(), SECOND).await?;
        cx.reply(&held)
    }
}

/// Gives up as a handler does whose token tripped.
struct Late;

impl Actor for Late {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        Err(Fault::cancelled())
    }
}

/// Can move, and does nothing.
struct Still;

impl Actor for Still {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        Ok(())
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&Hold::default()))
    }

    fn restore(&mut self, _: &State) -> Result<(), Fault> {
        Ok(())
    }
}

/// An EchoRequest of a peer whose schema has bytes where this one has text.
#[derive(Clone, PartialEq, prost::Message)]
struct OtherEcho {
    #[prost(bytes = "vec", tag = "1")]
    text: Vec<u8>,
}

/// An EchoRequest of a peer that is far ahead.
#[derive(Clone, PartialEq, prost::Message)]
struct NewEcho {}

macro_rules! named_echo {
    ($type:ty, $version:expr) => {
        impl prost::Name for $type {
            const NAME: &'static str = EchoRequest::NAME;
            const PACKAGE: &'static str = EchoRequest::PACKAGE;
        }

        impl actorbridge::Versioned for $type {
            const VERSION: u32 = $version;
            const MIN_READER: u32 = $version;
        }
    };
}

named_echo!(OtherEcho, 1);
named_echo!(NewEcho, 9);

#[tokio::test(flavor = "multi_thread")]
async fn every_code_of_the_table_can_be_met_or_is_reserved_with_a_reason() {
    let meetings = meetings();
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(
        sources.contains("Code::MailboxFull"),
        "the sources are not where this test looks"
    );
    for code in (1..256).filter_map(|n| Code::try_from(n).ok()) {
        let name = code.as_str_name();
        let meet = meetings.iter().find(|(of, _)| *of == code);
        let reason = RESERVED.iter().find(|(of, _)| *of == code);
        match (meet, reason) {
            (Some((_, program)), None) => {
                let met = tokio::time::timeout(LONG, program()).await;
                let met = met.unwrap_or_else(|_| panic!("the program that meets {name} does not end"));
                assert_eq!(
                    met,
                    code,
                    "the program that meets {name} ends with {}",
                    met.as_str_name()
                );
            }
            (None, Some((_, why))) => assert!(
                !sources.contains(&format!("Code::{code:?}")),
                "{name} is reserved because {why}, but the library names it: meet it by a program"
            ),
            _ => panic!("{name} must be met by one small program, or be reserved with the reason"),
        }
    }
}

/// All sources below a folder.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false => std::fs::read_to_string(path).expect("a text"),
    };
    entries.map(text).collect()
}
