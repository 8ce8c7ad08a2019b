//! A client sends messages by the remote door of a node, and is answered as the case says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use actorbridge_proto::v1;
use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::field::Value as FieldValue;
use compat_matrix_rust::peerpb::order::Order;
use compat_matrix_rust::peerpb::{Call, Seen};
use compat_peer::ops::{Algorithm, Content, from_hex};
use serde_json::{Value, json};

use super::content_type;
use crate::matrix::axes::Cell;
use crate::matrix::calls::{Nodes, Step};
use crate::matrix::peers::{Schema, brief};
use crate::matrix::run::Context;
use crate::matrix::values;
use crate::runner::check;
use crate::runner::compression::{Compression, LEAST};

/// Each cell has an actor of its own.
static ACTORS: AtomicU64 = AtomicU64::new(0);

/// One cell at work.
struct Calls<'a> {
    context: &'a Context,
    cell: &'a Cell,
    address: String,
    node: String,
    /// The path of the cell's actor.
    path: String,
    size: usize,
    content: Content,
    compression: Option<Algorithm>,
}

pub(super) fn read(context: &Context, cell: &Cell) -> Result<(), String> {
    let name = cell.value("case");
    let case = context.calls.iter().find(|c| c.name == name).ok_or("no such case")?;
    let number = ACTORS.fetch_add(1, Ordering::Relaxed);
    let compression = case
        .compression
        .iter()
        .copied()
        .find(|by| Compression::Both(*by).name() == cell.value("compression"));
    let calls = Calls {
        context,
        cell,
        compression,
        address: context.nodes.address(&cell.reader, compression)?,
        node: Nodes::name(&cell.reader),
        path: format!("{}/m{number}", case.spawn.as_deref().unwrap_or("nobody")),
        size: cell.value("size").parse().unwrap_or(0),
        content: match cell.value("content") {
            "json" => Content::Json,
            "msgpack" => Content::Msgpack,
            _ => Content::Protobuf,
        },
    };
    if case.spawn.is_some() {
        let spawn = Step {
            ask: Some(json!({"SpawnRequest": {"path": calls.path}})),
            to: Some("ab://{node}/system".into()),
            ..Step::default()
        };
        calls.step(&spawn).map_err(|e| format!("spawn: {e}"))?;
    }
    for (number, step) in case.steps.iter().enumerate() {
        calls.step(step).map_err(|e| format!("step {}: {e}", number + 1))?;
    }
    Ok(())
}

impl Calls<'_> {
    fn step(&self, step: &Step) -> Result<(), String> {
        let (kind, message) = match (&step.tell, &step.ask) {
            (Some(message), _) => (1, message),
            (None, message) => (2, message.as_ref().ok_or("no message")?),
        };
        let (name, payload) = self.context.messages.encode_in(self.content, &self.filled(message))?;
        let target = match &step.to {
            Some(to) => self.text(to),
            None => format!("ab:///{}", self.path),
        };
        let order = Call {
            address: self.address.clone(),
            node: self.node.clone(),
            target,
            r#type: name,
            payload: payload.into(),
            kind: step.kind.unwrap_or(kind),
            type_version: step.version,
            min_reader_version: step.min_reader,
            content_type: step.content_type.max(content_type(self.cell)),
            extra: self.extra(step)?.into(),
            compression: number(self.compression),
        };
        let client = &self.cell.writer;
        let result = match self.context.peers.order(client, Schema::V1, Order::Call(order))? {
            Said::Seen(seen) => self.shown(&seen)?,
            Said::Refused(code) => json!({ "refused": code }),
            said => return Err(format!("{client} should have sent it, and {}", brief(&said))),
        };
        let expect = step.expect.as_ref().map_or(json!({}), |e| self.filled(e));
        if result.get("refused").is_some() && expect.get("refused").is_none() {
            return Err(format!("it was refused: {}", result["refused"]));
        }
        check(&expect, &result, &BTreeMap::new(), "result")
    }

    fn extra(&self, step: &Step) -> Result<Vec<u8>, String> {
        let ask_path = step.waits.iter().map(|address| fnv1a(&self.text(address))).collect();
        let envelope = v1::Envelope {
            ask_path,
            ..v1::Envelope::default()
        };
        let mut extra = prost::Message::encode_to_vec(&envelope);
        extra.extend(from_hex(&step.extra.replace(' ', ""))?);
        Ok(extra)
    }

    /// A reply, which comes in the codec of its ask, decoded by the schema.
    fn shown(&self, seen: &Seen) -> Result<Value, String> {
        let (mut name, mut payload, mut came_in, mut compressed) = ("", &[][..], 0, 0);
        for field in &seen.fields {
            match (field.name.as_str(), &field.value) {
                ("type", Some(FieldValue::Text(text))) => name = text,
                ("payload", Some(FieldValue::Data(bytes))) => payload = bytes,
                ("content_type", Some(FieldValue::Number(number))) => came_in = *number,
                ("compression", Some(FieldValue::Number(number))) => compressed = *number,
                (name, _) => return Err(format!("a reply has no field {name}")),
            }
        }
        if name.is_empty() {
            return Ok(json!({}));
        }
        if came_in != u64::from(content_type(self.cell)) {
            return Err(format!("the reply came with content type {came_in}"));
        }
        if compressed != self.compressed(name) {
            return Err(format!("the reply came compressed by algorithm {compressed}"));
        }
        let reply = self.context.messages.decode_in(self.content, name, payload)?;
        Ok(json!({ "type": name, "reply": reply }))
    }

    /// What the reply must come compressed by: what the node was told, if the client reads it. The answers of /system are too short.
    fn compressed(&self, reply: &str) -> u64 {
        let is_long = self.size >= LEAST && reply.starts_with("actorbridge.test.");
        u64::from(number(self.compression.filter(|_| is_long)))
    }

    /// A value of the case file with its placeholders replaced.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|v| self.filled(v)).collect(),
            Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), self.filled(v))).collect(),
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        match text {
            "fill" => values::fill(self.size),
            _ => text.replace("{node}", &self.node).replace("[self]", &self.path),
        }
    }
}

/// As in an envelope.
fn number(compression: Option<Algorithm>) -> u32 {
    let number = compression.map_or(v1::Compression::None, |by| match by {
        Algorithm::Zstd => v1::Compression::Zstd,
        Algorithm::Lz4 => v1::Compression::Lz4,
    });
    number as u32
}

/// The hash of an actor's logical address, which an ask_path has.
fn fnv1a(address: &str) -> u64 {
    address.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
