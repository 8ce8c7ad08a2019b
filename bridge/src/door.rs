//! A node's end of a link: what doors feed with packets and take packets from.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use actorbridge_proto::v1::{self, Code, Effect};
use actorbridge_proto::{Packet, Refusal, What, Who};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::cell::Cell;
use crate::machine::link::{Action, Config, Delivery, Link, PROTOCOL, Phase, Role, Send};
use crate::message::{Message, Outgoing, Permit};
use crate::node::{Inner, lock};
use crate::outlet::Outlet;
use crate::rings::{DeadLetter, Level};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

type Wake = Arc<dyn Fn() + std::marker::Send + Sync>;

struct State {
    machine: Link,
    outlets: HashMap<u32, Weak<Outlet>>,
    types: HashMap<u32, Arc<What>>,
}

enum Host {
    Cell(Arc<Cell>),
    /// Nobody: each message is refused with this code.
    None(Code),
}

struct Inbound {
    who: Arc<Who>,
    host: Host,
}

/// One end of a link. A door brings it what the peer sends and carries what it has to say; it knows nothing else.
///
/// All calls return at once. One thread at a time should receive, so that messages keep their order.
pub struct LinkEnd {
    id: u64,
    node: Weak<Inner>,
    state: Mutex<State>,
    /// Held while actions are carried out, so that they are in order.
    inbound: Mutex<HashMap<u32, Inbound>>,
    wake: Mutex<Option<Wake>>,
    peer: Mutex<Option<String>>,
    fate: Mutex<Option<(v1::Status, String)>>,
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
    pub(crate) fn new(node: &Arc<Inner>, role: Role) -> Arc<Self> {
        let config = Config {
            role,
            node: node.name.clone(),
            incarnation: node.incarnation,
            protocol: PROTOCOL,
            capabilities: Vec::new(),
            required: Vec::new(),
            limits: v1::Limits::default(),
            software: concat!("actorbridge-rust ", env!("CARGO_PKG_VERSION")).into(),
        };
        let machine = Link::new(config, node.now());
        let end = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            node: Arc::downgrade(node),
            state: Mutex::new(State {
                machine,
                outlets: HashMap::new(),
                types: HashMap::new(),
            }),
            inbound: Mutex::default(),
            wake: Mutex::default(),
            peer: Mutex::default(),
            fate: Mutex::default(),
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

    /// Is the link over? Then nothing more is received; `take_packet` may still have a Goodbye.
    pub fn is_down(&self) -> bool {
        lock(&self.state).machine.phase() == Phase::Down
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
            let machine = &lock(&self.state).machine;
            if !machine.has_output() && machine.phase() != Phase::Down {
                return;
            }
        }
        let wake = lock(&self.wake).clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// The bytes of a frame came. A frame that does not parse ends the link.
    pub fn receive_frame(&self, frame: Bytes) {
        let limit = lock(&self.state).machine.limits().max_frame_bytes as usize;
        match Packet::read(&frame, limit) {
            Ok(packet) => self.receive_packet(packet),
            Err(refusal) => self.bad_frame(&refusal.to_string()),
        }
    }

    /// A frame came.
    pub fn receive_packet(&self, packet: Packet) {
        let Some(node) = self.node.upgrade() else { return };
        self.drive(&node, |machine, out| machine.receive(packet, out));
    }

    /// The next packet to carry, if there is one.
    pub fn take_packet(&self) -> Option<Packet> {
        let node = self.node.upgrade()?;
        let mut actions = Vec::new();
        let (packet, owners) = {
            let mut state = lock(&self.state);
            let packet = state.machine.poll(node.now(), &mut actions);
            let room = actions.iter().any(|a| matches!(a, Action::Room));
            let owners: Vec<_> = state
                .outlets
                .values()
                .filter(|_| room)
                .filter_map(Weak::upgrade)
                .collect();
            (packet, owners)
        };
        owners.iter().for_each(|o| o.owner.notify_waiters());
        // A drain ends with the packet that holds its Goodbye.
        if let Some(Action::Down {
            status,
            detail,
            last_frame,
        }) = actions.into_iter().find(|a| matches!(a, Action::Down { .. }))
        {
            self.on_down(&node, &mut lock(&self.inbound), status, &detail, last_frame);
        }
        packet
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

    pub(crate) fn drain(&self, node: &Arc<Inner>) {
        self.drive(node, |machine, _| machine.drain());
    }

    pub(crate) fn tick(&self, node: &Arc<Inner>) {
        self.drive(node, |machine, out| machine.tick(node.now(), out));
    }

    fn drive(&self, node: &Arc<Inner>, event: impl FnOnce(&mut Link, &mut Vec<Action>)) {
        let mut inbound = lock(&self.inbound);
        let mut actions = Vec::new();
        event(&mut lock(&self.state).machine, &mut actions);
        for action in actions {
            self.act(node, &mut inbound, action);
        }
        drop(inbound);
        self.ring();
    }

    fn act(&self, node: &Arc<Inner>, inbound: &mut HashMap<u32, Inbound>, action: Action) {
        match action {
            Action::Up { peer, .. } => {
                node.log(Level::Info, &peer, "the link is up".into());
                *lock(&self.peer) = Some(peer);
                self.settled.cancel();
            }
            Action::Opened {
                flow, first_seq, who, ..
            } => {
                let host = self.host(node, flow, first_seq, &who);
                inbound.insert(
                    flow,
                    Inbound {
                        who: Arc::new(who),
                        host,
                    },
                );
            }
            Action::Deliver(delivery) => self.deliver(node, inbound, delivery),
            Action::Closed { flow, .. } => {
                if let Some(Inbound {
                    host: Host::Cell(cell), ..
                }) = inbound.remove(&flow)
                {
                    cell.close_stream(node, (self.id, flow));
                }
            }
            Action::Skipped { flow, seq } => self.skipped(node, inbound, flow, seq),
            Action::Credit { flow } => self.outlet(flow).iter().for_each(|o| o.owner.notify_waiters()),
            Action::Refused { flow, outcome } => {
                let target = self
                    .outlet(flow)
                    .map(|o| o.target.as_str().to_owned())
                    .unwrap_or_default();
                let (code, effect) = (Code::from_wire(outcome.code), outcome.effect());
                let detail = format!("seq {}: {}", outcome.seq, outcome.detail);
                node.dead().push(DeadLetter {
                    target,
                    code,
                    effect,
                    detail,
                    envelope: Bytes::new(),
                });
            }
            Action::Rebind { flow, .. } => {
                let outlet = lock(&self.state).outlets.remove(&flow).and_then(|o| o.upgrade());
                if let Some(outlet) = outlet {
                    node.forget(outlet.target.path());
                    outlet.unbind(self.id, flow);
                }
            }
            Action::BadItem {
                flow, refusal, body, ..
            } => {
                let target = inbound.get(&flow).map(|i| i.who.target.clone()).unwrap_or_default();
                let (code, effect, detail) = (refusal.code, Effect::None, refusal.detail);
                node.dead().push(DeadLetter {
                    target,
                    code,
                    effect,
                    detail,
                    envelope: body,
                });
            }
            Action::Moved(step) => {
                node.log(
                    Level::Warn,
                    &step.actor,
                    "a step of a move came; this node does not take moves yet".into(),
                );
            }
            Action::Room => {}
            Action::Down {
                status,
                detail,
                last_frame,
            } => self.on_down(node, inbound, status, &detail, last_frame),
        }
    }

    fn host(&self, node: &Arc<Inner>, flow: u32, first_seq: u64, who: &Who) -> Host {
        let target = who.target.parse::<crate::address::Address>();
        let cell = target
            .ok()
            .filter(|a| a.node().is_none_or(|n| n == node.name))
            .and_then(|a| node.cell(a.path()));
        let code = match cell {
            Some(cell) if cell.open_stream(node, (self.id, flow), first_seq) => return Host::Cell(cell),
            Some(_) => Code::Stopped,
            None => Code::NoSuchActor,
        };
        lock(&self.state).machine.reset(flow, code, None);
        Host::None(code)
    }

    fn deliver(&self, node: &Arc<Inner>, inbound: &HashMap<u32, Inbound>, delivery: Delivery) {
        let Delivery {
            flow,
            seq,
            type_id,
            ttl_ms,
            hops,
            body,
            ..
        } = delivery;
        let what = self.what(type_id);
        if flow == 0 {
            return node.off_stream(what, body);
        }
        let Some(stream) = inbound.get(&flow) else { return };
        // The machine has read it before: it cannot fail here.
        let Ok(mut message) = Message::read(stream.who.clone(), what, body) else {
            return;
        };
        message.permit = Permit::Stream {
            link: self.id,
            flow,
            seq,
        };
        message.hops = hops;
        message.deadline = (ttl_ms > 0).then(|| node.now() + u64::from(ttl_ms));
        let refused = match &stream.host {
            Host::Cell(cell) => cell.offer_stream(node, message),
            Host::None(code) => Err((*code, message)),
        };
        if let Err((code, message)) = refused {
            node.refuse(&message, code, Effect::None, "");
        }
    }

    fn what(&self, type_id: u32) -> Arc<What> {
        let mut state = lock(&self.state);
        if let Some(what) = state.types.get(&type_id) {
            return what.clone();
        }
        let what = Arc::new(state.machine.what(type_id).cloned().unwrap_or_default());
        state.types.insert(type_id, what.clone());
        what
    }

    fn skipped(&self, node: &Arc<Inner>, inbound: &HashMap<u32, Inbound>, flow: u32, seq: u64) {
        if let Some(Inbound {
            host: Host::Cell(cell), ..
        }) = inbound.get(&flow)
        {
            let permit = Permit::Stream {
                link: self.id,
                flow,
                seq,
            };
            if let Some(message) = cell.cancel_ask(|m| m.permit == permit) {
                node.outcome(&message, Code::Cancelled, Effect::None, "");
                cell.release(node, permit);
            }
        }
    }

    fn on_down(
        &self,
        node: &Arc<Inner>,
        inbound: &mut HashMap<u32, Inbound>,
        status: v1::Status,
        detail: &str,
        last_frame: Option<u64>,
    ) {
        *lock(&self.fate) = Some((status, detail.to_owned()));
        let unknown = lock(&self.state).machine.unknown();
        let outlets = std::mem::take(&mut lock(&self.state).outlets);
        for (flow, stream) in inbound.drain() {
            if let Host::Cell(cell) = stream.host {
                cell.close_stream(node, (self.id, flow));
            }
        }
        let outlets: Vec<_> = outlets
            .into_iter()
            .filter_map(|(f, o)| Some((f, o.upgrade()?)))
            .collect();
        for (stream, first, last) in unknown {
            let of = outlets.iter().find(|(_, o)| o.stream == stream);
            let target = of.map(|(_, o)| o.target.as_str().to_owned()).unwrap_or_default();
            let detail = format!("stream {stream:016x}, seq {first} to {last}: {detail}");
            let (code, effect) = (Code::OutcomeUnknown, Effect::Maybe);
            node.dead().push(DeadLetter {
                target,
                code,
                effect,
                detail,
                envelope: Bytes::new(),
            });
        }
        node.link_down(self, last_frame, detail);
        outlets.iter().for_each(|(flow, o)| o.unbind(self.id, *flow));
        self.settled.cancel();
        self.down.cancel();
    }

    fn outlet(&self, flow: u32) -> Option<Arc<Outlet>> {
        lock(&self.state).outlets.get(&flow)?.upgrade()
    }

    pub(crate) fn open(&self, outlet: &Arc<Outlet>, who: &Bytes, first_seq: u64) -> Result<u32, Refusal> {
        let mut state = lock(&self.state);
        let flow = state.machine.open(outlet.stream, who, first_seq, 0)?;
        state.outlets.insert(flow, Arc::downgrade(outlet));
        Ok(flow)
    }

    pub(crate) fn send(&self, flow: u32, out: &Outgoing) -> Send {
        let sent = lock(&self.state)
            .machine
            .send(flow, &out.what, out.deadline, out.hops, &out.body);
        self.ring();
        sent
    }

    pub(crate) fn send_off_stream(&self, out: &Outgoing) -> bool {
        let sent = lock(&self.state).machine.send_off_stream(&out.what, &out.body);
        self.ring();
        matches!(sent, Send::Queued(_))
    }

    pub(crate) fn close_flow(&self, flow: u32) {
        let mut state = lock(&self.state);
        state.outlets.remove(&flow);
        state.machine.close(flow);
        drop(state);
        self.ring();
    }

    pub(crate) fn cancel(&self, flow: u32, seq: u64) {
        lock(&self.state).machine.cancel(flow, seq);
        self.ring();
    }

    pub(crate) fn state(&self, flow: u32, processed: u64, credit: u64) {
        lock(&self.state).machine.state(flow, processed, credit);
        self.ring();
    }

    /// Ends an inbound binding: its sender resolves the target again.
    pub(crate) fn reset(&self, flow: u32, code: Code) {
        lock(&self.state).machine.reset(flow, code, None);
        self.ring();
    }

    pub(crate) fn outcome(&self, flow: u32, outcome: v1::Outcome) {
        lock(&self.state).machine.outcome(flow, outcome);
        self.ring();
    }

    pub(crate) fn never_left(&self, flow: u32, seq: u64, last_frame: Option<u64>) -> bool {
        lock(&self.state).machine.never_left(flow, seq, last_frame)
    }
}

/// Joins two nodes of this process. Packets go through their bytes, so that tests see what a peer would.
pub(crate) async fn join_in_memory(near: Arc<LinkEnd>, far: Arc<LinkEnd>) {
    let carry = |from: Arc<LinkEnd>, to: Arc<LinkEnd>| async move {
        let bell = Arc::new(tokio::sync::Notify::new());
        let ring = bell.clone();
        from.set_wake(Box::new(move || ring.notify_one()));
        loop {
            while let Some(packet) = from.take_packet() {
                to.receive_frame(packet.to_bytes());
                tokio::task::yield_now().await;
            }
            if from.is_down() || to.is_down() {
                return to.lost("the peer closed the link");
            }
            bell.notified().await;
        }
    };
    tokio::join!(carry(near.clone(), far.clone()), carry(far, near));
}
