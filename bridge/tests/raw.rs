//! Raw messages: bytes that nobody encodes or decodes on the way, by a link and within one node.

use crate::common;

use std::sync::Arc;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Actor, Cx, Error, Fault, Message, Node, Options, RawType, Ref};
use actorbridge_test::end;
use bytes::Bytes;
use common::test::{EchoReply, EchoRequest, Hold};
use common::{LONG, eventually, node, pair, worker};
use tokio::sync::{Semaphore, mpsc};

static TICK: RawType = RawType::new("ticks.v1.Tick");
static MARK: RawType = RawType::new("ticks.v1.Mark");
/// It has the name of a type that others encode.
static ECHO: RawType = RawType::new("actorbridge.test.v1.EchoRequest");

/// The asker's node, the actor's node, and both of them to be ended.
async fn nodes(linked: bool) -> (Node, Node, Vec<Node>) {
    if linked {
        let (a, b) = pair().await;
        return (a.clone(), b.clone(), vec![a, b]);
    }
    let a = node("a");
    (a.clone(), a.clone(), vec![a])
}

fn at(path: &str) -> Ref {
    format!("ab:///{path}").parse().expect("an address")
}

/// Hands the payloads of ticks to the test, each when the gate lets it.
struct Collector {
    came: mpsc::UnboundedSender<Bytes>,
    gate: Arc<Semaphore>,
}

impl Actor for Collector {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        let payload = message.raw(&TICK)?;
        assert_eq!(payload, &message.payload_bytes()[..]);
        self.gate.acquire().await.expect("open").forget();
        let _ = self.came.send(message.payload_bytes());
        Ok(())
    }
}

/// Spawns a collector with a gate that lets so many through.
fn collector(node: &Node, open: usize, mailbox: u32) -> (mpsc::UnboundedReceiver<Bytes>, Arc<Semaphore>) {
    let (sender, came) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(open));
    let of_actor = gate.clone();
    let make = move || Collector {
        came: sender.clone(),
        gate: of_actor.clone(),
    };
    let options = Options {
        mailbox,
        ..Options::default()
    };
    node.spawn("collector", make, options).expect("spawned");
    (came, gate)
}

async fn next(came: &mut mpsc::UnboundedReceiver<Bytes>) -> Bytes {
    let next = tokio::time::timeout(3 * LONG, came.recv()).await;
    next.expect("it comes in time").expect("the collector lives")
}

async fn expect_ticks(came: &mut mpsc::UnboundedReceiver<Bytes>, ticks: std::ops::RangeInclusive<usize>) {
    for i in ticks {
        assert_eq!(next(came).await, format!("tick {i}"));
    }
}

#[tokio::test]
async fn raw_tells_come_as_they_are_in_order() {
    for linked in [true, false] {
        let (a, b, all) = nodes(linked).await;
        let (mut came, _gate) = collector(&b, Semaphore::MAX_PERMITS, 1024);
        for i in (1..=3000).step_by(3) {
            let [one, two, three] = [0, 1, 2].map(|more| format!("tick {}", i + more));
            a.tell_raw(&at("collector"), &TICK, one.as_bytes()).await.expect("told");
            let both = [two.as_bytes(), three.as_bytes()];
            a.tell_raw_all(&at("collector"), &TICK, &both).await.expect("told");
        }
        a.tell_raw_all(&at("collector"), &TICK, &[b"", b""])
            .await
            .expect("told");
        a.tell_raw_all(&at("collector"), &TICK, &[]).await.expect("told");
        expect_ticks(&mut came, 1..=3000).await;
        assert_eq!(
            (next(&mut came).await, next(&mut came).await),
            (Bytes::new(), Bytes::new())
        );
        end(all).await;
    }
}

/// Tells raw messages in its handler, and how many of them, and what the next one was told.
struct Stages {
    most: usize,
    told: mpsc::UnboundedSender<(usize, Option<Error>)>,
    came: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Actor for Stages {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        for i in 0..self.most {
            if let Err(error) = cx.tell_raw(&at("collector"), &TICK, format!("tick {}", i + 1).as_bytes()) {
                let _ = self.told.send((i, Some(error)));
                return Ok(());
            }
        }
        tokio::task::yield_now().await;
        assert!(!(self.came)(), "a tick came while its sender's handler ran");
        let _ = self.told.send((self.most, None));
        Ok(())
    }
}

#[tokio::test]
async fn raw_tells_of_a_handler_are_staged_and_bounded_by_its_outbox() {
    const OUTBOX: usize = 1024;
    for (linked, most) in [(true, 3), (false, 3), (true, OUTBOX + 1), (false, OUTBOX + 1)] {
        let (a, b, all) = nodes(linked).await;
        let (came, _gate) = collector(&b, Semaphore::MAX_PERMITS, 1024);
        let (told, mut said) = mpsc::unbounded_channel();
        let came = Arc::new(std::sync::Mutex::new(came));
        let looks = came.clone();
        let look: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(move || !looks.lock().expect("alone").is_empty());
        let make = move || Stages {
            most,
            told: told.clone(),
            came: look.clone(),
        };
        let stages = a.spawn("stages", make, Options::default()).expect("spawned");
        a.tell(&stages, &Hold::default()).await.expect("told");
        let (staged, error) = said.recv().await.expect("its handler ends");
        assert_eq!(staged, most.min(OUTBOX));
        assert_eq!(error.map(|e| e.code()), (most > OUTBOX).then_some(Code::MailboxFull));
        for i in 1..=staged {
            eventually("a tick", || !came.lock().expect("alone").is_empty()).await;
            let tick = came.lock().expect("alone").try_recv().expect("it is there");
            assert_eq!(tick, format!("tick {i}"));
        }
        end(all).await;
    }
}

/// Does what the payload of a tick says.
struct Answers;

impl Actor for Answers {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        match message.raw(&TICK)? {
            b"encoded" => cx.reply(&EchoReply::default()),
            b"mark" => cx.reply_raw(&MARK, b"a mark"),
            b"own" => Err(Fault::app("NO_SUCH_TICK")),
            b"silent" => Ok(()),
            b"panic" => panic!("planned"),
            payload => cx.reply_raw(&TICK, &payload.repeat(2)),
        }
    }
}

#[tokio::test]
async fn a_raw_ask_is_answered_raw_or_says_why_not() {
    for linked in [true, false] {
        let (a, b, all) = nodes(linked).await;
        b.spawn("answers", || Answers, Options::default()).expect("spawned");
        let to = at("answers");
        for payload in [vec![], b"a".to_vec(), vec![7; 20_000]] {
            let reply = a.ask_raw(&to, &TICK, &payload, LONG).await.expect("answered");
            assert_eq!(reply, payload.repeat(2));
        }
        let mark = a.ask_raw(&to, &TICK, b"mark", LONG).await.expect("answered");
        assert_eq!(mark, &b"a mark"[..], "a raw reply may have another name");
        for (payload, code, effect) in [
            (&b"encoded"[..], Code::UnsupportedType, Effect::Done),
            (b"own", Code::HandlerError, Effect::Maybe),
            (b"silent", Code::HandlerError, Effect::Maybe),
            (b"panic", Code::Panicked, Effect::Maybe),
        ] {
            let error = a.ask_raw(&to, &TICK, payload, LONG).await.expect_err("no raw reply");
            assert_eq!((error.code(), error.effect()), (code, effect), "{error}");
        }
        let nobody = a.ask_raw(&at("nobody"), &TICK, b"", LONG).await;
        assert_eq!(nobody.expect_err("nobody is there").code(), Code::NoSuchActor);
        end(all).await;
    }
}

/// Reads raw what others encode.
struct Reads;

impl Actor for Reads {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let payload = message.raw(&ECHO)?;
        cx.reply_raw(&ECHO, payload)
    }
}

#[tokio::test]
async fn raw_and_encoded_messages_of_one_name_are_not_taken_for_each_other() {
    for linked in [true, false] {
        let (a, b, all) = nodes(linked).await;
        b.spawn("typed", worker, Options::default()).expect("spawned");
        b.spawn("raw", || Reads, Options::default()).expect("spawned");
        let none = |error: Error| {
            assert_eq!(error.effect(), Effect::None, "{error}");
            error.code()
        };
        let asked = a.ask_raw(&at("typed"), &ECHO, b"", LONG).await;
        assert_eq!(none(asked.expect_err("it reads protobuf")), Code::UnsupportedCodec);
        let asked = a.ask::<EchoReply, _>(&at("raw"), &EchoRequest::default(), LONG).await;
        let error = asked.expect_err("it reads bytes");
        assert!(error.detail().contains("is read raw here, and came encoded"), "{error}");
        assert_eq!(none(error), Code::UnsupportedCodec);
        let asked = a.ask_raw(&at("raw"), &TICK, b"", LONG).await;
        assert_eq!(none(asked.expect_err("it knows no ticks")), Code::UnsupportedType);
        a.tell_raw(&at("typed"), &ECHO, b"").await.expect("told");
        let counts = || {
            b.dead_letters()
                .iter()
                .filter(|l| l.code == Code::UnsupportedCodec)
                .count()
        };
        eventually("the tell's dead letter", || counts() >= 1).await;
        let own = a.ask_raw(&at("raw"), &ECHO, b"x", LONG).await.expect("answered");
        assert_eq!(own, &b"x"[..]);
        end(all).await;
    }
}

#[tokio::test]
async fn one_that_is_too_large_is_refused_and_those_before_it_are_sent() {
    for linked in [true, false] {
        let (a, b, all) = nodes(linked).await;
        let (mut came, _gate) = collector(&b, Semaphore::MAX_PERMITS, 1024);
        let (to, large, most) = (at("collector"), vec![0; 17 << 20], vec![1; 16 << 20]);
        let told = a.tell_raw(&to, &TICK, &large).await;
        assert_eq!(told.expect_err("its type comes on top").code(), Code::TooLarge);
        let told = a
            .tell_raw_all(&to, &TICK, &[b"tick 1", b"tick 2", &large, b"tick 3"])
            .await;
        let (sent, error) = told.expect_err("the third is too large");
        assert_eq!((sent, error.code()), (2, Code::TooLarge));
        let asked = a.ask_raw(&to, &TICK, &large, LONG).await;
        assert_eq!(asked.expect_err("too large").code(), Code::TooLarge);
        a.tell_raw(&to, &TICK, &most).await.expect("told");
        expect_ticks(&mut came, 1..=2).await;
        assert_eq!(next(&mut came).await, most);
        end(all).await;
    }
}

#[tokio::test]
async fn raw_tells_wait_for_room_in_the_mailbox() {
    const ROOM: u32 = 16;
    for linked in [true, false] {
        let (a, b, all) = nodes(linked).await;
        let (mut came, gate) = collector(&b, 0, ROOM);
        let (teller, told) = (a.clone(), Arc::new(Semaphore::new(0)));
        let counts = told.clone();
        let tells = tokio::spawn(async move {
            for i in 1..=500 {
                let tick = format!("tick {i}");
                teller
                    .tell_raw(&at("collector"), &TICK, tick.as_bytes())
                    .await
                    .expect("told");
                counts.add_permits(1);
            }
        });
        eventually("the full mailbox", || told.available_permits() == ROOM as usize).await;
        let full = a.try_tell(&at("collector"), Hold::default());
        assert_eq!(full.expect_err("it is full").0.code(), Code::MailboxFull);
        assert!(came.is_empty() && told.available_permits() == ROOM as usize);
        gate.add_permits(500);
        expect_ticks(&mut came, 1..=500).await;
        tells.await.expect("all are told");
        end(all).await;
    }
}
