//! Hello and Welcome.

use actorbridge_proto::packet::MAX_FRAME_BYTES;

use super::{Action, GoodbyeCode, Link, MAX_NODE_NAME, MAX_READS, Phase, READS_BYTES, RefusalReason, Role, short, v1};

/// The least `max_frame_bytes` of a peer: a packet of states, and one state more with as many outcomes as there may be.
const MIN_FRAME: u32 = 144 << 10;
/// The least `inline_bytes` of a peer: each message beyond them costs more than its bytes.
const MIN_INLINE: u32 = 1 << 10;
/// The most bytes of an envelope that goes whole, whatever a peer takes: more would not fit among what may wait for the writer.
const MAX_INLINE: u32 = 64 << 10;
/// Both sides put messages together from fragments.
const FRAGMENTS: u32 = v1::Capability::Fragments as u32;
/// What a message type takes in a Hello beside its name, at most.
const READS_OVERHEAD: usize = 32;

/// Limits with each zero replaced by its default.
pub(crate) fn with_defaults(limits: &v1::Limits) -> v1::Limits {
    fn or<T: Default + PartialEq>(value: T, default: T) -> T {
        if value == T::default() { default } else { value }
    }
    v1::Limits {
        max_frame_bytes: or(limits.max_frame_bytes, 256 << 10),
        inline_bytes: or(limits.inline_bytes, MAX_INLINE),
        max_message_bytes: or(limits.max_message_bytes, 16 << 20),
        max_flows: or(limits.max_flows, 65_536),
        initial_credit: or(limits.initial_credit, 16),
        assembly_bytes: or(limits.assembly_bytes, 64 << 20),
        ping_ms: or(limits.ping_ms, 5_000),
    }
}

impl Link {
    pub(super) fn hello(&self) -> v1::Hello {
        v1::Hello {
            min_protocol: self.config.protocol.0,
            max_protocol: self.config.protocol.1,
            node: self.config.node.clone(),
            incarnation: self.config.incarnation,
            link_epoch: self.config.link_epoch.max(1),
            lane: 0,
            lanes: 1,
            capabilities: self.config.capabilities.clone(),
            required: self.config.required.clone(),
            limits: Some(self.config.limits),
            software: self.config.software.clone(),
            types: self.told_types(),
        }
    }

    /// What this side reads, as far as it fits into a Hello: a type that is not told is sent as it is.
    fn told_types(&self) -> Vec<v1::Reads> {
        let mut room = READS_BYTES;
        let fits = |reads: &&v1::Reads| {
            let size = reads.r#type.len() + READS_OVERHEAD;
            let fits = size <= room;
            room -= size.min(room);
            fits
        };
        self.config
            .types
            .iter()
            .take(MAX_READS)
            .take_while(fits)
            .cloned()
            .collect()
    }

    /// Why a peer that reads so many types cannot be linked with.
    fn too_many(types: &[v1::Reads]) -> Option<String> {
        let many = types.len();
        (many > MAX_READS).then(|| format!("the peer says that it reads {many} types; at most {MAX_READS}"))
    }

    /// The limits that this side accepts.
    pub fn limits(&self) -> v1::Limits {
        with_defaults(&self.config.limits)
    }

    /// What the peer accepts, as far as it is made use of, with defaults filled in; the defaults before the handshake.
    pub fn peer_limits(&self) -> v1::Limits {
        self.peer_limits
    }

    /// Takes over what the peer accepts, as far as it is made use of.
    fn adopt_limits(&mut self, limits: Option<v1::Limits>) -> Result<(), String> {
        let mut limits = with_defaults(&limits.unwrap_or_default());
        if !(MIN_FRAME..=MAX_FRAME_BYTES as u32).contains(&limits.max_frame_bytes) {
            return Err(format!(
                "the peer's max_frame_bytes is {}; it must be from {MIN_FRAME} to {MAX_FRAME_BYTES}",
                limits.max_frame_bytes
            ));
        }
        if limits.inline_bytes < MIN_INLINE {
            let inline = limits.inline_bytes;
            return Err(format!(
                "the peer's inline_bytes is {inline}; it must be {MIN_INLINE} at least"
            ));
        }
        limits.inline_bytes = limits.inline_bytes.min(MAX_INLINE);
        self.peer_limits = limits;
        Ok(())
    }

    pub(super) fn on_hello(&mut self, hello: &v1::Hello, out: &mut Vec<Action>) {
        if self.config.role == Role::Dialer {
            return self.bad_frame("a Hello came to the side that dialled", out);
        }
        // First, so that what is said of a peer below, to it and to the log, is bounded.
        if let Some(detail) = self.bad_name(&hello.node) {
            return self.part(RefusalReason::DuplicateName, detail, out);
        }
        let (low, high) = self.config.protocol;
        let version = high.min(hello.max_protocol);
        if version < low.max(hello.min_protocol) {
            let detail = format!(
                "no protocol version in common: {} speaks {} to {}, {} speaks {low} to {high}",
                hello.node, hello.min_protocol, hello.max_protocol, self.config.node
            );
            self.refused_for = Some(RefusalReason::Incompatible);
            self.say_goodbye(GoodbyeCode::GoodbyeVersion, &detail);
            return self.go_down(v1::Status::Version, detail, None, out);
        }
        if let Some(detail) = self.forged_name(&hello.node) {
            return self.part(RefusalReason::WrongName, detail, out);
        }
        if let Some(detail) = self.missing(&hello.required, &hello.capabilities, &hello.node) {
            return self.part(RefusalReason::Incompatible, detail, out);
        }
        if let Err(detail) = self.adopt_limits(hello.limits) {
            return self.bad_frame(&detail, out);
        }
        if let Some(detail) = Self::too_many(&hello.types) {
            return self.bad_frame(&detail, out);
        }
        let mut both = self.config.capabilities.clone();
        both.retain(|c| hello.capabilities.contains(c));
        self.fragments = both.contains(&FRAGMENTS);
        self.head.welcome = Some(v1::Welcome {
            protocol: version,
            node: self.config.node.clone(),
            incarnation: self.config.incarnation,
            capabilities: both.clone(),
            limits: Some(self.config.limits),
            types: self.told_types(),
        });
        self.phase = Phase::Up;
        out.push(Action::Up {
            peer: hello.node.clone(),
            incarnation: hello.incarnation,
            protocol: version,
            capabilities: both,
            types: hello.types.clone(),
        });
    }

    pub(super) fn on_welcome(&mut self, welcome: &v1::Welcome, out: &mut Vec<Action>) {
        if self.config.role == Role::Acceptor || self.phase != Phase::Handshake {
            return self.bad_frame("a Welcome came that answers no Hello", out);
        }
        let (low, high) = self.config.protocol;
        if welcome.protocol < low || welcome.protocol > high {
            let chosen = welcome.protocol;
            let detail = format!("the Welcome chose protocol {chosen}, not one of {low} to {high}");
            return self.bad_frame(&detail, out);
        }
        if let Some(detail) = self.bad_name(&welcome.node) {
            return self.bad_frame(&detail, out);
        }
        if let Some(detail) = self.forged_name(&welcome.node) {
            return self.part(RefusalReason::WrongName, detail, out);
        }
        if let Some(detail) = self.missing(&[], &welcome.capabilities, &welcome.node) {
            return self.part(RefusalReason::Incompatible, detail, out);
        }
        if let Err(detail) = self.adopt_limits(welcome.limits) {
            return self.bad_frame(&detail, out);
        }
        if let Some(detail) = Self::too_many(&welcome.types) {
            return self.bad_frame(&detail, out);
        }
        let mut both = self.config.capabilities.clone();
        both.retain(|c| welcome.capabilities.contains(c));
        self.fragments = both.contains(&FRAGMENTS);
        self.phase = Phase::Up;
        out.push(Action::Up {
            peer: welcome.node.clone(),
            incarnation: welcome.incarnation,
            protocol: welcome.protocol,
            capabilities: both,
            types: welcome.types.clone(),
        });
    }

    /// Why a node of this name cannot be linked with.
    fn bad_name(&self, peer: &str) -> Option<String> {
        if peer.len() > MAX_NODE_NAME {
            let size = peer.len();
            Some(format!(
                "the peer's name has {size} bytes; give it one of at most {MAX_NODE_NAME}"
            ))
        } else if peer.is_empty() || peer == self.config.node {
            Some(format!(
                "two nodes named '{peer}' cannot be linked; give each its own name"
            ))
        } else {
            None
        }
    }

    /// Why a node of this name is not the one whose certificate was shown. Both sides are told.
    fn forged_name(&self, peer: &str) -> Option<String> {
        let names = self
            .peer_names
            .as_ref()
            .filter(|names| !names.iter().any(|n| n == peer))?;
        let of = match names.is_empty() {
            true => "names no node".to_owned(),
            false => format!("is of {}", names.join(", ")),
        };
        Some(format!(
            "the certificate of node {peer} {of}; give it one with the URI ab://{peer}, or name the node as its certificate does"
        ))
    }

    /// What one side requires and the other lacks, as a sentence that both are told.
    fn missing(&self, peer_requires: &[u32], peer_has: &[u32], peer: &str) -> Option<String> {
        let lacks = |wanted: &[u32], has: &[u32]| wanted.iter().find(|c| !has.contains(c)).copied();
        let say = |who: &str, what: u32, other: &str| {
            let name = v1::Capability::try_from(what as i32).map_or("unknown", |c| c.as_str_name());
            format!("{who} requires capability {what} ({name}), which {other} lacks")
        };
        let node = &self.config.node;
        lacks(peer_requires, &self.config.capabilities)
            .map(|c| say(peer, c, node))
            .or_else(|| lacks(&self.config.required, peer_has).map(|c| say(node, c, peer)))
    }

    pub(super) fn on_goodbye(&mut self, goodbye: &v1::Goodbye, out: &mut Vec<Action>) {
        self.stay_away_ms = goodbye.reconnect_after_ms;
        let status = match goodbye.code() {
            GoodbyeCode::GoodbyeNormal => v1::Status::LinkDown,
            GoodbyeCode::GoodbyeVersion => v1::Status::Version,
            GoodbyeCode::GoodbyeCapability => v1::Status::Capability,
            GoodbyeCode::GoodbyeProtocol | GoodbyeCode::GoodbyeForbidden => v1::Status::Protocol,
        };
        self.go_down(
            status,
            format!("the peer said goodbye: {}", short(&goodbye.detail)),
            Some(goodbye.last_frame),
            out,
        );
    }
}
