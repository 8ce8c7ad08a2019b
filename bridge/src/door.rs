//! A node's end of a link: what doors feed with packets and take packets from.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use actorbridge_proto::v1::{self, Code, RefusalReason};
use actorbridge_proto::{Packet, Refusal, What, Who};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::actor::State as ActorState;
use crate::address::Address;
use crate::asks::Place;
use crate::compression::Compression;
use crate::links::Kept;
use crate::machine::Millis;
use crate::machine::link::{Action, BindingNumber, Config, Link, PROTOCOL, Phase, Relayed, Role};
use crate::node::{Inner, lock};
use crate::outlet::Outlet;
use crate::remote::Identity;
use crate::status::{Meter, SOFTWARE};
use crate::tap::Taps;
use crate::versions;

mod admission;
mod frames;
mod inbound;
pub(crate) mod inline;
mod lane;
mod outgoing;
mod relay;
mod seen;
mod told;

use inbound::Inbound;
pub use inline::Inline;
pub use lane::{Lane, LaneItem, LaneRun};
use relay::{Ready, Relay};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

type Wake = Arc<dyn Fn() + std::marker::Send + Sync>;

struct State {
    machine: Link,
    outlets: HashMap<u32, Weak<Outlet>>,
    types: HashMap<u32, Arc<What>>,
    /// Outgoing flows that belong to streams of other nodes.
    relays: HashMap<u32, Arc<Relay>>,
    /// Streams whose way was lost behind the peer, and the last seq that was sent.
    strays: HashMap<u64, u64>,
    /// The targets of outgoing flows that were reset, until another stream has the number.
    last_targets: HashMap<u32, Address>,
    /// Outgoing flows that were reset with MOVED, until their outlets know: where to.
    resets: HashMap<u32, v1::Moved>,
    /// What both sides can do.
    capabilities: Vec<u32>,
    /// The highest version of each message type that the peer says it reads.
    reads: HashMap<String, u32>,
    /// Where what leaves is written, of a door in shared memory.
    lane: Option<Arc<dyn Lane>>,
    /// A packet that found no room there.
    unsent: Option<Packet>,
    /// States wait, and will be pressed.
    states_wait: bool,
    /// Flows that wait for credit, and what rings for who waits.
    starved: HashMap<u32, Arc<Notify>>,
    /// Flows that have used up their credit since they were last given some.
    stalled: HashSet<u32>,
}

/// One end of a link. A door brings it what the peer sends and carries what it has to say; it knows nothing else.
///
/// All calls return at once. One thread at a time should receive, so that messages keep their order.
pub struct LinkEnd {
    id: u64,
    node: Weak<Inner>,
    role: Role,
    /// Counts the dials of the side that dialled.
    epoch: AtomicU64,
    /// By which it is dialled again, if it is.
    kept: Option<Arc<Kept>>,
    state: Mutex<State>,
    /// Held while actions are carried out, so that they are in order.
    inbound: Mutex<HashMap<u32, Inbound>>,
    wake: Mutex<Option<Wake>>,
    peer: Mutex<Option<String>>,
    incarnation: AtomicU64,
    /// What the peer may do by its certificate, if it showed one.
    identity: OnceLock<Identity>,
    /// By what payloads are compressed that leave, and from how many bytes on; unset if they are not.
    compression: OnceLock<(Compression, usize)>,
    /// The address that this node dialled for it, if it did so by one.
    pub(crate) address: OnceLock<String>,
    /// What the log has been told of it, a bit for each reason.
    accused: AtomicU32,
    /// Its Hello waits until another link has shown that it is alive, or has not.
    waits: AtomicBool,
    /// What goes by it before its handshake is over, and then.
    early: Arc<Meter>,
    meter: OnceLock<Arc<Meter>>,
    taps: Arc<Taps>,
    dialled: bool,
    since: Millis,
    fate: Mutex<Option<(v1::Status, String)>>,
    /// The last frame that the peer had, if it is known, and why it is over: set before its asks are answered.
    pub(crate) over: OnceLock<(Option<u64>, String)>,
    /// Trips when the handshake is over, or the link is.
    pub(crate) settled: CancellationToken,
    pub(crate) down: CancellationToken,
}

impl std::fmt::Debug for LinkEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkEnd")
            .field("id", &self.id)
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

impl LinkEnd {
    pub(crate) fn new(node: &Arc<Inner>, role: Role, kept: Option<Arc<Kept>>) -> Arc<Self> {
        let link_epoch = match role {
            Role::Dialer => node.kept_links.next_epoch(),
            Role::Acceptor => 0,
        };
        let config = Config {
            role,
            node: node.name.clone(),
            incarnation: node.incarnation,
            link_epoch,
            protocol: PROTOCOL,
            capabilities: [v1::Capability::Fragments as u32, v1::Capability::Move as u32]
                .into_iter()
                .chain(Compression::capabilities())
                .chain(node.relays.are_used().then_some(v1::Capability::Relay as u32))
                .collect(),
            required: Vec::new(),
            limits: v1::Limits::default(),
            software: SOFTWARE.into(),
            types: node.reads(),
        };
        let machine = Link::new(config, node.now());
        let end = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            node: Arc::downgrade(node),
            role,
            epoch: AtomicU64::new(link_epoch),
            kept,
            state: Mutex::new(State {
                machine,
                outlets: HashMap::new(),
                types: HashMap::new(),
                relays: HashMap::new(),
                strays: HashMap::new(),
                last_targets: HashMap::new(),
                resets: HashMap::new(),
                capabilities: Vec::new(),
                reads: HashMap::new(),
                lane: None,
                unsent: None,
                states_wait: false,
                starved: HashMap::new(),
                stalled: HashSet::new(),
            }),
            inbound: Mutex::default(),
            wake: Mutex::default(),
            peer: Mutex::default(),
            incarnation: AtomicU64::new(0),
            identity: OnceLock::new(),
            compression: OnceLock::new(),
            address: OnceLock::new(),
            accused: AtomicU32::new(0),
            waits: AtomicBool::new(false),
            early: node.counters.early(),
            meter: OnceLock::new(),
            taps: node.taps.clone(),
            dialled: role == Role::Dialer,
            since: node.now(),
            fate: Mutex::default(),
            over: OnceLock::new(),
            settled: CancellationToken::new(),
            down: CancellationToken::new(),
        });
        node.links
            .write()
            .unwrap_or_else(|e| e.into_inner())
            .insert(end.id, end.clone());
        end
    }

    /// A number of this link, unique in the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The peer's node name, once the handshake is over.
    pub fn peer(&self) -> Option<String> {
        lock(&self.peer).clone()
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Which one of the dials of the side that dialled it is; 0 = it has not said so yet.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn kept(&self) -> Option<&Arc<Kept>> {
        self.kept.as_ref()
    }

    /// The door has verified who the peer is: its name and the sources of its messages must agree. Call it before the
    /// handshake, once.
    pub fn identify(&self, identity: Identity) {
        lock(&self.state).machine.expect_peer(identity.nodes.clone());
        let _ = self.identity.set(identity);
    }

    /// Why the peer may not send as that; `None` = it may.
    fn forbids(&self, who: &Who) -> Option<(RefusalReason, String)> {
        let identity = self.identity.get()?;
        identity.forbids(&self.peer().unwrap_or_default(), who)
    }

    /// Is this the link to a node?
    pub(crate) fn is_peer(&self, node: &str) -> bool {
        lock(&self.peer).as_deref() == Some(node)
    }

    /// Is the link over? Then nothing more is received; `take_packet` may still have a Goodbye.
    pub fn is_down(&self) -> bool {
        lock(&self.state).machine.phase() == Phase::Down
    }

    /// Does the link take new messages? Not before the handshake is over, nor once it drains or is down.
    pub(crate) fn is_up(&self) -> bool {
        lock(&self.state).machine.is_up()
    }

    /// Why the link is over.
    pub fn fate(&self) -> Option<String> {
        lock(&self.fate).as_ref().map(|(_, why)| why.clone())
    }

    /// Why the link is over, as a number.
    pub fn fate_status(&self) -> Option<v1::Status> {
        lock(&self.fate).as_ref().map(|(status, _)| *status)
    }

    /// Would `take_packet` give a packet now?
    pub fn has_packet(&self) -> bool {
        lock(&self.state).machine.has_output()
    }

    /// The highest seq that the peer may send on a flow; `None` = the flow is not open.
    pub fn granted(&self, flow: u32) -> Option<u64> {
        lock(&self.state).machine.granted(flow)
    }

    /// What this side accepts.
    pub fn limits(&self) -> v1::Limits {
        lock(&self.state).machine.limits()
    }

    /// Sets what to call when `take_packet` has something again, or the link is over. It is called at once if so, from any
    /// thread, and must not call back.
    pub fn set_wake(&self, wake: Box<dyn Fn() + std::marker::Send + Sync>) {
        *lock(&self.wake) = Some(Arc::from(wake));
        self.ring();
    }

    fn ring(&self) {
        // Most events leave nothing to say: a door that is woken for nothing costs a switch of threads.
        {
            let state = lock(&self.state);
            if !state.machine.has_output() && state.unsent.is_none() && state.machine.phase() != Phase::Down {
                return;
            }
            if state.lane.is_some() {
                drop(state);
                return self.fill_lane();
            }
        }
        let wake = lock(&self.wake).clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// The bytes of a frame came. A frame that does not parse ends the link.
    pub fn receive_frame(&self, frame: Bytes) {
        self.meter().received(frame.len());
        let limit = lock(&self.state).machine.limits().max_frame_bytes as usize;
        match Packet::read(&frame, limit) {
            Ok(packet) => self.receive_packet(packet),
            Err(refusal) if refusal.code == Code::TooLarge => self.oversized_frame(&refusal.to_string()),
            Err(refusal) => self.bad_frame(&refusal.to_string()),
        }
    }

    /// A frame came.
    pub fn receive_packet(&self, mut packet: Packet) {
        let Some(node) = self.node.upgrade() else { return };
        if packet.head.hello.is_some() || packet.head.welcome.is_some() {
            return self.admit(&node, packet, false);
        }
        lock(&self.state).machine.charge(&mut packet, node.now());
        self.receive_head_and_runs(&node, packet);
    }

    /// Returns when the peer's Hello has its answer: what comes behind it before that, a door that can wait does not bring.
    pub(crate) async fn answered(&self) {
        if self.waits.load(Ordering::Relaxed) {
            self.settled.cancelled().await;
        }
    }

    /// The next packet to carry, if there is one.
    pub fn take_packet(&self) -> Option<Packet> {
        let node = self.node.upgrade()?;
        let mut actions = Vec::new();
        let (packet, ready) = {
            let mut state = lock(&self.state);
            let packet = state.machine.poll(node.now(), &mut actions);
            (packet, Self::may_send(&mut state, &actions))
        };
        ready.tell(self);
        if actions.iter().any(|a| matches!(a, Action::Down { .. })) {
            self.drained(&node, &mut lock(&self.inbound), actions);
        }
        packet
    }

    /// Who may send again, when the writer has taken something.
    fn may_send(state: &mut State, actions: &[Action]) -> Ready {
        let mut ready = Ready::default();
        for action in actions {
            match action {
                Action::Room => ready.outlets.extend(state.outlets.values().filter_map(Weak::upgrade)),
                Action::Credit { flow } => {
                    state.stalled.remove(flow);
                    Self::feed(state, *flow);
                    ready.outlets.extend(state.outlets.get(flow).and_then(Weak::upgrade));
                }
                Action::Progress { flow } => ready.relays.extend(state.relays.get(flow).cloned()),
                _ => {}
            }
        }
        ready
    }

    /// A drain ends with the packet that holds its Goodbye.
    fn drained(&self, node: &Arc<Inner>, inbound: &mut HashMap<u32, Inbound>, actions: Vec<Action>) {
        if let Some(Action::Down {
            status,
            detail,
            last_frame,
        }) = actions.into_iter().find(|a| matches!(a, Action::Down { .. }))
        {
            self.on_down(node, inbound, status, &detail, last_frame);
        }
    }

    /// The transport is gone, and why.
    pub fn lost(&self, detail: &str) {
        if let Some(node) = self.node.upgrade() {
            self.drive(&node, |machine, out| machine.lost(detail, out));
        }
    }

    /// The transport refused a frame of the peer: the link says Goodbye and is over.
    pub fn bad_frame(&self, detail: &str) {
        if let Some(node) = self.node.upgrade() {
            self.drive(&node, |machine, out| machine.bad_frame(detail, out));
        }
    }

    /// As [`Self::bad_frame`], for a frame over the limit.
    pub fn oversized_frame(&self, detail: &str) {
        if let Some(node) = self.node.upgrade() {
            self.drive(&node, |machine, out| machine.oversized_frame(detail, out));
        }
    }

    pub(crate) fn drain(&self, node: &Arc<Inner>) {
        self.drive(node, |machine, _| machine.drain());
    }

    pub(crate) fn tick(&self, node: &Arc<Inner>) {
        self.drive(node, |machine, out| machine.tick(node.now(), out));
    }

    fn drive(&self, node: &Arc<Inner>, event: impl FnOnce(&mut Link, &mut Vec<Action>)) {
        let mut inbound = lock(&self.inbound);
        let mut actions = Vec::new();
        {
            let mut state = lock(&self.state);
            event(&mut state.machine, &mut actions);
            self.before_others_know(&mut state, &actions);
        }
        let seen = self.taps.any();
        for action in actions {
            if seen {
                self.see_delivery(&inbound, &action);
            }
            self.act(node, &mut inbound, action);
        }
        drop(inbound);
        self.ring();
    }

    /// What must be known here before anyone can act on it.
    fn before_others_know(&self, state: &mut State, actions: &[Action]) {
        for action in actions {
            match action {
                // The peer can have the Welcome from now on, and who hears from it that the link is up must find it up.
                Action::Up {
                    peer,
                    incarnation,
                    capabilities,
                    types,
                    ..
                } => {
                    match &state.lane {
                        Some(lane) => state.machine.cap_frames(lane.max_frame_bytes()),
                        None => self.compress_for(capabilities),
                    }
                    state.capabilities.clone_from(capabilities);
                    let version = |reads: &v1::Reads| (reads.r#type.clone(), reads.max_version.max(1));
                    state.reads = types.iter().map(version).collect();
                    self.incarnation.store(*incarnation, Ordering::Relaxed);
                    self.count_up(peer);
                    *lock(&self.peer) = Some(peer.clone());
                }
                // A sender that finds its binding gone must find the reason too, before its next message.
                Action::Rebind {
                    flow,
                    moved: Some(moved),
                    ..
                } => {
                    state.resets.insert(*flow, moved.clone());
                }
                _ => {}
            }
        }
    }

    fn outlet(&self, flow: u32) -> Option<Arc<Outlet>> {
        lock(&self.state).outlets.get(&flow)?.upgrade()
    }

    /// Does the peer take and offer moves?
    pub(crate) fn can_move(&self) -> bool {
        lock(&self.state).capabilities.contains(&(v1::Capability::Move as u32))
    }

    pub(crate) fn open(
        &self,
        outlet: &Arc<Outlet>,
        who: &Bytes,
        first_seq: u64,
        binding: BindingNumber,
        relayed: Relayed,
    ) -> Result<u32, Refusal> {
        let mut state = lock(&self.state);
        state.strays.remove(&outlet.stream);
        let flow = state
            .machine
            .open_relayed(outlet.stream, who, first_seq, binding, relayed)?;
        if let Some(lane) = &state.lane {
            lane.forget_granted(flow);
        }
        state.outlets.insert(flow, Arc::downgrade(outlet));
        state.last_targets.remove(&flow);
        Ok(flow)
    }

    /// The state of an actor that moves to the peer: the newest version that the peer says it reads; as it is, where it says
    /// nothing of the type.
    ///
    /// # Errors
    /// UNSUPPORTED_VERSION: there is none.
    pub(crate) fn state_for_peer(&self, state: ActorState) -> Result<ActorState, Refusal> {
        let reads = lock(&self.state).reads.get(&state.type_name).copied();
        let Some(reads) = reads.filter(|reads| *reads < state.version) else {
            return Ok(state);
        };
        versions::older_state(&state, reads).map_err(|why| Refusal {
            code: Code::UnsupportedVersion,
            detail: format!(
                "its state is {} of version {}; node {} reads version {reads}; {why}",
                state.type_name,
                state.version,
                self.peer().unwrap_or_default()
            ),
        })
    }

    pub(crate) fn send_move(&self, step: v1::Move) -> Result<(), Refusal> {
        let sent = lock(&self.state).machine.send_move(step);
        self.ring();
        sent
    }

    /// Most bytes of a snapshot in one step of a move.
    pub(crate) fn chunk_bytes(&self) -> usize {
        let frame = lock(&self.state).machine.peer_limits().max_frame_bytes as usize;
        frame.saturating_sub(8 << 10)
    }

    /// Was this outgoing flow reset with MOVED, and where to?
    pub(crate) fn reset_of(&self, flow: u32) -> Option<v1::Moved> {
        lock(&self.state).resets.get(&flow).cloned()
    }

    pub(crate) fn close_flow(&self, flow: u32) {
        let mut state = lock(&self.state);
        Self::feed(&mut state, flow);
        state.stalled.remove(&flow);
        state.outlets.remove(&flow);
        state.machine.close(flow);
        drop(state);
        self.ring();
    }

    pub(crate) fn cancel(&self, flow: u32, stream: u64, seq: u64) {
        let mut state = lock(&self.state);
        let mut actions = Vec::new();
        if state.machine.stream_of(flow) == Some(stream) {
            state.machine.cancel(flow, seq, &mut actions);
        }
        let ready = Self::may_send(&mut state, &actions);
        drop(state);
        ready.tell(self);
        self.ring();
    }

    pub(crate) fn never_left(&self, place: Place, last_frame: Option<u64>) -> bool {
        let state = lock(&self.state);
        let same = state.machine.stream_of(place.flow) == Some(place.stream);
        same && state.machine.never_left(place.flow, place.seq, last_frame)
    }
}

/// Joins two nodes of this process. Packets go through their bytes, so that tests see what a peer would.
pub(crate) async fn join_in_memory(near: Arc<LinkEnd>, far: Arc<LinkEnd>) {
    let carry = |from: Arc<LinkEnd>, to: Arc<LinkEnd>| async move {
        let bell = Arc::new(tokio::sync::Notify::new());
        let ring = bell.clone();
        from.set_wake(Box::new(move || ring.notify_one()));
        loop {
            while let Some(frame) = from.take_frame() {
                to.receive_frame(frame);
                to.answered().await;
                tokio::task::yield_now().await;
            }
            // A node that is gone has nothing more to say, not even Goodbye.
            if from.is_down() || to.is_down() || from.node.strong_count() == 0 {
                return to.lost("the peer closed the link");
            }
            bell.notified().await;
        }
    };
    tokio::join!(carry(near.clone(), far.clone()), carry(far, near));
}
