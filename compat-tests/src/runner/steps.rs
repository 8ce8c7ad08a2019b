//! Carries out one case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::compression::decompressed;
use super::events;
use super::matching::{Saved, check, part};
use super::pair::Nodes;
use crate::cases::{Side, Step};
use crate::schema::Schema;
use compat_peer::ops::{Answer, Content, Encoded, Operation, from_hex, to_hex};

/// How long a step with `until` is repeated.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a tell may wait for room, unless the step says otherwise.
const TELL_MS: u64 = 10_000;

/// One case while it runs.
pub(super) struct Run {
    pub(super) schema: Schema,
    pub(super) nodes: Arc<Nodes>,
    /// Makes the case's actors and keys its own.
    pub(super) id: String,
    pub(super) saved: Saved,
    pub(super) background: BTreeMap<String, Background>,
    /// The subscriptions: which node's, and by which order.
    pub(super) subscriptions: BTreeMap<String, (Side, u64)>,
}

/// An order that runs while the steps go on.
pub(super) struct Background {
    side: Side,
    order: u64,
    done: JoinHandle<Result<Answer, String>>,
}

impl Run {
    pub(super) async fn all(mut self, steps: &[Step]) -> Result<(), String> {
        for (i, step) in steps.iter().enumerate() {
            self.step(step)
                .await
                .map_err(|problem| format!("step {} ({}): {problem}", i + 1, step.verb()))?;
        }
        match self.background.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("nothing waits for {name:?}")),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let result = self.once(step).await?;
            let Some(result) = result else { return Ok(()) };
            let good = self.judge(step, &result);
            match good {
                Ok(()) => {
                    for (name, path) in &step.save {
                        let value = part(&result, path).ok_or_else(|| format!("no {path} in {result}"))?;
                        self.saved.insert(name.clone(), value.clone());
                    }
                    return Ok(());
                }
                Err(_) if step.until && Instant::now() < end => tokio::time::sleep(PAUSE).await,
                Err(problem) => return Err(problem),
            }
        }
    }

    fn judge(&self, step: &Step, result: &Value) -> Result<(), String> {
        let expect = step
            .expect
            .as_ref()
            .map(|e| self.filled(e))
            .transpose()?
            .unwrap_or(json!({}));
        if expect.get("fault").is_none() && !result["fault"].is_null() {
            return Err(format!("it failed: {}", result["fault"]));
        }
        check(&expect, result, &self.saved, "result")
    }

    /// Carries the step out once. `None`: it goes on in the background, or has no result.
    async fn once(&mut self, step: &Step) -> Result<Option<Value>, String> {
        if let Some(name) = &step.wait_for {
            let background = self
                .background
                .remove(name)
                .ok_or_else(|| format!("nothing runs as {name:?}"))?;
            let answer = background.done.await.map_err(|e| e.to_string())??;
            return self.result(step, answer).map(Some);
        }
        if let Some(name) = &step.cancel {
            let (side, order) = self.running(name)?;
            let answer = self
                .nodes
                .order(side, self.nodes.next_id(side), Operation::Cancel { order })
                .await?;
            return self.result(step, answer).map(Some);
        }
        if let Some(side) = step.kill {
            self.nodes.kill(side)?;
            return Ok(None);
        }
        if let Some(side) = step.restart {
            self.nodes.restart(side).await?;
            return Ok(None);
        }
        if let Some(fault) = step.network {
            self.nodes.hurt(fault)?;
            return Ok(None);
        }
        if step.relink.is_some() {
            self.nodes.link().await?;
            return Ok(None);
        }
        let (side, operation) = self.operation(step)?;
        let order = self.nodes.next_id(side);
        if step.subscribe.is_some() {
            let name = step.background.clone().ok_or("it needs `as`")?;
            self.subscriptions.insert(name, (side, order));
        } else if let Some(name) = &step.background {
            let nodes = self.nodes.clone();
            let done = tokio::spawn(async move { nodes.order(side, order, operation).await });
            self.background.insert(name.clone(), Background { side, order, done });
            return Ok(None);
        }
        let answer = self.nodes.order(side, order, operation).await?;
        self.result(step, answer).map(Some)
    }

    /// The node and the order of what runs under this name.
    fn running(&self, name: &str) -> Result<(Side, u64), String> {
        let background = self.background.get(name).map(|b| (b.side, b.order));
        background
            .or_else(|| self.subscriptions.get(name).copied())
            .ok_or_else(|| format!("nothing runs as {name:?}"))
    }

    fn operation(&self, step: &Step) -> Result<(Side, Operation), String> {
        let here = step.at.unwrap_or(Side::Here);
        let there = step.at.unwrap_or(Side::There);
        let timeout_ms = step.timeout_ms.unwrap_or(0);
        let many = |name: &str| -> Result<_, String> {
            let count = step.count.ok_or("it needs a count")?;
            Ok((self.address(name)?, step.first.unwrap_or(1), count))
        };
        for (name, wait) in [(&step.tell, true), (&step.try_tell, false)] {
            if let Some(name) = name {
                let timeout_ms = step.timeout_ms.unwrap_or(TELL_MS);
                let (to, message) = (self.address(name)?, self.message(step)?);
                return Ok((
                    here,
                    Operation::Tell {
                        to,
                        message,
                        wait,
                        timeout_ms,
                    },
                ));
            }
        }
        if let Some(name) = &step.ask {
            let (to, message) = (self.address(name)?, self.message(step)?);
            return Ok((
                here,
                Operation::Ask {
                    to,
                    message,
                    timeout_ms,
                },
            ));
        }
        if let Some(name) = &step.subscribe {
            let (to, message) = (self.address(name)?, self.message(step)?);
            return Ok((here, Operation::Subscribe { to, message }));
        }
        if let Some(name) = &step.events {
            let (side, order) = self.running(name)?;
            let count = step.count.ok_or("it needs a count")?;
            return Ok((side, Operation::Events { order, count }));
        }
        for (name, wait) in [(&step.tell_many, true), (&step.try_many, false)] {
            if let Some(name) = name {
                let (to, first, count) = many(name)?;
                return Ok((here, Operation::TellMany { to, first, count, wait }));
            }
        }
        if let Some(name) = &step.ask_many {
            let (to, first, count) = many(name)?;
            return Ok((here, Operation::AskMany { to, first, count }));
        }
        if let Some(name) = &step.restore {
            let snapshot = step
                .to
                .as_ref()
                .and_then(|to| self.saved.get(to))
                .and_then(Value::as_str);
            let snapshot = to_hex(&from_base64(snapshot.ok_or("`to` names no saved snapshot")?)?);
            return Ok((
                here,
                Operation::Restore {
                    path: self.path(name)?,
                    snapshot,
                },
            ));
        }
        if step.dead_letters.is_some() {
            return Ok((there, Operation::DeadLetters {}));
        }
        if step.unlink.is_some() {
            return Ok((
                Side::Here,
                Operation::Unlink {
                    to: self.nodes.node(Side::There).to_owned(),
                },
            ));
        }
        if let Some(side) = step.shutdown {
            return Ok((side, Operation::Shutdown {}));
        }
        let (to, request) = self.request(step, there)?;
        Ok((
            Side::Here,
            Operation::Ask {
                to,
                message: self.schema.encode(&request)?,
                timeout_ms,
            },
        ))
    }

    /// The verbs that are asks to a node's `/system` or gate, with the fields of `with` added.
    fn request(&self, step: &Step, side: Side) -> Result<(String, Value), String> {
        let node = self.nodes.node(side);
        let mut to = format!("ab://{node}/system");
        let (name, mut fields) = if let Some(name) = &step.spawn {
            ("SpawnRequest", json!({"path": self.path(name)?}))
        } else if let Some(name) = &step.stop {
            ("StopRequest", json!({"path": self.path(name)?}))
        } else if let Some(name) = &step.watch {
            let watcher = self.address(step.watcher.as_deref().ok_or("it needs a watcher")?)?;
            ("WatchRequest", json!({"path": self.path(name)?, "watcher": watcher}))
        } else if let Some(name) = &step.move_ {
            let destination = match step.to.as_deref() {
                Some("here") => self.nodes.node(Side::Here),
                Some("there") => self.nodes.node(Side::There),
                Some(other) => other,
                None => return Err("it needs `to`".into()),
            };
            (
                "MoveToRequest",
                json!({"path": self.path(name)?, "destination": destination}),
            )
        } else if let Some(key) = &step.release {
            to = format!("ab://{node}/gate");
            ("Release", json!({"key": format!("{}-{key}", self.id)}))
        } else if let Some(message) = &step.system {
            return Ok((to, self.filled(message)?));
        } else {
            return Err("no verb".into());
        };
        if let Some(more) = step.with.as_ref().and_then(Value::as_object) {
            fields.as_object_mut().expect("an object").extend(more.clone());
        }
        Ok((to, self.filled(&json!({name: fields}))?))
    }

    fn message(&self, step: &Step) -> Result<Encoded, String> {
        let message = step.message.as_ref().ok_or("it needs a message")?;
        if step.codec == Content::Raw {
            return Ok(Encoded {
                type_name: "raw".into(),
                payload: to_hex(message.as_str().ok_or("a raw message is a text")?.as_bytes()),
                codec: Content::Raw,
            });
        }
        let encoded = self.schema.encode(&self.filled(message)?)?;
        Ok(Encoded {
            codec: step.codec,
            ..encoded
        })
    }

    /// What a mirror got, read as it was compressed, and in the codec in which it was sent. Where that cannot be read, why.
    fn came(&self, step: &Step, reply: &Value) -> Result<Value, String> {
        let (Some(name), Some(data)) = (reply["text"].as_str(), reply["data"].as_str()) else {
            return Err("`came` is of the reply of a mirror".into());
        };
        let read = decompressed(step.compressed, from_base64(data)?).and_then(|bytes| match name {
            "actorbridge.test.v1.Raw" => Ok(json!(String::from_utf8_lossy(&bytes))),
            _ => self.schema.decode_in(step.codec, name, &bytes),
        });
        Ok(read.unwrap_or_else(|problem| json!(problem)))
    }

    fn result(&self, step: &Step, answer: Answer) -> Result<Value, String> {
        let mut result = json!({ "counts": answer.counts });
        if step.events.is_some() {
            result["events"] = events::result(&self.schema, &answer.events)?;
        }
        if let Some(reply) = &answer.reply {
            result["reply"] = match reply.codec {
                Content::Raw => json!(String::from_utf8_lossy(&from_hex(&reply.payload)?)),
                _ => self.schema.decode(reply)?,
            };
            result["type"] = json!(reply.type_name);
            if step.expect.as_ref().is_some_and(|e| e.get("came").is_some()) {
                result["came"] = self.came(step, &result["reply"])?;
            }
        }
        if let Some(fault) = &answer.fault {
            if fault.code == "DRIVER" {
                return Err(format!("the driver could not do it: {}", fault.detail));
            }
            result["fault"] = serde_json::to_value(fault).map_err(|e| e.to_string())?;
        }
        if let Some(name) = &step.dead_letters {
            let path = format!("/{}", self.path(name)?);
            let meant = |code: &str| step.code.as_deref().is_none_or(|c| c == code);
            let letters: Vec<_> = answer
                .letters
                .iter()
                .filter(|l| l.target.ends_with(&path) && meant(&l.code))
                .collect();
            result["letters"] = json!(letters.len());
            result["letter"] = serde_json::to_value(letters.first()).map_err(|e| e.to_string())?;
        }
        Ok(result)
    }

    /// The path of a case's actor: `counter.a` → `counter/c7-a`. `system` and `gate` exist once a node.
    fn path(&self, name: &str) -> Result<String, String> {
        let name = name.split('@').next().unwrap_or_default();
        Ok(match name.split_once('.') {
            _ if matches!(name, "system" | "gate") || name.contains('/') => name.to_owned(),
            None => format!("{name}/{}", self.id),
            Some((kind, suffix)) => format!("{kind}/{}-{suffix}", self.id),
        })
    }

    /// The address of a case's actor: logical, or pinned with `@here` and `@there`.
    fn address(&self, name: &str) -> Result<String, String> {
        let path = self.path(name)?;
        match name.split_once('@').map(|(_, side)| side) {
            None => Ok(format!("ab:///{path}")),
            Some("here") => Ok(format!("ab://{}/{path}", self.nodes.node(Side::Here))),
            Some("there") => Ok(format!("ab://{}/{path}", self.nodes.node(Side::There))),
            Some(other) => Ok(format!("ab://{other}/{path}")),
        }
    }

    /// A value of the case file with its placeholders replaced: `<name>` address, `[name]` path, `{here}` and `{there}`
    /// node names, `#key` a key of this case's own.
    fn filled(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.filled_text(text)?),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.filled(v)).collect::<Result<_, _>>()?),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(k, v)| Ok((k.clone(), self.filled(v)?)));
                Value::Object(fields.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    fn filled_text(&self, text: &str) -> Result<String, String> {
        if let Some(key) = text.strip_prefix('#') {
            return Ok(format!("{}-{key}", self.id));
        }
        let mut text = text
            .replace("{here}", self.nodes.node(Side::Here))
            .replace("{there}", self.nodes.node(Side::There));
        for (open, close) in [('<', '>'), ('[', ']')] {
            while let Some((before, rest)) = text.split_once(open) {
                let Some((name, after)) = rest.split_once(close) else {
                    break;
                };
                let value = if open == '<' {
                    self.address(name)?
                } else {
                    self.path(name)?
                };
                text = format!("{before}{value}{after}");
            }
        }
        Ok(text)
    }
}

/// Reads the base64 that protobuf's JSON form has for bytes.
fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.bytes().filter(|b| *b != b'=') {
        let value = DIGITS
            .iter()
            .position(|d| *d == digit)
            .ok_or("a snapshot is not base64")?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}
