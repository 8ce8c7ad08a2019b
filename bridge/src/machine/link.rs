//! One lane of a link: handshake, numbering, credit, and the end.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use actorbridge_proto::v1::{self, Code, Effect, GoodbyeCode, Kind, RefusalReason};
use actorbridge_proto::view::MAX_WHO_BYTES;
use actorbridge_proto::{EnvelopeView, Item, Packet, Refusal, Run, What, Who, writer};
use bytes::Bytes;

use super::Millis;

mod assembly;
mod ends;
mod excess;
mod fragments;
mod handshake;
mod inbound;
mod items;
mod outbound;
mod packing;
mod poll;
mod queue;
mod relayed;

use assembly::{Coming, LargeIn};
use excess::Excess;
pub use fragments::{ANSWER_OVERHEAD, BESIDE_PAYLOAD, MAX_BEGUN, MAX_LARGE_ANSWERS};
use fragments::{LargeOut, Leaving, Transfer};
pub use outbound::Send;
pub use poll::ttl_ms;
use queue::{Control, Entry, Outgoing, Waiting};
pub use relayed::{MAX_RELAYED_BYTES, Progress, Relayed};

/// The protocol versions that this code speaks.
pub const PROTOCOL: (u32, u32) = (1, 1);
/// Most bytes of streams' items that wait for the writer; beyond it `send` answers NoRoom.
pub const MAX_QUEUED_BYTES: usize = 256 << 10;
/// What is kept beyond that for streams of which little waits: their neighbours may have filled the queue.
pub const RESERVED_BYTES: usize = 128 << 10;
/// Where `poll` stops adding items to a packet.
pub const PACKET_BYTES: usize = 64 << 10;
/// Most bytes of answers that wait for the writer: far above what an honest peer can ask for while it reads.
pub const MAX_QUEUED_ANSWERS: usize = 16 << 20;
/// What there is beyond that for telling askers that their answers found no room. A peer that has used that up too loses its link.
const FAILURES_BEYOND: usize = 1 << 20;
/// Most outcomes that wait for the writer; a peer that causes more and reads none loses its link.
pub const MAX_OUTCOMES: usize = 65_536;
/// Most bindings, closes and states that wait for the writer: four for each flow that the default limits allow. A peer that
/// causes more and reads none loses its link.
pub const MAX_CONTROLS: usize = 4 * 65_536;
/// Most seqs beyond `processed` that a receiver's credit is worth: what is noted of each frame is bounded by it.
pub const MAX_WINDOW: u64 = 1 << 20;
/// Most bytes of a node's name.
pub const MAX_NODE_NAME: usize = 255;
/// The highest seq: far from where adding to it could wrap.
pub const MAX_SEQ: u64 = 1 << 62;
/// Most outcomes in one StreamState; more follow in the next.
const OUTCOMES_IN_STATE: usize = 64;
/// Most bytes of a detail on the wire.
const MAX_DETAIL: usize = 1024;
/// Most TypeDefs in one direction.
pub const MAX_TYPES: u32 = 4096;
/// Most message types that a side says it reads, and most bytes of them: a Hello is one frame.
pub const MAX_READS: usize = 2048;
const READS_BYTES: usize = 64 << 10;
/// A link is dead after this many pings without a word.
const MAX_SILENT_PINGS: u32 = 3;
/// And after this many without an answer to any, whatever else comes. They may lie behind much on a slow way.
const MAX_UNANSWERED_PINGS: u32 = 12;
/// A run that was forwarded more often than this goes in circles.
pub const MAX_HOPS: u32 = 8;

/// Which side of the handshake a machine plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Says Hello.
    Dialer,
    /// Answers Welcome.
    Acceptor,
}

/// What a side says of itself at the handshake.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which side.
    pub role: Role,
    /// Node name.
    pub node: String,
    /// Random for each process start.
    pub incarnation: u64,
    /// Which one of the incarnation's dials this is, from 1 on; a higher one takes the place of those before. Of a dialer.
    pub link_epoch: u64,
    /// Protocol versions, lowest and highest.
    pub protocol: (u32, u32),
    /// See `v1::Capability`.
    pub capabilities: Vec<u32>,
    /// Capabilities without which there is no link.
    pub required: Vec<u32>,
    /// What this side accepts; zeros are defaults.
    pub limits: v1::Limits,
    /// For people.
    pub software: String,
    /// The message types that this side reads. Those beyond [`MAX_READS`] or 64 KiB are not told.
    pub types: Vec<v1::Reads>,
}

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the handshake ends.
    Handshake,
    /// Messages flow.
    Up,
    /// Over.
    Down,
}

/// The place of a binding among those of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingNumber {
    /// How many times the stream has been bound, this time included.
    pub number: u32,
    /// The earlier binding that sent something last, if an old owner may still pass on some of it or of those before it;
    /// 0 = no.
    pub after: u32,
}

impl BindingNumber {
    /// Of a stream that is bound for the first time.
    pub const FIRST: Self = Self { number: 1, after: 0 };
}

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The handshake is over.
    Up {
        /// The peer's node name.
        peer: String,
        /// The peer's incarnation.
        incarnation: u64,
        /// The protocol version that both speak.
        protocol: u32,
        /// The capabilities that both have.
        capabilities: Vec<u32>,
        /// The message types that the peer reads, as far as it says.
        types: Vec<v1::Reads>,
    },
    /// The peer bound a stream; answer with `state` or `reset`.
    Opened {
        /// The flow.
        flow: u32,
        /// Its stream number.
        stream: u64,
        /// Which of the link's openings it is, counted from 1.
        opened: u32,
        /// The first seq that will come.
        first_seq: u64,
        /// Which one of the stream's bindings it is.
        binding: BindingNumber,
        /// Source, target, reply address.
        who: Who,
        /// The nodes at its ends, if they are not these two.
        relayed: Relayed,
    },
    /// One good item came.
    Deliver(Delivery),
    /// The peer will send nothing more on this binding, and the flow is gone: no state or outcome can be told any more. Of a stream
    /// that is passed on they can until `Link::confirm_close`, which its peer waits for.
    Closed {
        /// The flow.
        flow: u32,
        /// Its stream number.
        stream: u64,
        /// The last seq that was sent on it.
        last_seq: u64,
    },
    /// The peer withdraws one of its messages, or has stopped waiting for its answer.
    Skipped {
        /// The flow.
        flow: u32,
        /// The seq.
        seq: u64,
    },
    /// An outgoing flow may send up to this seq.
    Credit {
        /// The flow.
        flow: u32,
    },
    /// A stream that is passed on: its receiver has said something, or some of it has left. See `Link::progress`.
    Progress {
        /// The flow.
        flow: u32,
    },
    /// The receiver of a stream that is passed on has confirmed its end, and says nothing more of it. Its number is taken until
    /// `Link::free_flow`.
    Confirmed {
        /// The flow.
        flow: u32,
    },
    /// The receiver refused one of our messages.
    Refused {
        /// The flow.
        flow: u32,
        /// What became of it.
        outcome: v1::Outcome,
    },
    /// The peer, a relay, has lost the way to where an outgoing stream ends, which we may have closed before.
    WayLost {
        /// The flow.
        flow: u32,
        /// Its stream number.
        stream: u64,
        /// The first seq of which nobody knows what became.
        first: u64,
        /// The last seq that was sent on it; if it is below `first`, all is known.
        last_seq: u64,
    },
    /// Our outgoing binding was ended by the receiver, and has been closed.
    Rebind {
        /// The flow.
        flow: u32,
        /// The last seq that was sent on it.
        last_seq: u64,
        /// Why.
        code: Code,
        /// With `Code::Moved`: where to.
        moved: Option<v1::Moved>,
    },
    /// An inbound item was refused here; the peer has been answered. The actor's pool has to be told (`Pool::refused`).
    BadItem {
        /// The flow, 0 = off-stream.
        flow: u32,
        /// The seq.
        seq: u64,
        /// Why.
        refusal: Refusal,
        /// The item's bytes, for the dead letters.
        body: Bytes,
        /// The correlation of an ask that came by relays, which the shell answers; 0 = there is none.
        asked: u64,
    },
    /// A step of an actor's move came.
    Moved(v1::Move),
    /// There is room again for items.
    Room,
    /// The link is over.
    Down {
        /// Why, as a number of `v1::Status`.
        status: v1::Status,
        /// Why, as a sentence.
        detail: String,
        /// The last of our frames that the peer acted on, if it said so.
        last_frame: Option<u64>,
    },
}

/// One good item.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The flow; 0 = off-stream.
    pub flow: u32,
    /// The seq. Off-stream: the epoch of the actor's stay that it follows it to, or 0.
    pub seq: u64,
    /// TypeDef id; 0 = in the body.
    pub type_id: u32,
    /// Milliseconds left; 0 = no deadline.
    pub ttl_ms: u32,
    /// 0 = first try.
    pub attempt: u32,
    /// Nodes that forwarded it.
    pub hops: u32,
    /// The kind, from the type or the body.
    pub kind: u32,
    /// The correlation; 0 = none.
    pub correlation: u64,
    /// The body.
    pub body: Bytes,
}

#[derive(Debug)]
struct OutFlow {
    stream: u64,
    who_len: usize,
    next_seq: u64,
    credit: u64,
    processed: u64,
    received: u64,
    /// Closed by us; the number stays taken until the peer has confirmed it.
    closing: bool,
    /// Its first seq, and one more for each outcome that was told: nobody tells of more messages than were sent.
    first_untold: u64,
    /// It ends at another node than the peer.
    beyond: bool,
    /// It came here from another node: its seqs are the sender's, and whoever sends closes it.
    passed_on: bool,
    /// Its end is confirmed, and its number not free yet.
    confirmed: bool,
    /// The last seq that went past the queue.
    at_once: u64,
    /// (last seq, frame number) of frames that carried its messages and are not processed yet.
    frames: VecDeque<(u64, u64)>,
    large: LargeOut,
}

#[derive(Debug)]
struct InFlow {
    stream: u64,
    opened: u32,
    who_present: u32,
    who_len: usize,
    last_seq: u64,
    credit: u64,
    large: LargeIn,
    /// It ends at another node: its items are not looked into.
    passed_on: bool,
    /// A relay has passed it on: a bare correlation would not find the asker.
    relayed: bool,
}

/// The machine of one lane.
#[derive(Debug)]
pub struct Link {
    config: Config,
    phase: Phase,
    opened_at: Millis,
    peer_limits: v1::Limits,
    /// The names that the peer may have by its certificate; `None` = any.
    peer_names: Option<Vec<String>>,
    /// Both sides can put messages together.
    fragments: bool,
    // Out.
    number: u64,
    queue: Outgoing,
    /// What is next in the queue found no room behind what came before it in the last packet: it comes first in the next.
    front_waits: bool,
    no_room_said: bool,
    head: v1::Frame,
    states: BTreeMap<u32, v1::StreamState>,
    /// The flows of `states`, in the order in which they are told; closed ones may still be in it.
    state_order: VecDeque<u32>,
    /// One of `states` must leave now; else they go with the next packet, or when they are pressed.
    states_press: bool,
    /// Outcomes in `states`.
    outcomes: usize,
    flows: Vec<Option<OutFlow>>,
    free: Vec<u32>,
    types: HashMap<Bytes, u32>,
    /// The type that went past the queue last, and its number.
    last_type: (Bytes, u32),
    leaving: Leaving,
    // In.
    last_number: u64,
    in_flows: BTreeMap<u32, InFlow>,
    /// How often the peer has opened a flow.
    opened: u32,
    excess: Excess,
    /// Incoming flows that are passed on and that the peer has closed, until it is told that nothing more will be said of them.
    unconfirmed: BTreeSet<u32>,
    in_types: Vec<What>,
    coming: Coming,
    // Liveness.
    next_ping: Millis,
    silent_pings: u32,
    /// The moment of the newest ping that was answered.
    last_pong: Option<Millis>,
    /// Those since the last Pong, whatever else came.
    unanswered_pings: u32,
    /// An answer found no room, nor did the word that it did not.
    answer_lost: bool,
    goodbye_said: bool,
    draining: bool,
    /// What a drain asks of the peer, and what the peer has asked of this side.
    reconnect_after_ms: u32,
    stay_away_ms: u32,
    /// What of the peer ended the link.
    refused_for: Option<RefusalReason>,
}

impl Link {
    /// A machine at the beginning of its handshake. A dialer has a Hello to poll.
    pub fn new(config: Config, now: Millis) -> Self {
        let mut link = Self {
            phase: Phase::Handshake,
            opened_at: now,
            peer_limits: handshake::with_defaults(&v1::Limits::default()),
            peer_names: None,
            fragments: false,
            number: 0,
            queue: Outgoing::default(),
            front_waits: false,
            no_room_said: false,
            head: v1::Frame::default(),
            states: BTreeMap::new(),
            state_order: VecDeque::new(),
            states_press: false,
            outcomes: 0,
            flows: Vec::new(),
            free: Vec::new(),
            types: HashMap::new(),
            last_type: (Bytes::new(), 0),
            leaving: Leaving::default(),
            last_number: 0,
            in_flows: BTreeMap::new(),
            opened: 0,
            excess: Excess::default(),
            unconfirmed: BTreeSet::new(),
            in_types: Vec::new(),
            coming: Coming::default(),
            next_ping: now + u64::from(handshake::with_defaults(&config.limits).ping_ms),
            silent_pings: 0,
            last_pong: None,
            unanswered_pings: 0,
            answer_lost: false,
            goodbye_said: false,
            draining: false,
            reconnect_after_ms: 0,
            stay_away_ms: 0,
            refused_for: None,
            config,
        };
        if link.config.role == Role::Dialer {
            link.head.hello = Some(link.hello());
        }
        link
    }

    /// The peer has shown who it is: it must give itself one of these names. Call it before the handshake.
    pub fn expect_peer(&mut self, names: Vec<String>) {
        self.peer_names = Some(names);
    }

    /// Where the link is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Sends nothing larger than this, whatever the peer accepts.
    pub fn cap_frames(&mut self, max_frame_bytes: u32) {
        let limits = &mut self.peer_limits;
        limits.max_frame_bytes = limits.max_frame_bytes.min(max_frame_bytes);
        limits.inline_bytes = limits.inline_bytes.min(max_frame_bytes / 2);
    }

    /// Does it take new messages? Not before the handshake is over, nor once it drains or is down.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up && !self.draining
    }

    /// Time passes: pings, and the end of a silent link. Call it about once a second.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        if self.phase == Phase::Down || now < self.next_ping {
            return;
        }
        self.next_ping = now + u64::from(handshake::with_defaults(&self.config.limits).ping_ms);
        if self.silent_pings == MAX_SILENT_PINGS {
            let detail = "the peer answered no ping three times in a row".into();
            return self.end_silent(RefusalReason::Silent, detail, out);
        }
        if self.unanswered_pings == MAX_UNANSWERED_PINGS {
            let detail = format!("the peer sends, and answered none of {MAX_UNANSWERED_PINGS} pings: it does not read");
            return self.end_silent(RefusalReason::NeverReads, detail, out);
        }
        if let Err(why) = self.reads_answers() {
            return self.bad_frame(&why, out);
        }
        self.silent_pings += 1;
        if self.phase == Phase::Up {
            self.unanswered_pings += 1;
            self.head.ping = Some(v1::Ping {
                token: now,
                mem_permille: 0,
            });
        }
    }

    /// Asks the peer for a sign of life at once: [`Self::has_answered`] says when it has come.
    pub fn probe(&mut self, now: Millis) {
        if self.phase == Phase::Up {
            self.head.ping = Some(v1::Ping {
                token: now,
                mem_permille: 0,
            });
        }
    }

    /// Has an answer come to a ping of this moment, or of a later one? Other frames, and answers to earlier pings, may have been
    /// under way while the peer died.
    pub fn has_answered(&self, since: Millis) -> bool {
        self.last_pong.is_some_and(|newest| newest >= since)
    }
}

/// A detail as it may travel: at most 1 KiB.
fn short(detail: &str) -> String {
    let mut end = detail.len().min(MAX_DETAIL);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    detail[..end].to_owned()
}
