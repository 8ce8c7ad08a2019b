//! Carries out the runner's orders at nodes of this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Address, Compression, Error, Node, Snapshot, TlsFiles};
use tokio::sync::watch;

use crate::actors;
use crate::events::Subscriptions;
use crate::ops::{
    Algorithm, Answer, Compressing, Door, Encoded, Fault, Letter, Operation, Order, Relays, from_hex, to_hex,
};
use crate::raw::{self, How, Sent};
use crate::testpb::Add;

/// An ask's deadline, unless the order says otherwise.
const ASK: Duration = Duration::from_secs(5);
/// What a shutdown may take.
const GRACE: Duration = Duration::from_secs(2);

/// The nodes of this process, and the asks and subscriptions that may be given up.
#[derive(Default)]
pub struct Driver {
    nodes: Mutex<HashMap<String, Node>>,
    asks: Mutex<HashMap<u64, watch::Sender<bool>>>,
    subscriptions: Subscriptions,
}

/// Why an order could not be carried out, or what its caller was told.
pub(crate) type Failed = Box<Fault>;

impl Driver {
    /// A driver without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A driver of one node that exists already.
    pub fn of(node: Node) -> Self {
        let driver = Self::new();
        lock(&driver.nodes).insert(node.name().to_owned(), node);
        driver
    }

    /// Carries out one order.
    pub async fn carry_out(&self, order: Order) -> Answer {
        let id = order.id;
        let done = self.operate(id, &order.node, order.operation).await;
        let mut answer = done.unwrap_or_else(|fault| Answer {
            fault: Some(*fault),
            ..Answer::default()
        });
        answer.id = id;
        answer
    }

    async fn operate(&self, id: u64, name: &str, operation: Operation) -> Result<Answer, Failed> {
        if let Operation::Start {
            listen,
            certificates,
            native,
            compression,
            relays,
        } = &operation
        {
            if *native {
                return Err(driver_fault("a Rust peer hosts no native nodes"));
            }
            return self.start(name, listen, certificates, (*compression, relays)).await;
        }
        let node = self.node(name)?;
        let mut answer = Answer::default();
        match operation {
            Operation::Start { .. } => {}
            Operation::Link { door: Door::Memory, to } => node.join(&self.node(&to)?).await.map_err(driver_error)?,
            Operation::Link { door: Door::Remote, to } => drop(node.dial(&to).await.map_err(driver_error)?),
            Operation::Link { door: Door::Native, .. } => return Err(driver_fault("a Go node opens native links")),
            Operation::Link {
                door: Door::Sidecar, ..
            } => return Err(driver_fault("a Go node starts sidecars")),
            Operation::Unlink { to } => node.disconnect(&to),
            Operation::Tell {
                to,
                message,
                wait,
                timeout_ms,
            } => {
                let how = if wait { How::Tell } else { How::TryTell };
                let sending = send(&node, &to, &message, how);
                let limit = Duration::from_millis(timeout_ms);
                tokio::time::timeout(limit, sending)
                    .await
                    .map_err(|_| waited(limit))??;
            }
            Operation::TellMany { to, first, count, wait } => {
                (answer.counts, answer.fault) = many(&node, &to, first, count, wait).await?;
            }
            Operation::Ask {
                to,
                message,
                timeout_ms,
            } => {
                answer.reply = self.ask(id, &node, &to, &message, timeout_ms).await?;
            }
            Operation::AskMany { to, first, count } => {
                for n in first..first + count {
                    let message = Encoded::of(&Add { by: 1, n });
                    send(&node, &to, &message, How::Ask(ASK)).await?;
                    *answer.counts.entry("replies".into()).or_default() += 1;
                }
            }
            Operation::Subscribe { to, message } => self.subscriptions.begin(id, &node, &to, &message).await?,
            Operation::Events { order, count } => self.subscriptions.take(order, count, &mut answer).await?,
            Operation::Cancel { order } => {
                let asking = lock(&self.asks).remove(&order);
                match asking {
                    Some(asking) => drop(asking.send(true)),
                    None => self.subscriptions.give_up(order)?,
                }
            }
            Operation::Restore { path, snapshot } => restore(&node, &path, &snapshot)?,
            Operation::DeadLetters {} => {
                answer.letters = node.dead_letters().into_iter().map(letter).collect();
                let counts = node.dead_letter_counts().into_iter();
                answer.counts = counts.map(|(code, n)| (short(code).to_owned(), n)).collect();
            }
            Operation::Shutdown {} => {
                lock(&self.nodes).remove(name);
                node.shutdown(GRACE).await.map_err(|e| fault(&e, false))?;
            }
        }
        Ok(answer)
    }

    fn node(&self, name: &str) -> Result<Node, Failed> {
        lock(&self.nodes)
            .get(name)
            .cloned()
            .ok_or_else(|| driver_fault(&format!("no node is named {name}")))
    }

    async fn start(
        &self,
        name: &str,
        listen: &str,
        certificates: &str,
        (compression, relays): (Option<Compressing>, &Relays),
    ) -> Result<Answer, Failed> {
        let mut builder = Node::builder(name)
            .module(actors::module(name))
            .runtime(tokio::runtime::Handle::current());
        if let Some(Compressing { by, least }) = compression.filter(|_| !is_mistaken("plain")) {
            let by = match by {
                Algorithm::Zstd => Compression::Zstd,
                Algorithm::Lz4 => Compression::Lz4,
            };
            builder = builder.compression(by, least);
        }
        if relays.allow {
            builder = builder.allow_relay();
        }
        for relay in &relays.accept {
            builder = builder.accept_relay(relay);
        }
        for (to, relay) in &relays.routes {
            builder = builder.route(to, relay);
        }
        if !certificates.is_empty() {
            let own = format!("{certificates}/{name}");
            let (certificate, key) = (format!("{own}.pem"), format!("{own}.key"));
            builder = builder.tls(TlsFiles::new(certificate, key, format!("{certificates}/ca.pem")));
        }
        if !listen.is_empty() {
            builder = builder.listen(listen);
        }
        let started = tokio::task::spawn_blocking(move || builder.start()).await;
        let node = started
            .map_err(|e| driver_fault(&e.to_string()))?
            .map_err(driver_error)?;
        let address = node.listening().first().cloned().unwrap_or_default();
        lock(&self.nodes).insert(name.to_owned(), node);
        Ok(Answer {
            address,
            ..Answer::default()
        })
    }

    /// Asks; a cancel gives the ask up as its caller does: the future is dropped.
    async fn ask(&self, id: u64, node: &Node, to: &str, m: &Encoded, ms: u64) -> Result<Option<Encoded>, Failed> {
        let within = if ms == 0 { ASK } else { Duration::from_millis(ms) };
        let (give_up, mut given_up) = watch::channel(false);
        lock(&self.asks).insert(id, give_up);
        let result = tokio::select! {
            result = send(node, to, m, How::Ask(within)) => result,
            Ok(_) = given_up.wait_for(|g| *g) => {
                let (code, effect) = ("CANCELLED".to_owned(), "MAYBE".to_owned());
                Err(Box::new(Fault { code, effect, detail: "the ask's future was dropped".into(), ..Fault::default() }))
            }
        };
        lock(&self.asks).remove(&id);
        result
    }
}

async fn send(node: &Node, to: &str, message: &Encoded, how: How) -> Result<Option<Encoded>, Failed> {
    let to: Address = to.parse().map_err(|e| fault(&e, false))?;
    let bytes = from_hex(&message.payload).map_err(|e| driver_fault(&e))?;
    let sent: Sent = raw::send(node, &to, &message.type_name, message.codec, bytes.into(), how)
        .await
        .map_err(|e| driver_fault(&e))?;
    let reply = sent.map_err(|(error, returned)| fault(&error, returned))?;
    Ok(reply.map(|(type_name, bytes)| Encoded {
        type_name,
        payload: to_hex(&bytes),
        codec: message.codec,
    }))
}

/// What was counted, and the fault that ended it.
type Many = (BTreeMap<String, u64>, Option<Fault>);

async fn many(node: &Node, to: &str, first: u64, count: u64, wait: bool) -> Result<Many, Failed> {
    let to: Address = to.parse().map_err(|e| fault(&e, false))?;
    let (mut sent, mut refused, mut failed) = (0, 0, None);
    for n in first..first + count {
        let message = Add { by: 1, n };
        let result = match wait {
            true => node.tell(&to, &message).await,
            false => node.try_tell(&to, message).map_err(|(error, _)| error),
        };
        match result {
            Ok(()) => sent += 1,
            Err(error) if error.code() == Code::MailboxFull && !wait => refused += 1,
            Err(error) => {
                failed = Some(*fault(&error, false));
                break;
            }
        }
    }
    Ok((
        BTreeMap::from([("sent".into(), sent), ("refused".into(), refused)]),
        failed,
    ))
}

fn restore(node: &Node, path: &str, snapshot: &str) -> Result<(), Failed> {
    let bytes = from_hex(snapshot).map_err(|e| driver_fault(&e))?;
    let snapshot = Snapshot::read(path, &bytes).map_err(|e| fault(&e, false))?;
    node.restore(snapshot).map_err(|e| fault(&e, false)).map(drop)
}

fn letter(letter: actorbridge::DeadLetter) -> Letter {
    Letter {
        code: short(letter.code.as_str_name()).to_owned(),
        effect: effect_name(letter.effect).to_owned(),
        bytes: letter.envelope.len() as u64,
        target: letter.target,
        detail: letter.detail,
    }
}

pub(crate) fn fault(error: &Error, returned: bool) -> Failed {
    let (user_code, user_message) = error.user().map(|u| (u.code(), u.message())).unwrap_or_default();
    Box::new(Fault {
        code: short(error.code().as_str_name()).to_owned(),
        effect: effect_name(error.effect()).to_owned(),
        detail: error.to_string(),
        user_code: user_code.to_owned(),
        user_message: user_message.to_owned(),
        returned,
    })
}

/// Is this peer to make the planned mistake of this name? compat-tests/matrix/README.md has them.
fn is_mistaken(mistake: &str) -> bool {
    std::env::var("COMPAT_MUTANT").is_ok_and(|meant| meant == mistake)
}

fn waited(limit: Duration) -> Failed {
    let detail = format!("no room within {limit:?}");
    Box::new(Fault {
        code: "WAITED".into(),
        effect: "NONE".into(),
        detail,
        ..Fault::default()
    })
}

fn driver_error(error: Error) -> Failed {
    driver_fault(&error.to_string())
}

pub(crate) fn driver_fault(detail: &str) -> Failed {
    Box::new(Fault {
        code: "DRIVER".into(),
        detail: detail.to_owned(),
        ..Fault::default()
    })
}

fn short(name: &str) -> &str {
    name.trim_start_matches("CODE_")
}

fn effect_name(effect: Effect) -> &'static str {
    effect.as_str_name().trim_start_matches("EFFECT_")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
