//! Nodes between two that have no link: which ways lead by them, and how answers come back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use actorbridge_proto::v1::{Code, Effect};

use crate::address::Address;
use crate::logs::{About, Level};
use crate::machine::link::Send;
use crate::message::{Message, Outgoing};
use crate::node::{Inner, Target, lock};

/// Most nodes whose relay is remembered for the answers to them.
const MAX_ORIGINS: usize = 16_384;

/// What a node does for others, and what it lets others do for it.
#[derive(Default)]
pub(crate) struct Relays {
    /// It passes on what is for other nodes.
    pub(crate) allowed: bool,
    /// By which node another one is reached.
    pub(crate) routes: BTreeMap<String, String>,
    /// The relays that may speak for other nodes here.
    pub(crate) accepted: BTreeSet<String>,
    /// By which of them a node was heard last: its answers go there.
    origins: Mutex<HashMap<String, String>>,
}

impl Relays {
    /// Has any of it been asked for?
    pub(crate) fn are_used(&self) -> bool {
        self.allowed || !self.routes.is_empty() || !self.accepted.is_empty()
    }

    /// A node was heard by a relay.
    pub(crate) fn heard(&self, origin: &str, relay: &str) {
        let mut origins = lock(&self.origins);
        if origins.get(origin).is_some_and(|known| known == relay) {
            return;
        }
        if origins.len() >= MAX_ORIGINS {
            origins.clear();
        }
        origins.insert(origin.to_owned(), relay.to_owned());
    }

    /// By which relay an answer goes to a node.
    fn back_to(&self, node: &str) -> Option<String> {
        let heard = lock(&self.origins).get(node).cloned();
        heard.or_else(|| self.routes.get(node).cloned())
    }
}

impl Inner {
    /// The way to a node: its link, or that of a relay.
    pub(crate) fn way_to(&self, node: &str) -> Option<Target> {
        if let Some(link) = self.link_to(node) {
            return Some(Target::Link(link));
        }
        let relay = self.link_to(self.relays.routes.get(node)?)?;
        relay.can_relay().then(|| Target::Beyond(relay, node.to_owned()))
    }

    /// Why there is no way to a node by a relay; `None` = it has none.
    pub(crate) fn why_no_relay(&self, node: &str) -> Option<String> {
        let relay = self.relays.routes.get(node)?;
        if self.link_to(relay).is_some() {
            return Some(format!(
                "node {relay}, the way to node {node}, relays nothing; allow it there"
            ));
        }
        let why = self
            .why_away(Some(relay))
            .unwrap_or_else(|| "no link to it is up".into());
        Some(format!("node {relay} is the way to node {node}; {why}"))
    }

    /// The nodes that are reached by a relay alone.
    pub(crate) fn nodes_beyond(&self) -> Vec<String> {
        let nodes = self.relays.routes.keys();
        nodes
            .filter(|node| matches!(self.way_to(node), Some(Target::Beyond(..))))
            .cloned()
            .collect()
    }

    /// Sends an answer to a node that there is no link with; `false` = there is no way, or no room.
    pub(crate) fn answer_beyond(&self, node: &str, reply_to: &str, out: &Outgoing) -> bool {
        let relay = self.relays.back_to(node).and_then(|relay| self.link_to(&relay));
        relay.is_some_and(|relay| relay.answer_beyond(reply_to, out))
    }

    /// Deals with an answer that names its asker: it came by relays to here, or is to be passed on. `false` = it is neither.
    pub(crate) fn relayed_answer(self: &Arc<Self>, message: &Message) -> bool {
        let Ok(target) = message.who.target.parse::<Address>() else {
            return false;
        };
        let Some(node) = target.node() else { return false };
        if node == self.name {
            // Else an actor waits for it that has asked, has moved, and has come back.
            let waiter = self.end_ask(message.correlation);
            return waiter.is_some_and(|waiter| {
                self.hand_over(waiter, message.clone());
                true
            });
        }
        // An actor that has moved here waits for answers to what it asked there.
        let request = (node.to_owned(), message.correlation);
        let waits_here = match self.cell(target.path()) {
            Some(cell) => cell.lock().extra().requests.contains_key(&request),
            None => self.left(target.path()).is_some(),
        };
        if !self.relays.allowed || waits_here {
            return false;
        }
        self.pass_on_answer(node, message);
        true
    }

    fn pass_on_answer(&self, node: &str, message: &Message) {
        let back = || self.link_to(&self.relays.back_to(node)?);
        let link = self.link_to(node).or_else(back).filter(|link| link.can_relay());
        let (code, why) = match link.map(|link| link.forward(message, 0)) {
            Some(Send::Queued(_)) => return,
            Some(Send::Refused(refusal)) => (refusal.code, refusal.detail),
            Some(_) => (
                Code::MailboxFull,
                format!("too many answers wait for the link to node {node}"),
            ),
            None => (
                Code::Unavailable,
                format!("no link to node {node} is up, or it uses no relay"),
            ),
        };
        self.dead_letter(message, code, Effect::Done, &why);
        let about = About::actor(&message.who.target);
        self.log(Level::Warn, about, format!("an answer was not passed on: {why}"));
    }
}
