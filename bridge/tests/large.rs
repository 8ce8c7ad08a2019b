//! Messages that travel in parts, by each door that Rust nodes have between them.

use crate::common;

use std::sync::Arc;
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, RawType, Ref};
use bytes::Bytes;
use common::{LONG, listening, node, pair};
use tokio::sync::{Semaphore, mpsc};

static DATA: RawType = RawType::new("large.v1.Data");
const MIB: usize = 1 << 20;

/// Pairs of nodes.
async fn doors() -> Vec<(Node, Node)> {
    let (a, b) = (node("a"), listening("tcp://127.0.0.1:0").await);
    a.dial(&b.listening()[0]).await.expect("linked");
    vec![pair().await, (a, b)]
}

fn at(path: &str) -> Ref {
    format!("ab:///{path}").parse().expect("an address")
}

/// A payload that is nowhere the same.
fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i ^ i >> 8 ^ i >> 16) as u8).collect()
}

/// Hands payloads to the test when the gate lets it, and answers asks with what came.
struct Echo {
    came: mpsc::UnboundedSender<Bytes>,
    gate: Arc<Semaphore>,
}

impl Actor for Echo {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let payload = message.raw(&DATA)?;
        if message.kind() == Some(actorbridge::proto::v1::Kind::Ask) {
            return cx.reply_raw(&DATA, payload);
        }
        self.gate.acquire().await.expect("open").forget();
        let _ = self.came.send(message.payload_bytes());
        Ok(())
    }
}

fn echo(node: &Node, path: &str, open: usize) -> (mpsc::UnboundedReceiver<Bytes>, Arc<Semaphore>) {
    let (sender, came) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(open));
    let of_actor = gate.clone();
    let make = move || Echo {
        came: sender.clone(),
        gate: of_actor.clone(),
    };
    node.spawn(path, make, Options::default()).expect("spawned");
    (came, gate)
}

async fn next(came: &mut mpsc::UnboundedReceiver<Bytes>) -> Bytes {
    let next = tokio::time::timeout(3 * LONG, came.recv()).await;
    next.expect("it comes in time").expect("the actor lives")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_come_whole_and_in_order() {
    let sizes = [10, 65_400, 65_536, 20, MIB, 30, 16 * MIB, 40, 200_000, 5 * MIB, 0];
    for (a, b) in doors().await {
        let (mut came, _) = echo(&b, "echo", Semaphore::MAX_PERMITS);
        let teller = a.clone();
        let tells = tokio::spawn(async move {
            for size in sizes {
                teller
                    .tell_raw(&at("echo"), &DATA, &patterned(size))
                    .await
                    .expect("told");
            }
        });
        for size in sizes {
            let got = next(&mut came).await;
            assert!(
                got == patterned(size),
                "in the place of {size} bytes came {}",
                got.len()
            );
        }
        tells.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_asks_are_answered_in_full() {
    for (a, b) in doors().await {
        let _echo = echo(&b, "echo", 0);
        for size in [65_536, MIB, 16 * MIB] {
            let answer = a.ask_raw(&at("echo"), &DATA, &patterned(size), LONG).await;
            assert!(answer.expect("answered") == patterned(size), "an ask of {size} bytes");
        }
        let several: Vec<_> = (0..8)
            .map(|_| {
                let a = a.clone();
                tokio::spawn(async move { a.ask_raw(&at("echo"), &DATA, &patterned(3 * MIB), LONG).await })
            })
            .collect();
        for asked in several {
            let answer = asked.await.expect("no panic").expect("answered");
            assert!(answer == patterned(3 * MIB), "one of several");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_of_a_slow_actor_wait_at_their_sender_and_hold_up_nobody_else() {
    for (a, b) in doors().await {
        let (mut came, gate) = echo(&b, "slow", 0);
        let _quick = echo(&b, "quick", 0);
        let (slow, quick) = (at("slow"), at("quick"));
        let mut told = 0;
        let mebibyte = patterned(MIB);
        loop {
            let tell = a.tell_raw(&slow, &DATA, &mebibyte);
            match tokio::time::timeout(Duration::from_millis(200), tell).await {
                Ok(done) => done.expect("told"),
                Err(_) => break,
            }
            told += 1;
        }
        assert!(
            (1..=5).contains(&told),
            "{told} of 1 MiB are taken for one actor: 4 MiB, and what it handles"
        );
        for size in [10, 2 * MIB] {
            let answer = a.ask_raw(&quick, &DATA, &patterned(size), LONG).await;
            assert_eq!(answer.expect("answered").len(), size);
        }
        gate.add_permits(100);
        for _ in 0..told {
            assert_eq!(next(&mut came).await.len(), MIB);
        }
        a.tell_raw(&slow, &DATA, &mebibyte).await.expect("told");
        assert_eq!(next(&mut came).await.len(), MIB);
    }
}
