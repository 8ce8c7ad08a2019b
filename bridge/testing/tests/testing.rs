//! The helpers find what they are made to find.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actorbridge::proto::v1::{Code, Terminated};
use actorbridge::{Actor, Cx, Fault, Message, Options};
use actorbridge_test::{Probe, end, node, pair};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What a check says that fails.
async fn fails(check: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(AssertUnwindSafe(check))
        .await
        .expect_err("the check fails")
        .into_panic();
    panic.downcast_ref::<String>().cloned().expect("with a sentence")
}

#[tokio::test(start_paused = true)]
async fn a_probe_gets_messages_in_order_and_answers_asks() {
    let (a, b) = pair().await;
    let mut probe = Probe::new(&b);
    let to = probe.address().clone();
    let asker = a.clone();
    let asked = tokio::spawn(async move {
        asker.tell(&to, &()).await?;
        asker.ask::<(), _>(&to, &(), MINUTE).await
    });
    probe.expect::<()>().await;
    let ((), responder) = probe.expect_ask::<()>().await;
    responder.reply(&()).expect("it fits");
    asked.await.expect("no panic").expect("answered");
    probe.expect_none_for(MINUTE).await;
    end([a, b]).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_another_type_or_one_too_many_fails_the_test_with_a_sentence() {
    let a = node("a");
    let mut probe = Probe::at(&a, "probe");
    a.tell(probe.address(), &()).await.expect("told");
    let said = fails(async move { drop(probe.expect::<Terminated>().await) }).await;
    let says = "KIND_TELL google.protobuf.Empty from outside code came instead of actorbridge.v1.Terminated";
    assert!(said.starts_with(says), "{said}");

    let mut probe = Probe::new(&a);
    a.tell(probe.address(), &()).await.expect("told");
    let said = fails(async move { probe.expect_none_for(MINUTE).await }).await;
    assert!(said.ends_with("came, and nothing should in 60s"), "{said}");

    let mut probe = Probe::at(&a, "silent");
    let said = fails(async move { probe.expect::<()>().await }).await;
    assert_eq!(said, "google.protobuf.Empty did not come to ab:///silent in 30s");
    end([a]).await;
}

/// Ends only when its time is over, whatever its token says.
struct Stubborn(Duration);

impl Actor for Stubborn {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        tokio::time::sleep(self.0).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_node_fails_the_test_with_its_name() {
    let a = node("a");
    let to = a
        .spawn("stubborn", || Stubborn(MINUTE), Options::default())
        .expect("spawned");
    a.tell(&to, &()).await.expect("told");
    let said = fails(end([a])).await;
    assert!(said.contains("node a does not shut down: stubborn"), "{said}");
    assert!(
        said.contains("node a is shut down, and has 0 actors and 1 tasks left"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn deadlines_pass_in_virtual_time_and_in_order() {
    let (a, b) = pair().await;
    let to = b
        .spawn("slow", || Stubborn(60 * MINUTE), Options::default())
        .expect("spawned");
    let began = (Instant::now(), std::time::Instant::now());
    let (one, two) = tokio::join!(a.ask::<(), _>(&to, &(), 10 * MINUTE), async {
        let failed = a.ask::<(), _>(&to, &(), 20 * MINUTE).await;
        (failed, began.0.elapsed())
    },);
    assert_eq!(one.expect_err("too slow").code(), Code::OutcomeUnknown);
    let (two, after) = two;
    assert_eq!(two.expect_err("too slow").code(), Code::OutcomeUnknown);
    assert!((20 * MINUTE..21 * MINUTE).contains(&after), "{after:?}");
    assert!(began.1.elapsed() < MINUTE, "nobody waited for it");
    tokio::time::sleep(60 * MINUTE).await;
    end([a, b]).await;
}

/// Panics whenever it is told something.
struct Panics;

impl Actor for Panics {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        panic!("as it was told")
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_of_restarts_passes_in_virtual_time() {
    let a = node("a");
    let options = Options {
        max_restarts: 1,
        window: MINUTE,
        ..Options::default()
    };
    let to = a.spawn("panics", || Panics, options).expect("spawned");
    for _ in 0..3 {
        let panicked = a.ask::<(), _>(&to, &(), MINUTE).await.expect_err("it panics");
        assert_eq!(panicked.code(), Code::Panicked);
        tokio::time::sleep(2 * MINUTE).await;
    }
    for _ in 0..2 {
        let panicked = a.ask::<(), _>(&to, &(), MINUTE).await.expect_err("it panics");
        assert_eq!(panicked.code(), Code::Panicked);
    }
    a.done(&to).await;
    assert_eq!(a.actors(), 0, "two panics in a minute are too many");
    end([a]).await;
}
