//! What a node says in its log, for who has a subscriber of `tracing`.

mod common;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, RawType, Ref};
use actorbridge_test::{end, pair};
use common::test::EchoRequest;
use common::{eventually, worker};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

const SECRET: &str = "4711-0815";
static ECHO: RawType = RawType::new("actorbridge.test.v1.EchoRequest");
static NOBODY_READS: RawType = RawType::new("nobody.v1.Reads");

/// Keeps each event of the library as `level name=value…`.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "actorbridge" {
            let mut fields = Fields(event.metadata().level().to_string());
            event.record(&mut fields);
            self.0.lock().expect("not poisoned").push(fields.0);
        }
    }
}

impl Kept {
    fn has(&self, parts: &[&str]) -> bool {
        let lines = self.0.lock().expect("not poisoned");
        lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// Says in an error what it was told.
struct Repeats;

impl Actor for Repeats {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        let told: EchoRequest = message.decode()?;
        Err(Fault::app("REPEATED").message(told.text))
    }
}

/// Sends a secret in each way that is not handled well.
async fn send_secrets(node: &Node, to: &Ref) {
    let nobody: Ref = "ab:///nobody".parse().expect("an address");
    let text = SECRET.to_owned();
    let request = EchoRequest {
        text,
        ..Default::default()
    };
    let within = Duration::from_secs(60);
    node.ask::<EchoRequest, _>(to, &request, within)
        .await
        .expect_err("repeated");
    node.ask::<EchoRequest, _>(&nobody, &request, within)
        .await
        .expect_err("nobody");
    node.ask_raw(to, &NOBODY_READS, SECRET.as_bytes(), within)
        .await
        .expect_err("unknown");
    node.ask_raw(to, &ECHO, SECRET.as_bytes(), within)
        .await
        .expect_err("not encoded");
    node.tell(to, &request).await.expect("sent");
}

#[tokio::test]
async fn lines_name_node_link_and_peer_and_say_nothing_of_what_messages_say() {
    let kept = Kept::default();
    let _set = tracing::subscriber::set_default(tracing_subscriber::registry().with(kept.clone()));
    let (a, b) = pair().await;
    let to = b.spawn("repeats", || Repeats, Options::default()).expect("free");
    let fails = b.spawn("worker", worker, Options::default()).expect("free");
    send_secrets(&a, &to).await;
    send_secrets(&b, &to).await;
    eventually("the tells have failed", || b.dead_letters().len() >= 8).await;
    b.tell(&fails, &common::test::PanicNow::default()).await.expect("sent");
    eventually("a panic is told", || {
        kept.has(&["ERROR", "node=\"b\"", "actor=\"ab:///worker\"", "panicked"])
    })
    .await;
    end([a, b]).await;

    for (node, peer) in [("a", "b"), ("b", "a")] {
        let (node, peer) = (format!("node=\"{node}\""), format!("peer=\"{peer}\""));
        assert!(kept.has(&["INFO", "the link is up", &node, &peer, "link="]), "{kept:?}");
        assert!(
            kept.has(&["the link is down", &node, &peer, "link=", "code=\"LINK_DOWN\""]),
            "{kept:?}"
        );
    }
    assert!(!kept.has(&[SECRET]), "{kept:?}");
}

impl Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
