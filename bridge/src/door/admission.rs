//! Whether a link may be: one node has one name, and its newest link counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actorbridge_proto::{Packet, v1};

use super::LinkEnd;
use crate::machine::link::{Phase, Role};
use crate::node::{Inner, lock};

/// How long a link may take to show that it is alive, when another process of its peer's name comes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How often that is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What becomes of a handshake.
enum Verdict {
    /// It goes on; these links are older ones of the same node.
    Takes(Vec<Arc<LinkEnd>>),
    /// The answers to two dials of this node came in another order than the dials.
    Overtaken,
    Refused(String),
    /// Another process of the peer's name is linked, or was: it may be gone without a word.
    Twin(Vec<Arc<LinkEnd>>),
}

impl LinkEnd {
    /// Acts on the packet of a handshake. A link whose place it takes has ended before.
    pub(super) fn admit(&self, node: &Arc<Inner>, packet: Packet, probed: bool) {
        let admission = lock(&node.kept_links.admission);
        match self.verdict(node, &packet.head) {
            Verdict::Takes(older) => {
                for link in older {
                    link.drive(node, |machine, out| machine.supersede(out));
                }
                if let Some(hello) = packet.head.hello.as_ref().filter(|_| self.role == Role::Acceptor) {
                    self.epoch.store(hello.link_epoch, Ordering::Relaxed);
                }
                self.drive(node, |machine, out| machine.receive(packet, out));
                // While it was made again, the user has ended it, or dialled its peer otherwise.
                if self.kept.as_ref().is_some_and(|kept| kept.is_ended()) {
                    self.drain(node);
                }
            }
            Verdict::Overtaken => self.drive(node, |machine, out| machine.supersede(out)),
            Verdict::Refused(why) => self.drive(node, |machine, out| machine.refuse(&why, out)),
            // A dialer has nothing to wait for: the peer sends behind its Welcome.
            Verdict::Twin(others) if probed || self.role == Role::Dialer => {
                let name = others[0].peer().unwrap_or_default();
                let why = format!(
                    "node {name} is linked with {} already, and this is another of that name; give each its own name, or disconnect \
                     the first",
                    node.name
                );
                self.drive(node, |machine, out| machine.refuse(&why, out));
            }
            // Each would be held meanwhile, and the machine counts frames only behind the first.
            Verdict::Twin(_) if self.waits.swap(true, Ordering::Relaxed) => {
                self.bad_frame("a second Hello came on the same link");
            }
            Verdict::Twin(others) => {
                drop(admission);
                let (id, node) = (self.id, node.clone());
                let (tasks, handle) = (node.tasks.clone(), node.handle.clone());
                let task = async move {
                    for other in others {
                        other.must_show_life(&node).await;
                    }
                    if let Some(link) = node.link(id) {
                        link.admit(&node, packet, true);
                    }
                };
                tasks.spawn_on(task, &handle);
            }
        }
    }

    fn verdict(&self, node: &Inner, head: &v1::Frame) -> Verdict {
        let (hello, welcome) = (head.hello.as_ref(), head.welcome.as_ref());
        let said = hello.map(|h| (&h.node, h.incarnation, h.link_epoch));
        let Some((name, incarnation, epoch)) = said.or(welcome.map(|w| (&w.node, w.incarnation, 0))) else {
            return Verdict::Takes(Vec::new());
        };
        // The machine refuses what comes at the wrong time, and a name that is not the peer's: neither may end another link.
        let forged = self.identity.get().is_some_and(|i| !i.nodes.contains(name));
        if forged || lock(&self.state).machine.phase() != Phase::Handshake {
            return Verdict::Takes(Vec::new());
        }
        let others: Vec<_> = {
            let links = node.links.read().unwrap_or_else(|e| e.into_inner());
            let namesakes = links
                .values()
                .filter(|l| l.id != self.id && l.is_peer(name) && l.is_up());
            namesakes.cloned().collect()
        };
        let (same, twins): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|l| l.incarnation.load(Ordering::Relaxed) == incarnation);
        if !twins.is_empty() {
            return Verdict::Twin(twins);
        }
        let epoch = match self.role {
            Role::Dialer => self.epoch(),
            Role::Acceptor => epoch,
        };
        let dialled_alike = same.into_iter().filter(|l| l.role == self.role);
        let (newer, older): (Vec<_>, Vec<_>) = dialled_alike.partition(|l| l.epoch() > epoch);
        match newer.first() {
            Some(newer) if self.role == Role::Acceptor => Verdict::Refused(format!(
                "node {name} has dialled again since: its link {} is up, and this is its link {epoch}",
                newer.epoch()
            )),
            Some(_) => Verdict::Overtaken,
            None => Verdict::Takes(older.into_iter().filter(|l| l.epoch() < epoch).collect()),
        }
    }

    /// Returns when the peer has answered a ping of now, or the link is over: without a sign of life that is now.
    async fn must_show_life(&self, node: &Arc<Inner>) {
        let asked = node.now();
        self.drive(node, |machine, _| machine.probe(asked));
        let mut left = SIGN_OF_LIFE.as_millis() / LOOK.as_millis();
        while !self.is_down() && !lock(&self.state).machine.has_answered(asked) {
            if left == 0 {
                return self.lost("another process of the peer's name has come, and this one answered no ping");
            }
            left -= 1;
            tokio::time::sleep(LOOK).await;
        }
    }
}
