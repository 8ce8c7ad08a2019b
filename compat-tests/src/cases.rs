//! The case files: what a case and its steps may say. The schema that people read is the comment at the head of
//! `cases/behaviour.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use compat_peer::ops::{Algorithm, Content};
use serde::Deserialize;
use serde_json::Value;

/// One guarantee.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// Runs only where these hold: a door (`memory`, `native`, `tcp`, `unix`), `here: go`, `there: rust`.
    #[serde(default)]
    pub only: Only,
    /// Gets two nodes and a link of its own, because it breaks or stops them.
    #[serde(default)]
    pub fresh: bool,
    /// In order.
    pub steps: Vec<Step>,
    /// What makes the steps of a case that has none yet.
    #[serde(skip)]
    pub later: Option<Later>,
}

/// Makes a case's steps when it begins: there are many cases, and what one sends may have megabytes.
#[derive(Clone)]
pub struct Later(pub Arc<dyn Fn() -> Result<Vec<Step>, String> + Send + Sync>);

impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Later")
    }
}

/// Where a case runs. Empty = everywhere.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Only {
    /// Doors.
    pub doors: Vec<String>,
    /// Languages of the driver's node.
    pub here: Vec<String>,
    /// Languages of the other node.
    pub there: Vec<String>,
    /// What the nodes compress by, as the matrix names it.
    pub compression: Vec<String>,
}

/// One of the two nodes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The driver's node.
    Here,
    /// The node at the other end of the link.
    There,
}

/// What a network does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// They end at once.
    Cut,
    /// Nothing comes through any more, and nobody is told.
    Mute,
}

/// One step: exactly one verb, and what belongs to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Spawn an actor by message.
    pub spawn: Option<String>,
    /// Tell, waiting for room.
    pub tell: Option<String>,
    /// Tell, or be refused at once.
    pub try_tell: Option<String>,
    /// Ask.
    pub ask: Option<String>,
    /// Tell Add{by: 1, n} many times.
    pub tell_many: Option<String>,
    /// The same with TryTell.
    pub try_many: Option<String>,
    /// Ask Add{by: 1, n} many times.
    pub ask_many: Option<String>,
    /// Stop an actor by message.
    pub stop: Option<String>,
    /// Watch an actor by message, for `watcher`.
    pub watch: Option<String>,
    /// Move an actor by message.
    #[serde(rename = "move")]
    pub move_: Option<String>,
    /// Let the held handlers of this key go on.
    pub release: Option<String>,
    /// Ask a /system.
    pub system: Option<Value>,
    /// Ask for events, which are taken under the name of `as`.
    pub subscribe: Option<String>,
    /// Take `count` events of the subscription of this name.
    pub events: Option<String>,
    /// Give up the ask or the subscription that runs under this name.
    pub cancel: Option<String>,
    /// Wait for what runs under this name.
    pub wait_for: Option<String>,
    /// The dead letters of this actor at a node.
    pub dead_letters: Option<String>,
    /// Spawn an actor from the snapshot that was saved under this name.
    pub restore: Option<String>,
    /// Close the link between the two nodes.
    pub unlink: Option<bool>,
    /// Link the two nodes again.
    pub relink: Option<bool>,
    /// Shut this node down.
    pub shutdown: Option<Side>,
    /// End the peer program at once, as `kill -9` does.
    pub kill: Option<Side>,
    /// The same, and start it again under the same name.
    pub restart: Option<Side>,
    /// What the network does to the connections that there are.
    pub network: Option<Fault>,

    /// The node that acts.
    pub at: Option<Side>,
    /// The message: {Name: {field: value}}.
    pub message: Option<Value>,
    /// What the message is sent in, and its reply comes in.
    pub codec: Content,
    /// What compressed the bytes that came to a mirror; none = nothing did.
    pub compressed: Option<Algorithm>,
    /// More fields of the request that the verb makes.
    pub with: Option<Value>,
    /// Runs in the background under this name.
    #[serde(rename = "as")]
    pub background: Option<String>,
    /// The first n, and how many.
    pub first: Option<u64>,
    /// How many.
    pub count: Option<u64>,
    /// The deadline.
    pub timeout_ms: Option<u64>,
    /// Where an actor is moved to, or a snapshot restored.
    pub to: Option<String>,
    /// Who is told.
    pub watcher: Option<String>,
    /// Only dead letters with this code.
    pub code: Option<String>,
    /// What must come.
    pub expect: Option<Value>,
    /// Repeat until `expect` holds, for 10 s at most.
    pub until: bool,
    /// Keep parts of the result: name → path, such as `counts.sent`.
    pub save: BTreeMap<String, String>,
}

impl Case {
    /// Does a step of it need something between the two nodes?
    pub fn is_proxied(&self) -> bool {
        self.steps.iter().any(|s| s.network.is_some() || s.restart.is_some())
    }
}

impl Step {
    /// The verb's name; empty unless there is exactly one.
    pub fn verb(&self) -> &'static str {
        let verbs: [(&'static str, bool); 24] = [
            ("spawn", self.spawn.is_some()),
            ("tell", self.tell.is_some()),
            ("try_tell", self.try_tell.is_some()),
            ("ask", self.ask.is_some()),
            ("tell_many", self.tell_many.is_some()),
            ("try_many", self.try_many.is_some()),
            ("ask_many", self.ask_many.is_some()),
            ("stop", self.stop.is_some()),
            ("watch", self.watch.is_some()),
            ("move", self.move_.is_some()),
            ("release", self.release.is_some()),
            ("system", self.system.is_some()),
            ("subscribe", self.subscribe.is_some()),
            ("events", self.events.is_some()),
            ("cancel", self.cancel.is_some()),
            ("wait_for", self.wait_for.is_some()),
            ("dead_letters", self.dead_letters.is_some()),
            ("restore", self.restore.is_some()),
            ("unlink", self.unlink.is_some()),
            ("relink", self.relink.is_some()),
            ("shutdown", self.shutdown.is_some()),
            ("kill", self.kill.is_some()),
            ("restart", self.restart.is_some()),
            ("network", self.network.is_some()),
        ];
        let mut named = verbs.iter().filter(|(_, there)| *there);
        match (named.next(), named.next()) {
            (Some((name, _)), None) => name,
            _ => "",
        }
    }
}

/// Reads a case file and checks what can be checked without running it.
///
/// # Errors
/// A sentence that names the file, and the case or the line.
pub fn load(path: &Path) -> Result<Vec<Case>, String> {
    let say = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| say(e.to_string()))?;
    let cases: Vec<Case> = serde_yaml_ng::from_str(&text).map_err(|e| say(e.to_string()))?;
    let mut names = std::collections::BTreeSet::new();
    for case in &cases {
        if !names.insert(&case.name) {
            return Err(say(format!("two cases are named {:?}", case.name)));
        }
        for (i, step) in case.steps.iter().enumerate() {
            if step.verb().is_empty() {
                return Err(say(format!(
                    "{:?}, step {}: a step has exactly one verb",
                    case.name,
                    i + 1
                )));
            }
        }
    }
    Ok(cases)
}
