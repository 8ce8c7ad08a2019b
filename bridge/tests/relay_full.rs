//! A relay at which much waits for a slow link.

use crate::common;
use crate::relay::{address, gated_row, waits};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actorbridge::proto::v1::{ListReply, ListRequest};
use actorbridge::{Actor, Cx, Fault, Message, Options, RawType, Ref};
use actorbridge_test::end;
use common::test::Add;
use common::{LONG, eventually};

static NOTE: RawType = RawType::new("test.Note");
/// Actors, and messages to each: fewer than a relay keeps of a stream, and of all more than answers may be.
const ACTORS: u64 = 40;
const EACH: u64 = 500;

/// Counts what it is told.
struct Counts(Arc<AtomicU64>);

impl Actor for Counts {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is_ask() {
            return cx.reply_raw(&NOTE, b"");
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn actor(n: u64) -> Ref {
    address(&format!("ab://b/counts/{n}"))
}

#[tokio::test]
async fn what_waits_for_others_at_a_relay_keeps_neither_its_answers_nor_its_own_messages_from_the_link() {
    let (a, r, b, gate) = gated_row().await;
    let count = Arc::new(AtomicU64::new(0));
    let mailbox = Options {
        mailbox: 4_096,
        ..Options::default()
    };
    for n in 0..ACTORS {
        let counts = count.clone();
        b.spawn(&format!("counts/{n}"), move || Counts(counts.clone()), mailbox)
            .expect("spawned");
        let to = actor(n);
        a.ask_raw(&to, &NOTE, b"", LONG).await.expect("answered"); // so there is credit
        r.ask_raw(&to, &NOTE, b"", LONG).await.expect("answered");
    }
    gate.open(false);
    let note = [7; 1_024];
    for n in 0..ACTORS {
        let notes = vec![&note[..]; EACH as usize];
        a.tell_raw_all(&actor(n), &NOTE, &notes)
            .await
            .expect("the relay takes them");
    }
    eventually("all at the relay", || waits(&r) > ACTORS * EACH * 1_024).await;

    r.try_tell(&actor(0), Add { by: 1, n: 1 })
        .expect("its own goes with them");
    let (before, asker) = (waits(&r), b.clone());
    let asked = tokio::spawn(async move {
        let to = address("ab://r/system");
        asker.ask::<ListReply, _>(&to, &ListRequest::default(), LONG).await
    });
    let is_linked = || r.peers().contains(&"b".to_owned());
    eventually("the answer in the queue", || waits(&r) > before || !is_linked()).await;
    assert!(is_linked(), "it has ended the link to one that reads");
    gate.open(true);
    asked.await.expect("no panic").expect("answered");
    eventually("all of them", || count.load(Ordering::Relaxed) == ACTORS * EACH + 1).await;
    for node in [&a, &r, &b] {
        let dead = node.dead_letters();
        assert!(dead.is_empty(), "{dead:?}");
    }
    end([a, r, b]).await;
}
