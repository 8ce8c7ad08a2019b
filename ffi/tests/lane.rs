//! A client of the rings that does what "The smallest client" of docs/C_ABI.md says, and no more; and how a writer waits for room.
#![cfg(target_os = "linux")] // the doorbell is watched by epoll

mod common;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Ref};
use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{
    Code, Effect, FindReply, FindRequest, Frame, Goodbye, Kind, Outcome, Ping, StreamOpen, StreamReset, StreamState,
    TypeDef,
};
use actorbridge_proto::writer::{self, BodyFields};
use actorbridge_proto::{EnvelopeView, What, Who};
use common::lane::*;
use common::*;
use prost::Message as _;

const FIND: &str = "actorbridge.v1.FindRequest";
const CLIENT: &str = "ab://c/main";
/// How many messages `flood` tells, and a stream may send before it is granted more.
const FLOOD: u64 = 40;
const FIRST_CREDIT: u64 = 16;

/// What lets the handler of `gate` go on, and says that it has begun.
static GATE: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

fn client() -> Ref {
    CLIENT.parse().expect("an address")
}

/// Answers what its asker's node answers to the same.
struct Relay;

impl Actor for Relay {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let request: FindRequest = message.decode()?;
        let answer: FindReply = cx.ask(&client(), &request, PATIENCE).await?;
        cx.reply(&answer)?;
        Ok(())
    }
}

/// Tells the client more than it has granted.
struct Flood;

impl Actor for Flood {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        for _ in 0..FLOOD {
            cx.tell(&client(), &FindRequest { path: "drop".into() })?;
        }
        Ok(())
    }
}

/// Keeps its thread, which is the node's only one, until it may go on.
struct Gate;

impl Actor for Gate {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        let gate = GATE.lock().expect("no panic").take();
        let (begun, go) = gate.expect("the test made a gate");
        begun.send(()).expect("the test waits");
        go.recv().expect("the test lets it go on");
        Ok(())
    }
}

actorbridge_ffi::module! {
    name: "rust",
    actors: { "relay" => || Relay, "flood" => || Flood, "gate" => || Gate },
}

/// A message that came.
struct Came {
    flow: u32,
    seq: u64,
    kind: u32,
    correlation: u64,
    payload: Vec<u8>,
}

struct Client {
    lane: Lane,
    /// What the messages that follow have in common: seq, flow, type.
    run: (u64, u32, u32),
    /// Kinds of the types that the node has told.
    kinds: Vec<u32>,
    /// Targets of the flows that the node has opened.
    targets: HashMap<u32, String>,
    heads: Vec<Frame>,
}

impl Client {
    /// Steps 1 to 3.
    fn open(node: Node) -> Self {
        let mut client = Self {
            lane: Lane::open(node),
            run: (0, 0, 0),
            kinds: vec![0],
            targets: HashMap::new(),
            heads: Vec::new(),
        };
        client.say(&Frame {
            hello: Some(hello()),
            ..Frame::default()
        });
        let welcome = client.until_head(|head| head.welcome.is_some()).welcome;
        assert_eq!(welcome.expect("as it was looked for").node, "rust");
        client
    }

    fn say(&mut self, frame: &Frame) {
        self.lane.frame(frame);
        self.lane.show();
    }

    /// Step 4: a flow to an actor, with an ask of the type 2 * flow - 1 and a tell of the type 2 * flow.
    fn bind(&mut self, flow: u32, target: &str) {
        let head = Batch::default().opening_flow(flow, target, FIND).arena;
        self.lane.record(AB_RECORD_FRAME, &head);
    }

    /// Step 5.
    fn send(&mut self, seq: u64, flow: u32, type_id: u32, correlation: u64, payload: &[u8]) {
        self.lane.record(AB_RECORD_RUN, &run_head(seq, flow, type_id));
        let fields = BodyFields {
            correlation,
            ..BodyFields::default()
        };
        match correlation {
            0 => self.lane.record(AB_RECORD_PAYLOAD, payload),
            _ => self.lane.record(AB_RECORD_ITEM, &writer::body(fields, payload)),
        }
        self.lane.show();
    }

    /// Step 6: the next message, or nothing where a head came.
    fn receive(&mut self) -> Option<Came> {
        let (tag, bytes) = self.lane.next();
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        match tag {
            AB_RECORD_FRAME => self.read_head(&bytes),
            AB_RECORD_RUN => self.run = (u64::from(number(0)) | u64::from(number(4)) << 32, number(8), number(12)),
            _ => {
                let (seq, flow, type_id) = self.run;
                self.run.0 += u64::from(flow != 0);
                let item = match tag {
                    AB_RECORD_PAYLOAD => writer::body(BodyFields::default(), &bytes),
                    _ => bytes.into(),
                };
                let view = EnvelopeView::read(&item).expect("an item");
                return Some(Came {
                    flow,
                    seq,
                    kind: self.kinds[type_id as usize].max(view.kind),
                    correlation: view.correlation,
                    payload: view.payload.to_vec(),
                });
            }
        }
        None
    }

    fn read_head(&mut self, bytes: &[u8]) {
        let head = Frame::decode(bytes).expect("a frame");
        for open in &head.open {
            let who = Who::parse(open.prefix.clone()).expect("a who");
            self.targets.insert(open.flow, who.target.clone());
        }
        for definition in &head.r#type {
            assert_eq!(definition.id as usize, self.kinds.len(), "types have no gaps");
            self.kinds
                .push(What::parse(definition.prefix.clone()).expect("a what").kind);
        }
        self.heads.push(head);
    }

    fn until_head(&mut self, is_it: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            if let Some(at) = self.heads.iter().position(&is_it) {
                return self.heads.remove(at);
            }
            self.receive();
        }
    }

    /// The node has answered a ping, and nothing before it but heads: nothing more comes by itself.
    fn is_silent(&mut self) {
        let ping = Ping {
            token: 1,
            ..Ping::default()
        };
        self.say(&Frame {
            ping: Some(ping),
            ..Frame::default()
        });
        let pong = |head: &Frame| head.pong.is_some_and(|pong| pong.token == 1);
        while !self.heads.iter().any(pong) {
            let came = self.receive();
            assert!(came.is_none(), "seq {} comes", came.map_or(0, |came| came.seq));
        }
        self.until_head(pong);
    }

    fn next_message(&mut self) -> Came {
        loop {
            if let Some(came) = self.receive() {
                return came;
            }
        }
    }
}

fn find(path: &str) -> Vec<u8> {
    FindRequest { path: path.into() }.encode_to_vec()
}

#[test]
fn a_client_asks_and_is_asked_and_replies_outside_any_stream() {
    let node = open_node();
    let mut client = Client::open(node);
    client.bind(1, "ab:///relay");
    client.send(1, 1, 1, 4711, &find("who is it?"));
    let asked = client.next_message();
    assert_eq!((asked.kind, asked.seq), (Kind::Ask as u32, 1));
    assert_eq!(client.targets[&asked.flow], CLIENT);
    assert_eq!(asked.payload, find("who is it?"));
    // Step 8: the reply has a type of its own, no flow and no seq.
    client.lane.frame(&Frame {
        r#type: vec![TypeDef {
            id: 3,
            prefix: writer::what(Kind::Reply, "actorbridge.v1.FindReply", 1, 1).bytes,
        }],
        ..Frame::default()
    });
    let reply = FindReply {
        owner: "c".into(),
        epoch: 7,
    };
    client.send(0, 0, 3, asked.correlation, &reply.encode_to_vec());
    let answer = client.next_message();
    assert_eq!(
        (answer.kind, answer.flow, answer.correlation),
        (Kind::Reply as u32, 0, 4711)
    );
    assert_eq!(FindReply::decode(&answer.payload[..]), Ok(reply));
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn the_node_sends_no_more_than_was_granted_and_hears_what_was_refused() {
    let node = open_node();
    let mut client = Client::open(node);
    client.bind(1, "ab:///flood");
    client.send(1, 1, 2, 0, &find(""));
    let first = client.next_message();
    let flow = first.flow;
    for seq in 2..=FIRST_CREDIT {
        assert_eq!(client.next_message().seq, seq);
    }
    client.is_silent();
    // Step 7: processed and credit, and what became of those that were not handled.
    let outcome = |seq| Outcome {
        seq,
        code: Code::NoSuchActor as i32,
        effect: Effect::None as i32,
        detail: "nobody is here".into(),
        ..Outcome::default()
    };
    client.say(&Frame {
        state: vec![StreamState {
            flow,
            processed: FIRST_CREDIT,
            received: FIRST_CREDIT,
            credit: FLOOD,
            outcomes: (1..=FIRST_CREDIT).map(outcome).collect(),
            ..StreamState::default()
        }],
        ..Frame::default()
    });
    for seq in FIRST_CREDIT + 1..=FLOOD {
        assert_eq!(client.next_message().seq, seq);
    }
    until("the node has heard what was refused", || {
        status(node).dead_letters == FIRST_CREDIT
    });
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn what_was_granted_on_a_flow_is_not_granted_to_the_next_stream_of_its_number() {
    let node = open_node();
    let mut client = Client::open(node);
    client.bind(1, "ab:///flood");
    client.send(1, 1, 2, 0, &find(""));
    let flow = client.next_message().flow;
    for seq in 2..=FIRST_CREDIT {
        assert_eq!(client.next_message().seq, seq);
    }
    let state = StreamState {
        flow,
        processed: FIRST_CREDIT,
        received: FIRST_CREDIT,
        credit: 10 * FLOOD,
        ..StreamState::default()
    };
    let granted = [state.processed, state.credit];
    for (word, value) in client.lane.grants(flow).iter().zip(granted) {
        word.store(value, SeqCst);
    }
    client.say(&Frame {
        state: vec![state],
        ..Frame::default()
    });
    for seq in FIRST_CREDIT + 1..=FLOOD {
        assert_eq!(client.next_message().seq, seq);
    }
    let reset = |code: Code| Frame {
        reset: vec![StreamReset {
            flow,
            code: code as i32,
            moved: None,
        }],
        ..Frame::default()
    };
    client.say(&reset(Code::Stopped));
    client.until_head(|head| head.open.iter().any(|open| open.flow == flow && open.close));
    client.say(&reset(Code::Ok));
    client.send(2, 1, 2, 0, &find(""));
    let first = client.next_message();
    assert_eq!(first.flow, flow, "the number is given again");
    for seq in 1..FIRST_CREDIT {
        assert_eq!(client.next_message().seq, first.seq + seq);
    }
    client.is_silent();
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_refused_tell_has_an_outcome_a_closed_flow_an_answer_and_a_goodbye_ends_the_link() {
    let node = open_node();
    let mut client = Client::open(node);
    client.bind(1, "ab:///nobody");
    client.send(1, 1, 2, 0, &find(""));
    let state = client.until_head(|head| head.state.iter().any(|s| !s.outcomes.is_empty()));
    let outcomes: Vec<_> = state.state.iter().flat_map(|s| &s.outcomes).collect();
    assert_eq!((outcomes[0].seq, outcomes[0].code()), (1, Code::NoSuchActor));
    // Step 9.
    client.say(&Frame {
        open: vec![StreamOpen {
            flow: 1,
            close: true,
            first_seq: 2,
            ..StreamOpen::default()
        }],
        ..Frame::default()
    });
    let reset = |code| move |head: &Frame| head.reset.iter().any(|r| r.flow == 1 && r.code() == code);
    client.until_head(reset(Code::NoSuchActor));
    client.until_head(reset(Code::Ok));
    client.bind(1, "ab:///relay"); // its number is free again; types 1 and 2 are not
    client.lane.show();
    client.until_head(|head| head.goodbye.is_some());
    let node_closes = || client.lane.closed();
    until("a type that is told twice costs the link", node_closes);
    client.lane.close();
    // Step 10.
    let mut client = Client::open(node);
    client.say(&Frame {
        goodbye: Some(Goodbye::default()),
        ..Frame::default()
    });
    until("the link is over", || client.lane.closed());
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

/// Watches a descriptor of which it tells only that it has become readable anew.
struct Edges(libc::c_int);

impl Edges {
    fn of(link: Link) -> Self {
        let mut fd = -1;
        // SAFETY: `fd` is valid.
        assert_eq!(unsafe { ab_link_fd(link, 0, &mut fd) }, AB_OK);
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET) as u32,
            u64: 0,
        };
        // SAFETY: `event` is valid.
        unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            assert_eq!(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event), 0);
            Self(epoll)
        }
    }

    fn wait(&self, most: Duration) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for one event.
        unsafe { libc::epoll_wait(self.0, &mut event, 1, most.as_millis() as i32) == 1 }
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { libc::close(self.0) };
    }
}

/// Fills the ring of a node that takes nothing, and asks for room.
fn fill(lane: &mut Lane) {
    // A field that the node does not know, in the range that it reads past.
    let mut frame = vec![0x82, 0x05]; // number 80, of bytes
    let data = vec![7; 100_000];
    prost::encoding::encode_varint(data.len() as u64, &mut frame);
    frame.extend(data);
    let takes = frame.len() as u64 + RECORD_OVERHEAD;
    while lane.has_room(takes, takes) {
        lane.record(AB_RECORD_FRAME, &frame);
        lane.show();
    }
    lane.half(0, WANTS_ROOM).store(1, SeqCst);
    assert!(!lane.has_room(takes, takes));
}

fn waits_for_room(its_reader_sleeps: bool) {
    let (begin, begun) = channel();
    let (open, opened) = channel();
    *GATE.lock().expect("no panic") = Some((begin, opened));
    let node = open_node();
    let mut client = Client::open(node);
    client.bind(1, "ab:///gate");
    client.send(1, 1, 2, 0, &find(""));
    begun.recv_timeout(PATIENCE).expect("the handler begins");
    let edges = Edges::of(client.lane.link);
    fill(&mut client.lane);
    while edges.wait(Duration::ZERO) {}
    let sleeps = client.lane.half(1, ASLEEP);
    sleeps.store(u32::from(its_reader_sleeps), SeqCst);
    open.send(()).expect("it waits");
    assert!(
        edges.wait(PATIENCE),
        "nobody tells of the room; its reader sleeps: {its_reader_sleeps}"
    );
    until("there is room", || client.lane.has_room(100_000, 100_000));
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_writer_that_waits_for_room_is_told_of_it_whether_its_reader_sleeps_or_not() {
    waits_for_room(true);
    waits_for_room(false);
}

#[test]
fn a_writer_is_told_of_the_room_of_what_is_no_message() {
    let node = open_node();
    let mut client = Client::open(node);
    let edges = Edges::of(client.lane.link);
    let lane = &mut client.lane;
    lane.show_and_wait();
    let waits = |lane: &Lane, of: &str| {
        while edges.wait(Duration::ZERO) {}
        lane.half(0, WANTS_ROOM).store(1, SeqCst);
        lane.show();
        assert!(edges.wait(PATIENCE), "nobody tells of the room of {of}");
        until("all is taken", || lane.word(0, HEAD).load(SeqCst) == lane.tail);
    };
    while lane.left() > 100_000 {
        lane.record(AB_RECORD_RUN, &run_head(1, 1, 1));
    }
    waits(lane, "heads");
    lane.pad();
    waits(lane, "padding");
    client.lane.close();
    assert_eq!(ab_node_close(node), AB_OK);
}

#[test]
fn a_writer_that_waits_for_room_is_told_of_the_end_while_its_reader_is_awake() {
    let node = open_node();
    let client = Client::open(node);
    let edges = Edges::of(client.lane.link);
    while edges.wait(Duration::ZERO) {}
    assert_eq!(ab_link_close(client.lane.link), AB_OK);
    assert!(edges.wait(PATIENCE) && client.lane.closed());
    assert_eq!(ab_link_unmap(client.lane.map.map), AB_OK);
    assert_eq!(ab_node_close(node), AB_OK);
}
