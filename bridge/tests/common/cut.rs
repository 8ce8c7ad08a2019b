//! Links in memory that a test cuts at a packet of its choice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge::Node;
use actorbridge::door::LinkEnd;
use actorbridge::proto::Packet;
use actorbridge::proto::v1::{Envelope, r#move::Step};
use prost::Message as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::eventually;

/// What a test looks at in a packet.
#[derive(Debug, Default)]
pub struct Seen {
    /// The node that sends it.
    pub from: String,
    /// Steps of moves.
    pub steps: Vec<&'static str>,
    /// Types of its messages.
    pub types: Vec<String>,
    /// Does it have a message that an old owner passes on?
    pub forwards: bool,
    /// Does it end streams?
    pub resets: bool,
}

impl Seen {
    fn of(from: &str, packet: &Packet, types: &mut HashMap<u32, String>) -> Self {
        for def in &packet.head.r#type {
            let what = Envelope::decode(def.prefix.clone()).expect("a prefix is part of an envelope");
            types.insert(def.id, what.r#type);
        }
        let step = |step: &Step| match step {
            Step::Offer(_) => "offer",
            Step::Chunk(_) => "chunk",
            Step::Ready(_) => "ready",
            Step::Committed(_) => "committed",
            Step::Aborted(_) => "aborted",
            Step::Drained(_) => "drained",
        };
        let items = || packet.runs.iter().flat_map(|r| r.all().into_owned());
        Self {
            from: from.to_owned(),
            steps: packet
                .head
                .r#move
                .iter()
                .filter_map(|m| m.step.as_ref().map(step))
                .collect(),
            types: items().filter_map(|i| types.get(&i.type_id).cloned()).collect(),
            forwards: packet.runs.iter().any(|r| r.flow == 0 && r.hops > 0),
            resets: !packet.head.reset.is_empty(),
        }
    }

    pub fn has_step(&self, step: &str) -> bool {
        self.steps.contains(&step)
    }

    pub fn has_type(&self, name: &str) -> bool {
        self.types.iter().any(|t| t == &format!("actorbridge.v1.{name}"))
    }
}

/// What becomes of the packet that a link is cut at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packets {
    /// It is lost with the link.
    Lost,
    /// It comes, and nothing after it.
    Come,
}

type Rule = Box<dyn FnMut(&Seen) -> bool + Send>;

/// A link between two nodes of this process.
pub struct Wire {
    ends: [Arc<LinkEnd>; 2],
    /// Says of each packet whether the link is cut at it, once it is armed.
    armed: Mutex<Option<(Rule, Packets)>>,
    /// The name of the node that does not hear of the cut.
    deaf: Mutex<String>,
    /// Nothing passes any more.
    dead: AtomicBool,
    /// Trips when the link has been cut, and who hears of it has.
    pub cut: CancellationToken,
}

impl Wire {
    /// Joins two nodes; returns when the link is up.
    pub async fn join(near: &Node, far: &Node) -> Arc<Self> {
        let wire = Arc::new(Self {
            ends: [near.dialler(), far.accept()],
            armed: Mutex::default(),
            deaf: Mutex::default(),
            dead: AtomicBool::new(false),
            cut: CancellationToken::new(),
        });
        for (from, name) in [(0, near.name()), (1, far.name())] {
            tokio::spawn(wire.clone().carry(from, name.to_owned()));
        }
        let (a, b) = (near.clone(), far.clone());
        let up = move || a.peers().iter().any(|p| p == b.name()) && b.peers().iter().any(|p| p == a.name());
        eventually("the link", up).await;
        wire
    }

    /// From now on the link is cut at the first packet of which `rule` says so.
    pub fn cut_at(&self, packet: Packets, rule: impl FnMut(&Seen) -> bool + Send + 'static) {
        *self.armed.lock().unwrap() = Some((Box::new(rule), packet));
    }

    /// The cut will be hidden from this node until [`Self::end`].
    pub fn deafen(&self, node: &str) {
        *self.deaf.lock().unwrap() = node.to_owned();
    }

    /// Cuts the link now.
    pub fn cut_now(&self) {
        self.dead.store(true, Ordering::SeqCst);
        let deaf = self.deaf.lock().unwrap().clone();
        // An end knows its peer, and so who the other end's peer is.
        for end in self
            .ends
            .iter()
            .filter(|end| deaf.is_empty() || end.peer().as_deref() == Some(&deaf))
        {
            end.lost("cut by the test");
        }
        self.cut.cancel();
    }

    /// Tells both nodes that the link is over.
    pub fn end(&self) {
        self.deafen("");
        self.cut_now();
    }

    fn is_cut_at(&self, seen: &Seen) -> Option<Packets> {
        let mut armed = self.armed.lock().unwrap();
        let (rule, packet) = armed.as_mut()?;
        rule(seen).then_some(*packet)
    }

    async fn carry(self: Arc<Self>, from: usize, name: String) {
        let (from, to) = (&self.ends[from], &self.ends[1 - from]);
        let (bell, mut types) = (Arc::new(Notify::new()), HashMap::new());
        let ring = bell.clone();
        from.set_wake(Box::new(move || ring.notify_one()));
        loop {
            while let Some(packet) = from.take_packet().filter(|_| !self.dead.load(Ordering::SeqCst)) {
                let seen = Seen::of(&name, &packet, &mut types);
                if seen.has_step("chunk") {
                    // So that messages come behind the cut.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let cut = self.is_cut_at(&seen);
                if cut != Some(Packets::Lost) {
                    to.receive_frame(packet.to_bytes());
                }
                if cut.is_some() {
                    return self.cut_now();
                }
                tokio::task::yield_now().await;
            }
            if self.dead.load(Ordering::SeqCst) {
                return;
            }
            if from.is_down() || to.is_down() {
                return to.lost("the peer closed the link");
            }
            tokio::select! { () = bell.notified() => {}, () = self.cut.cancelled() => {} }
        }
    }
}
