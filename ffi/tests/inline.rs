//! Asks that are handled on the thread that asks.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use actorbridge::{Actor, Cx, Fault, Message, Protocol};
use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{Code, FindReply, FindRequest, Frame, Kind, Mode, StreamOpen, TypeDef};
use actorbridge_proto::{EnvelopeView, writer};
use common::*;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

const FIND: &str = "actorbridge.v1.FindRequest";

/// How often a handler has begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);
/// What lets the handler of `wait` go on, and says that it has begun, or that of `poll`.
static GATE: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

/// Links that the handler of `nest` asks by.
static NEST: Mutex<Vec<Link>> = Mutex::new(Vec::new());

/// Answers on which thread it was asked; what it is asked says what else it does.
struct Quick;

impl Actor for Quick {
    const PROTOCOL: Protocol = Protocol {
        name: "test.Quick",
        inline: &[FIND],
        ..Protocol::NONE
    };

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        BEGUN.fetch_add(1, SeqCst);
        let FindRequest { path } = message.decode()?;
        let mut owner = std::thread::current().name().unwrap_or_default().to_owned();
        match path.as_str() {
            "panic" => panic!("as it was asked"),
            "fault" => return Err(Fault::app("NO")),
            "silent" => return Ok(()),
            "large" => owner = "x".repeat(2_000),
            "wait" => begin().recv().expect("the test lets it go on"),
            "poll" => {
                let _gate = begin();
                let since = Instant::now();
                while !cx.token().is_cancelled() && since.elapsed() < PATIENCE {
                    std::thread::sleep(Duration::from_millis(1));
                }
                owner = told(cx.token());
            }
            "nest" => {
                let links = NEST.lock().expect("no panic").clone();
                let inner: Vec<_> = links.iter().map(|link| name(ask(*link, 77, "", 4096).0)).collect();
                owner = inner.join(" ");
            }
            "later" => tokio::task::yield_now().await,
            "runtime" => {
                // Both want to know which runtime they are of.
                let timer = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>());
                let (on, comes_on) = channel();
                tokio::spawn(async move {
                    let _ = timer.await;
                    on.send(here())
                });
                owner = comes_on.recv_timeout(PATIENCE).expect("the task runs");
            }
            "token" => {
                let token = cx.token();
                begin().recv().expect("the test lets it go on");
                owner = told(token);
            }
            "path" => owner = cx.self_ref().path().to_owned(),
            _ => {}
        }
        if message.is_ask() {
            cx.reply(&FindReply { owner, epoch: 0 })?;
        }
        Ok(())
    }
}

/// Says to the test that a handler has begun; what comes by the gate lets it go on.
fn begin() -> Receiver<()> {
    let gate = GATE.lock().expect("no panic").take();
    let (begun, go) = gate.expect("the test made a gate");
    begun.send(()).expect("the test waits");
    go
}

fn told(token: &CancellationToken) -> String {
    if token.is_cancelled() { "told" } else { "not told" }.to_owned()
}

/// The same, not declared inline.
struct Plain(Quick);

impl Actor for Plain {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        self.0.receive(cx, message).await
    }
}

actorbridge_ffi::module! {
    name: "rust",
    actors: { "quick" => || Quick, "other" => || Quick, "plain" => || Plain(Quick) },
}

/// Tests that count or hold handlers are alone.
static ALONE: Mutex<()> = Mutex::new(());

fn find(path: &str) -> Vec<u8> {
    FindRequest { path: path.into() }.encode_to_vec()
}

/// A link with flow 1 to an actor that has been started.
fn flow_to(node: Node, target: &str) -> Link {
    let link = linked(node);
    let batch = Batch::default().opening(target, FIND).item(1, 1, 1, &find(""));
    assert_eq!(batch.send(link), (AB_OK, vec![AB_OK; 2]));
    assert_eq!(answers(link, 1).len(), 1);
    link
}

/// [`flow_to`] one that may be asked at once. Its first answer comes a moment before it rests.
fn flow_to_quick(node: Node) -> Link {
    flow_to_resting(node, "ab:///quick")
}

fn flow_to_resting(node: Node, target: &str) -> Link {
    let link = flow_to(node, target);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while ask(link, 1_000, "", 4096).0 == AB_NOT_INLINE {
        assert!(std::time::Instant::now() < until, "it never rests");
        std::thread::yield_now();
    }
    link
}

/// One ask by `ab_link_ask`, with so much room for its answer: the status, the answer as [`answers`] has it, and the size.
fn ask(link: Link, correlation: u64, path: &str, room: usize) -> (i32, Option<Result<Vec<u8>, i32>>, usize) {
    ask_as(link, correlation, path, room, |_| {})
}

/// [`ask`] with what else the descriptor is to have.
fn ask_as(
    link: Link,
    correlation: u64,
    path: &str,
    room: usize,
    what: impl FnOnce(&mut Desc),
) -> (i32, Option<Result<Vec<u8>, i32>>, usize) {
    let mut asked = Batch::default().item(0, 1, correlation, &find(path));
    what(&mut asked.descs[0]);
    let (mut answer, mut arena, mut need) = (Desc::default(), vec![0; room], 77);
    let (request, bytes) = (&mut asked.descs[0], &asked.arena);
    // SAFETY: all are valid for their lengths.
    let status = unsafe {
        ab_link_ask(
            link,
            request,
            bytes.as_ptr(),
            bytes.len(),
            &mut answer,
            arena.as_mut_ptr(),
            room,
            &mut need,
        )
    };
    let read = || {
        let view =
            EnvelopeView::read(&arena[answer.ext_off as usize..][..answer.ext_len as usize]).expect("an envelope");
        assert_eq!(view.correlation, correlation);
        match view.failure {
            [] => Ok(view.payload.to_vec()),
            _ => Err(view.failure().expect("a failure").code),
        }
    };
    (status, (status == AB_OK).then(read), need)
}

fn owner(answer: Option<Result<Vec<u8>, i32>>) -> String {
    let payload = answer.expect("an answer").expect("a reply");
    FindReply::decode(&payload[..]).expect("a FindReply").owner
}

fn here() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn an_ask_is_handled_on_the_asking_thread_if_its_actor_says_so_and_rests() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = flow_to_quick(node);
    for correlation in 2..100 {
        let (status, answer, _) = ask(link, correlation, "", 4096);
        assert_eq!((status, owner(answer)), (AB_OK, here()));
    }
    let (.., more) = receive(link, 64, 4096);
    assert!(answers_in(&more).is_empty(), "nothing of it comes a second time");
    assert_eq!(ask(flow_to(node, "ab:///plain"), 2, "", 4096).0, AB_NOT_INLINE);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn what_cannot_be_handled_here_is_not_taken_and_may_be_sent() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = linked(node);
    assert_eq!(ask(link, 1, "", 4096).0, AB_NOT_INLINE, "the flow is not known");
    let sent = Batch::default().opening("ab:///quick", FIND).item(1, 1, 1, &find(""));
    assert_eq!(sent.send(link).0, AB_OK);
    assert!(answers(link, 1)[0].1.is_ok());
    assert_eq!(ask(link, 0, "", 4096).0, AB_NOT_INLINE, "nobody could be answered");
    assert_eq!(ab_link_close(link), AB_OK);
    assert_eq!(ask(link, 3, "", 4096).0, AB_CLOSED);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn failures_come_at_once_too_and_a_panic_costs_the_actor_alone() {
    let _alone = ALONE.lock();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let node = open_node();
    let link = flow_to_quick(node);
    let failure = |path, correlation| ask(link, correlation, path, 4096).1;
    assert_eq!(failure("fault", 2), Some(Err(Code::HandlerError as i32)));
    assert_eq!(failure("silent", 3), Some(Err(Code::HandlerError as i32)));
    assert_eq!(failure("panic", 4), Some(Err(Code::Panicked as i32)));
    std::panic::set_hook(usual);
    // It is made anew on a thread of the node.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let made_anew = loop {
        let (status, answer, _) = ask(link, 5, "", 4096);
        if status != AB_NOT_INLINE {
            break (status, owner(answer));
        }
        assert!(std::time::Instant::now() < until, "it was not made anew");
        std::thread::yield_now();
    };
    assert_eq!(made_anew, (AB_OK, here()));
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_answer_without_room_comes_as_others_do_and_the_handler_runs_once() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = flow_to_quick(node);
    let before = BEGUN.load(SeqCst);
    let (status, _, need) = ask(link, 2, "large", 100);
    assert_eq!(status, AB_SHORT_BUFFER);
    assert!(need > 2_000, "{need}");
    let got = answers(link, 1);
    assert_eq!(got[0].0, 2);
    assert_eq!(BEGUN.load(SeqCst) - before, 1);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn while_one_is_handled_others_are_not_taken_and_what_comes_meanwhile_is_handled_elsewhere() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = flow_to_quick(node);
    let other = flow_to_quick(node);
    let ((begun, has_begun), (let_go, go)) = (channel(), channel());
    *GATE.lock().expect("no panic") = Some((begun, go));
    let asking = std::thread::Builder::new().name("asker".into());
    let asking = asking.spawn(move || ask(link, 2, "wait", 4096)).expect("a thread");
    has_begun.recv().expect("it begins");
    assert_eq!(
        ask(other, 2, "", 4096).0,
        AB_NOT_INLINE,
        "its actor has something to do"
    );
    let sent = Batch::default().item(2, 1, 3, &find(""));
    assert_eq!(sent.send(other).0, AB_OK);
    let_go.send(()).expect("it waits");
    let (status, answer, _) = asking.join().expect("no panic");
    assert_eq!((status, owner(answer).as_str()), (AB_OK, "asker"));
    let thread = owner(Some(answers(other, 1).remove(0).1));
    assert!(thread.starts_with("actorbridge-"), "{thread}");
    until("the actor rests", || ask(other, 4, "", 4096).0 == AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}

/// Asks with so many milliseconds left, has `end` end it once its handler runs, and returns whether that was told.
fn told_by(node: Node, ttl_ms: u32, end: impl FnOnce(Link)) -> String {
    told_on(flow_to_quick(node), move |desc| desc.ttl_ms = ttl_ms, end)
}

/// The same by this link, with what else the descriptor is to have.
fn told_on(link: Link, what: impl FnOnce(&mut Desc) + Send + 'static, end: impl FnOnce(Link)) -> String {
    let ((begun, has_begun), (_let_go, go)) = (channel(), channel());
    *GATE.lock().expect("no panic") = Some((begun, go));
    let asking = std::thread::spawn(move || ask_as(link, 2, "poll", 4096, what));
    has_begun.recv().expect("it begins");
    end(link);
    let (status, answer, _) = asking.join().expect("no panic");
    assert_eq!(status, AB_OK);
    owner(answer)
}

#[test]
fn the_handler_is_told_when_its_asker_waits_no_longer() {
    let _alone = ALONE.lock();
    let node = open_node();
    let cancel = |correlation| move |link| assert_eq!(ab_link_cancel(link, 1, correlation), AB_OK);
    assert_eq!(told_by(node, 0, cancel(2)), "told", "by its correlation");
    assert_eq!(told_by(node, 0, cancel(0)), "told", "whichever it is");
    assert_eq!(told_by(node, 50, |_| {}), "told", "its time is over");
    assert_eq!(
        told_by(node, 0, |link| assert_eq!(ab_link_close(link), AB_OK)),
        "told",
        "its link is over"
    );
    assert_eq!(
        told_by(node, 0, |_| assert_eq!(ab_node_close(node), AB_OK)),
        "told",
        "its node stops"
    );
}

#[test]
fn the_handler_of_a_streams_first_ask_is_told_of_the_links_end_too() {
    let _alone = ALONE.lock();
    let node = open_node();
    let told = |link, type_id| {
        let of_type = move |desc: &mut Desc| desc.r#type = type_id;
        told_on(link, of_type, |link| assert_eq!(ab_link_close(link), AB_OK))
    };
    let first = flow_to(node, "ab:///quick");
    flow_to_quick(node); // by another link, which shows that the actor rests
    assert_eq!(told(first, 1), "told", "the first one");
    let retyped = flow_to_quick(node);
    let frame = Frame {
        r#type: vec![TypeDef {
            id: 3,
            prefix: writer::what(Kind::Ask, FIND, 1, 1).bytes,
        }],
        ..Frame::default()
    };
    assert_eq!(Batch::default().head(&frame).send(retyped).0, AB_OK);
    assert_eq!(told(retyped, 3), "told", "one of another type than the last");
    let again = flow_to_quick(node);
    assert_eq!(ask(again, 3, "later", 4096).0, AB_PENDING);
    assert_eq!(answers(again, 1)[0].0, 3);
    flow_to_quick(node);
    assert_eq!(told(again, 1), "told", "one after an ask that went on as an activation");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_ask_that_cannot_be_taken_does_not_keep_the_next_from_being_taken() {
    let _alone = ALONE.lock();
    let node = open_node();
    let untold = |link| ask_as(link, 2, "", 4096, |desc| desc.r#type = 9).0;
    let first = flow_to(node, "ab:///quick");
    flow_to_quick(node);
    assert_eq!(untold(first), AB_NOT_INLINE, "its type was not told");
    assert_eq!(ask(first, 3, "", 4096).0, AB_OK, "a stream's first one");
    assert_eq!(untold(first), AB_NOT_INLINE);
    assert_eq!(ask(first, 4, "", 4096).0, AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_handler_on_its_askers_thread_may_spawn_tasks_and_make_timers() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = flow_to_quick(node);
    let (status, answer, _) = ask(link, 2, "runtime", 4096);
    assert_eq!(status, AB_OK);
    let thread = owner(answer);
    assert!(thread.starts_with("actorbridge-"), "the task ran on {thread}");
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn what_is_told_of_another_ask_does_not_reach_one() {
    let _alone = ALONE.lock();
    let node = open_node();
    let tell_others = |link| {
        assert_eq!(ab_link_cancel(link, 1, 3), AB_OK, "another ask");
        assert_eq!(ab_link_cancel(link, 2, 2), AB_OK, "another flow");
        assert_eq!(
            ab_link_cancel(flow_to(node, "ab:///plain"), 1, 2),
            AB_OK,
            "another link"
        );
        assert_eq!(ab_link_cancel(0, 1, 2), AB_CLOSED);
    };
    let link = flow_to_quick(node);
    let ((begun, has_begun), (let_go, go)) = (channel(), channel());
    *GATE.lock().expect("no panic") = Some((begun, go));
    let asking = std::thread::spawn(move || ask(link, 2, "token", 4096));
    has_begun.recv().expect("it begins");
    tell_others(link);
    let_go.send(()).expect("it waits");
    assert_eq!(owner(asking.join().expect("no panic").1), "not told");
    // Nor does what is told of one that is over reach the next.
    assert_eq!(ab_link_cancel(link, 1, 2), AB_OK);
    assert_eq!(ask(link, 4, "", 4096).0, AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn asks_of_a_handler_on_its_askers_thread_are_not_taken() {
    let _alone = ALONE.lock();
    let node = open_node();
    let (itself, other) = (flow_to_quick(node), flow_to_resting(node, "ab:///other"));
    *NEST.lock().expect("no panic") = vec![itself, other];
    let (status, answer, _) = ask(itself, 2, "nest", 4096);
    assert_eq!((status, owner(answer).as_str()), (AB_OK, "AB_NOT_INLINE AB_NOT_INLINE"));
    for link in [itself, other] {
        assert_eq!(ask(link, 3, "", 4096).0, AB_OK, "it is over, and asks are taken again");
    }
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn an_ask_does_not_reach_the_actor_that_its_flow_stands_for_by_now() {
    let _alone = ALONE.lock();
    let node = open_node();
    let link = flow_to_quick(node);
    let by = |stream: u64| ask_as(link, 2, "path", 4096, |desc| desc.source = stream);
    let (status, answer, _) = by(7);
    assert_eq!((status, owner(answer).as_str()), (AB_OK, "quick"));
    let (close, open) = (
        StreamOpen {
            flow: 1,
            close: true,
            first_seq: 2,
            ..StreamOpen::default()
        },
        StreamOpen {
            flow: 1,
            stream: 99,
            epoch: 1,
            mode: Mode::Flow as i32,
            prefix: writer::who("", "ab:///other", "ab://c/main").bytes,
            first_seq: 1,
            ..StreamOpen::default()
        },
    );
    for step in [close, open] {
        let frame = Frame {
            open: vec![step],
            ..Frame::default()
        };
        assert_eq!(Batch::default().head(&frame).send(link).0, AB_OK);
    }
    let sent = Batch::default().item(1, 1, 5, &find(""));
    assert_eq!(sent.send(link).0, AB_OK); // the actor begins
    assert_eq!(answers(link, 1)[0].0, 5);
    until("the actor rests", || ask(link, 6, "", 4096).0 == AB_OK);
    assert_eq!(by(7).0, AB_NOT_INLINE, "its stream is over");
    let (status, answer, _) = by(99);
    assert_eq!((status, owner(answer).as_str()), (AB_OK, "other"));
    assert_eq!(ab_node_close(node), AB_OK);
}
