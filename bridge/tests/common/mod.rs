//! The actors and nodes that the tests use.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::all)]

use std::time::Duration;

use actorbridge::proto::v1::RefusalReason;
use actorbridge::{Actor, Builder, Cx, Fault, Message, Node};
pub use actorbridge_test::eventually;
use actorbridge_test::{builder, joined, start};

pub mod certs;
pub mod cut;
pub mod journal;
pub mod raw;

pub mod test {
    include!("../../../compat-tests/peer-rust/src/generated/actorbridge.test.v1.rs");
}

use test::{Add, AskThrough, Count, EchoReply, EchoRequest, FailNow, GetCount, Held, Hold, PanicNow};

pub const SECOND: Duration = Duration::from_secs(1);
pub const LONG: Duration = Duration::from_secs(10);

/// One actor that does what each test message says.
pub struct Worker {
    count: Count,
}

pub fn worker() -> Worker {
    Worker {
        count: Count {
            digest: 14695981039346656037,
            language: "rust".into(),
            ..Default::default()
        },
    }
}

/// The digest of 1 to `n` in order.
pub fn digest(n: u64) -> u64 {
    (1..=n).fold(14695981039346656037, |d: u64, n| {
        d.wrapping_mul(1099511628211).wrapping_add(n)
    })
}

impl Actor for Worker {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Add>() {
            let add: Add = message.decode()?;
            self.count.total += add.by;
            self.count.handled += 1;
            self.count.digest = self.count.digest.wrapping_mul(1099511628211).wrapping_add(add.n);
            Ok(())
        } else if message.is::<GetCount>() {
            cx.reply(&self.count)
        } else if message.is::<EchoRequest>() {
            let echo: EchoRequest = message.decode()?;
            cx.reply(&EchoReply {
                text: echo.text,
                data: echo.data,
                language: "rust".into(),
            })
        } else if message.is::<AskThrough>() {
            let ask: AskThrough = message.decode()?;
            let to = ask.target.parse()?;
            let reply: EchoReply = cx
                .ask(
                    &to,
                    &EchoRequest {
                        text: ask.text,
                        ..Default::default()
                    },
                    SECOND,
                )
                .await?;
            cx.reply(&reply)
        } else if message.is::<Hold>() {
            cx.cancelled().await;
            cx.reply(&Held { cancelled: true })
        } else if message.is::<PanicNow>() {
            panic!("{}", message.decode::<PanicNow>()?.text);
        } else if message.is::<FailNow>() {
            let fail: FailNow = message.decode()?;
            Err(Fault::app(fail.code).message(fail.message))
        } else {
            Err(Fault::unsupported(message.type_name()))
        }
    }
}

fn with_orders(name: &str) -> Builder {
    builder(name).factory("order/*", worker)
}

pub fn node(name: &str) -> Node {
    start(with_orders(name))
}

/// How many refusals a node has counted for a reason.
pub fn refusals(node: &Node, reason: RefusalReason) -> u64 {
    let status = node.status(&Default::default());
    let counted = status.refusals.iter().find(|r| r.reason() == reason);
    counted.map_or(0, |r| r.count)
}

/// Two nodes joined in memory.
pub async fn pair() -> (Node, Node) {
    joined(with_orders("a"), with_orders("b")).await
}

/// A node named `b` that listens.
pub async fn listening(address: &str) -> Node {
    let (address, handle) = (address.to_owned(), tokio::runtime::Handle::current());
    let start = move || {
        Node::builder("b")
            .runtime(handle)
            .factory("order/*", worker)
            .listen(&address)
            .start()
    };
    tokio::task::spawn_blocking(start)
        .await
        .expect("no panic")
        .expect("listens")
}
