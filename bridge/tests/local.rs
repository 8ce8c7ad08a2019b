//! Actors of one node.

mod common;

use actorbridge::Options;
use actorbridge::proto::v1::{Code, Effect};
use common::test::{Add, AskThrough, Count, EchoReply, EchoRequest, FailNow, GetCount, Hold, PanicNow, TooNew};
use common::{LONG, SECOND, digest, eventually, node, worker};

#[tokio::test]
async fn tells_are_handled_in_the_order_of_the_sends_and_asks_are_answered() {
    let a = node("a");
    let to = a
        .spawn(
            "counter",
            worker,
            Options {
                mailbox: 8,
                ..Options::default()
            },
        )
        .expect("spawned");
    for n in 1..=1000 {
        a.tell(&to, &Add { by: 1, n }).await.expect("there is room in time");
    }
    let count: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
    assert_eq!((count.handled, count.digest), (1000, digest(1000)));
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_panic_restarts_only_the_failed_actor_and_its_address_survives() {
    let a = node("a");
    let to = a
        .spawn(
            "worker",
            worker,
            Options {
                max_restarts: 1,
                ..Options::default()
            },
        )
        .expect("spawned");
    let other = a.spawn("other", worker, Options::default()).expect("spawned");
    a.tell(&other, &Add { by: 5, n: 1 }).await.expect("sent");
    let error = a
        .ask::<EchoReply, _>(&to, &PanicNow { text: "boom".into() }, LONG)
        .await
        .expect_err("it panics");
    assert_eq!(
        (error.code(), error.effect(), error.detail()),
        (Code::Panicked, Effect::Maybe, "boom")
    );
    let echo: EchoReply = a
        .ask(
            &to,
            &EchoRequest {
                text: "hi".into(),
                ..Default::default()
            },
            LONG,
        )
        .await
        .expect("alive");
    assert_eq!(echo.text, "hi");
    let count: Count = a.ask(&other, &GetCount {}, LONG).await.expect("untouched");
    assert_eq!(count.total, 5);
    let end = tokio::spawn({
        let (a, to) = (a.clone(), to.clone());
        async move { a.watch(&to).await }
    });
    a.ask::<EchoReply, _>(&to, &PanicNow { text: "again".into() }, LONG)
        .await
        .expect_err("it panics again");
    a.done(&to).await;
    assert_eq!(end.await.expect("no panic").expect("told").code(), Code::Panicked);
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn each_way_that_an_ask_fails_has_its_code() {
    let a = node("a");
    let to = a.spawn("worker", worker, Options::default()).expect("spawned");
    let nobody = "ab:///nobody".parse().expect("valid");
    let error = a
        .ask::<EchoReply, _>(&nobody, &GetCount {}, LONG)
        .await
        .expect_err("nobody");
    assert_eq!((error.code(), error.effect()), (Code::NoSuchActor, Effect::None));
    let fail = FailNow {
        code: "UNKNOWN_SKU".into(),
        message: "A1".into(),
    };
    let error = a.ask::<EchoReply, _>(&to, &fail, LONG).await.expect_err("fails");
    assert_eq!(error.code(), Code::HandlerError);
    assert_eq!(error.user().map(|u| u.code.as_str()), Some("UNKNOWN_SKU"));
    let error = a
        .ask::<EchoReply, _>(&to, &TooNew::default(), LONG)
        .await
        .expect_err("too new");
    assert_eq!(error.code(), Code::UnsupportedType);
    let error = a
        .ask::<EchoReply, _>(&to, &Hold::default(), SECOND / 20)
        .await
        .expect_err("too slow");
    assert_eq!((error.code(), error.effect()), (Code::OutcomeUnknown, Effect::Maybe));
    eventually("the late reply", || a.dead_letter_counts().contains_key("LATE_REPLY")).await;
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn an_ask_cycle_is_refused_at_once() {
    let a = node("a");
    let to = a.spawn("worker", worker, Options::default()).expect("spawned");
    let ask = AskThrough {
        target: to.to_string(),
        text: "x".into(),
        ..Default::default()
    };
    let error = a.ask::<EchoReply, _>(&to, &ask, LONG).await.expect_err("a cycle");
    assert_eq!(error.user().map(|u| u.code.as_str()), Some("DEADLOCK"));
    a.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn a_full_mailbox_gives_the_message_back() {
    let a = node("a");
    let to = a
        .spawn(
            "worker",
            worker,
            Options {
                mailbox: 2,
                ..Options::default()
            },
        )
        .expect("spawned");
    a.tell(&to, &Hold::default()).await.expect("room for one");
    a.tell(&to, &Hold::default()).await.expect("room for two");
    let (error, back) = a.try_tell(&to, Add { by: 7, n: 7 }).expect_err("no room for three");
    assert_eq!((error.code(), back.by), (Code::MailboxFull, 7));
    a.stop(&to, SECOND / 20).await.expect("the token ends the handler");
    assert!(
        a.dead_letter_counts().contains_key("CODE_STOPPED"),
        "what was left is a dead letter"
    );
    a.shutdown(SECOND).await.expect("everything ends");
}

#[test]
fn a_node_with_its_own_runtime_leaves_no_thread_behind() {
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
        let names = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok());
        names.filter(|n| n.starts_with("actorbridge-")).count()
    };
    let a = actorbridge::Node::builder("own").start().expect("starts");
    let outside = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    outside.block_on(async {
        let to = a.spawn("worker", worker, Options::default()).expect("spawned");
        let count: Count = a.ask(&to, &GetCount {}, LONG).await.expect("answered");
        assert_eq!(count.handled, 0);
        assert!(threads() > 0, "the answer came from the node's own threads");
        a.shutdown(SECOND).await.expect("everything ends");
        eventually("the end of the threads", || threads() == 0).await;
    });
}
