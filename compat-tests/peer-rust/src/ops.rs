//! What the runner and a peer program say to each other: one JSON document a line, on the peer's stdin and stdout.
//!
//! Every order has an id; its answer carries the same id. Answers come in any order, because an ask may wait long.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One order to a peer program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Chosen by the runner; the answer repeats it.
    pub id: u64,
    /// The node that carries it out. A peer program may host several.
    pub node: String,
    /// What to do.
    #[serde(flatten)]
    pub operation: Operation,
}

/// What a node can be ordered to do. Everything else (spawn, stop, watch, move) is an ask to a `/system`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Start a node of this name. Answers with the address where it listens, if it does.
    Start {
        /// `tcp://127.0.0.1:0`, `grpcs://127.0.0.1:0` or `unix:///path`; empty = it does not listen.
        #[serde(default)]
        listen: String,
        /// The folder with the node's NAME.pem and NAME.key, and ca.pem; empty = it speaks no TLS.
        #[serde(default)]
        certificates: String,
        /// Start the node of the other language, in this process (Go peers only).
        #[serde(default)]
        native: bool,
        /// How it compresses payloads on links; none = it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compression: Option<Compressing>,
        /// By which nodes it reaches others, and for which (Rust peers only).
        #[serde(default)]
        relays: Relays,
    },
    /// Link the node with another one.
    Link {
        /// How.
        door: Door,
        /// The address of a remote node; the name and the program of a sidecar, with a space between; else the name of a node
        /// in this process.
        to: String,
    },
    /// Close the link to the node of this name.
    Unlink {
        /// The other node.
        to: String,
    },
    /// Send one message. Fails with the fault that the caller sees.
    Tell {
        /// Address.
        to: String,
        /// The message.
        message: Encoded,
        /// Wait for room; else TryTell.
        wait: bool,
        /// How long it may wait.
        timeout_ms: u64,
    },
    /// Send `Add{by: 1, n}` for each n from `first`. Counts `sent` and `refused`, and stops at other faults.
    TellMany {
        /// Address.
        to: String,
        /// The first n.
        first: u64,
        /// How many.
        count: u64,
        /// Wait for room; else TryTell.
        wait: bool,
    },
    /// Ask, and answer with the reply or the fault.
    Ask {
        /// Address.
        to: String,
        /// The message.
        message: Encoded,
        /// The ask's deadline; 0 = the node's default.
        timeout_ms: u64,
    },
    /// Ask `Add{by: 1, n}` for each n from `first`, one after the other. Counts `sent` and `replies`.
    AskMany {
        /// Address.
        to: String,
        /// The first n.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Ask for events, and answer once that has left. It is kept until its end.
    Subscribe {
        /// Address.
        to: String,
        /// The message, an `Add`.
        message: Encoded,
    },
    /// Take the next events of a subscription. Answers with them, and with the reply or the fault if that came before `count`.
    Events {
        /// The id of the subscription's order.
        order: u64,
        /// How many, at the most.
        count: u64,
    },
    /// Give up an ask or a subscription that was ordered before, as its caller would.
    Cancel {
        /// The id of its order.
        order: u64,
    },
    /// Take a snapshot's bytes and spawn the actor from them at this node.
    Restore {
        /// Path of the actor.
        path: String,
        /// The snapshot, in hex.
        snapshot: String,
    },
    /// Answer with all dead letters that the node keeps.
    DeadLetters {},
    /// Stop the node; what does not stop is the fault.
    Shutdown {},
}

/// How two nodes are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// In one process, for tests.
    Memory,
    /// In one process, over the C ABI.
    Native,
    /// gRPC.
    Remote,
    /// A child process (Go peers only).
    Sidecar,
}

/// What a node has to do with relays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relays {
    /// Does it pass on what is for others?
    pub allow: bool,
    /// The relays whose messages it takes.
    pub accept: Vec<String>,
    /// The relay by which it reaches a node.
    pub routes: BTreeMap<String, String>,
}

/// How a node compresses payloads on links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compressing {
    /// By what.
    pub by: Algorithm,
    /// From how many bytes on.
    pub least: usize,
}

/// What payloads are compressed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Frames of zstd.
    Zstd,
    /// Blocks of LZ4.
    Lz4,
}

/// A message, encoded in protobuf, or raw.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Encoded {
    /// Full name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its bytes, in hex.
    pub payload: String,
    /// What it is sent in.
    #[serde(default, skip_serializing_if = "Content::is_protobuf")]
    pub codec: Content,
}

/// What a message is sent in. Its reply must come in the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Exactly the bytes of the order.
    #[default]
    Protobuf,
    /// The message that those bytes decode to, in JSON.
    Json,
    /// The message that those bytes decode to, in MessagePack.
    Msgpack,
    /// Exactly the bytes of the order, as a raw message.
    Raw,
}

impl Content {
    /// `true` = the order need not say it.
    pub fn is_protobuf(&self) -> bool {
        *self == Self::Protobuf
    }
}

impl Encoded {
    /// A message's name and bytes.
    pub fn of<T: prost::Message + prost::Name>(message: &T) -> Self {
        Self {
            type_name: T::full_name(),
            payload: to_hex(&message.encode_to_vec()),
            codec: Content::Protobuf,
        }
    }
}

/// What became of an order. No fault = it was done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The order's id.
    pub id: u64,
    /// The reply to an ask.
    pub reply: Option<Encoded>,
    /// What came before the reply.
    pub events: Vec<Encoded>,
    /// What the caller was told instead.
    pub fault: Option<Fault>,
    /// Where the node listens.
    pub address: String,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
    /// Dead letters, oldest first.
    pub letters: Vec<Letter>,
}

/// An error, as the caller's language gives it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// Name of the code without its prefix, such as `MAILBOX_FULL`; `DRIVER` if the order itself could not be carried out.
    pub code: String,
    /// Name of the effect without its prefix.
    pub effect: String,
    /// The error's whole text.
    pub detail: String,
    /// The handler's own code, with HANDLER_ERROR.
    pub user_code: String,
    /// The handler's own message.
    pub user_message: String,
    /// The error gave the message back.
    pub returned: bool,
}

/// One dead letter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Letter {
    /// Address of the receiver.
    pub target: String,
    /// As in [`Fault`].
    pub code: String,
    /// As in [`Fault`].
    pub effect: String,
    /// One sentence.
    pub detail: String,
    /// Bytes of the message that are kept; 0 = none.
    pub bytes: u64,
}

/// Writes bytes as hex.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let of = |b: &u8| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]];
    bytes.iter().flat_map(of).map(char::from).collect()
}

/// Reads hex.
///
/// # Errors
/// A sentence that names the place.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| {
            (b as char)
                .to_digit(16)
                .map(|d| d as u8)
                .ok_or_else(|| format!("{:?} is not a hex digit", b as char))
        })
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("hex has an odd number of digits".into());
    }
    Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
