//! Actors of one node.

use crate::common;

use std::sync::{Arc, Mutex};

use actorbridge::proto::v1::{ActorPanic, Code, Effect, Phase, StatusRequest};
use actorbridge::{Actor, Cx, Fault, Message, Options, Ref};
use actorbridge_test::{Probe, end};
use common::test::{Add, AskThrough, Count, EchoReply, EchoRequest, FailNow, GetCount, Held, Hold, PanicNow, TooNew};
use common::{LONG, SECOND, digest, eventually, node, pair, worker};
use tokio::sync::Semaphore;

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
async fn an_actor_that_panicked_too_often_has_stopped_and_the_error_says_after_how_many_panics() {
    let (a, b) = pair().await;
    let options = Options {
        max_restarts: 1,
        ..Options::default()
    };
    let to = b.spawn("worker", worker, options).expect("spawned");
    for _ in 0..2 {
        let panicked = b
            .ask::<EchoReply, _>(&to, &PanicNow { text: "boom".into() }, LONG)
            .await;
        assert_eq!(panicked.expect_err("it panics").code(), Code::Panicked);
    }
    b.done(&to).await;
    let pinned = "ab://b/worker".parse().expect("valid");
    for (node, to) in [(&b, &to), (&a, &pinned)] {
        let error = node.ask::<Count, _>(to, &GetCount {}, LONG).await.expect_err("stopped");
        let why = (error.code(), error.detail());
        assert_eq!(why, (Code::Stopped, "it stopped after 2 panics in 60s: boom"));
    }
    b.spawn("worker", worker, options).expect("spawned anew");
    b.ask::<Count, _>(&to, &GetCount {}, LONG).await.expect("answered");
    b.stop(&to, SECOND).await.expect("it stops");
    let error = b.tell(&to, &GetCount {}).await.expect_err("stopped by hand");
    assert_eq!(error.code(), Code::NoSuchActor);
    end([a, b]).await;
}

#[tokio::test]
async fn every_call_of_a_node_that_has_been_shut_down_says_that_it_has() {
    let (a, b) = pair().await;
    let to = a.spawn("worker", worker, Options::default()).expect("spawned");
    a.ask::<Count, _>(&to, &GetCount {}, LONG).await.expect("answered");
    a.shutdown(SECOND).await.expect("everything ends");
    let elsewhere = "ab://b/worker".parse().expect("valid");
    for error in [
        a.tell(&to, &GetCount {}).await.expect_err("stopped"),
        a.tell(&elsewhere, &GetCount {}).await.expect_err("stopped"),
        a.try_tell(&to, GetCount {}).expect_err("stopped").0,
        a.ask::<Count, _>(&to, &GetCount {}, LONG).await.expect_err("stopped"),
        a.spawn("late", worker, Options::default()).expect_err("stopped"),
        a.stop(&to, SECOND).await.expect_err("stopped"),
    ] {
        let want = "the node is stopping or has stopped (STOPPED): node a has been shut down; start a new node";
        assert!(error.to_string().ends_with(want), "{error}");
    }
    end([b]).await;
}

/// Has a child that panics when it is told to, and passes on what it is told of that.
struct Parent(Ref);

impl Actor for Parent {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<PanicNow>() {
            let child = cx.spawn("child", worker, Options::default())?;
            return Ok(cx.tell(&child, &message.decode::<PanicNow>()?)?);
        }
        Ok(cx.tell(&self.0, &message.decode::<ActorPanic>()?)?)
    }
}

#[tokio::test]
async fn the_log_and_the_parent_are_told_in_which_file_and_line_an_actor_panicked() {
    let a = node("a");
    let mut probe = Probe::new(&a);
    let notices = probe.address().clone();
    let make = move || Parent(notices.clone());
    let to = a.spawn("parent", make, Options::default()).expect("spawned");
    a.tell(&to, &PanicNow { text: "boom".into() }).await.expect("sent");
    let told: ActorPanic = probe.expect().await;
    assert_eq!((&*told.actor, &*told.reason), ("ab:///parent/child", "boom"));
    assert!(
        told.stack.starts_with("at ") && told.stack.contains("common/mod.rs:"),
        "the stack is {:?}",
        told.stack
    );
    let (lines, _) = a.logs(100);
    let line = lines.iter().find(|line| line.actor == "ab:///parent/child");
    let line = &line.expect("a line of the child").message;
    let start = "the actor panicked: boom; it is made anew; at ";
    assert!(line.starts_with(start) && line.contains("common/mod.rs:"), "{line}");
    end([a]).await;
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
    assert_eq!(error.user().map(|u| u.code()), Some("UNKNOWN_SKU"));
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

/// The node's clock and the callers' timers find the end together, by little or by much: a busy machine runs nobody for long.
#[tokio::test(start_paused = true)]
async fn asks_whose_time_is_over_say_so_and_nothing_else_whoever_finds_it_first() {
    for late in [SECOND, LONG * 10] {
        let a = node("a");
        let mut probe = Probe::new(&a);
        let busy = a.spawn("busy", worker, Options::default()).expect("spawned");
        a.tell(&busy, &Hold::default()).await.expect("told");
        let ask = |to: &Ref| {
            let (a, to) = (a.clone(), to.clone());
            tokio::spawn(async move { a.ask::<Count, _>(&to, &GetCount {}, SECOND / 10).await })
        };
        let (mut begun, mut waiting, mut unanswered) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..32 {
            begun.push(ask(probe.address()));
            unanswered.push(probe.expect_ask::<GetCount>().await);
            waiting.push(ask(&busy));
        }
        let mut events = a
            .subscribe(probe.address(), &GetCount {}, SECOND / 10)
            .await
            .expect("asked");
        unanswered.push(probe.expect_ask::<GetCount>().await);
        tokio::time::advance(late).await;
        for (asked, code, detail) in [
            (begun, Code::OutcomeUnknown, "no answer in time"),
            (waiting, Code::Expired, "it was still in the mailbox"),
        ] {
            for asked in asked {
                let error = asked.await.expect("no panic").expect_err("nobody answers");
                assert_eq!((error.code(), error.detail()), (code, detail));
            }
        }
        let error = events.next().await.expect_err("nobody answers");
        assert_eq!(error.detail(), "its time was over before its end");
        drop((events, unanswered));
        end([a]).await;
    }
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
    assert_eq!(error.user().map(|u| u.code()), Some("DEADLOCK"));
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

/// Handles a message for each permit, and notes what came.
struct Slow(Arc<Semaphore>, Arc<Mutex<Vec<u64>>>);

impl Actor for Slow {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        self.0.acquire().await.expect("open").forget();
        let mut came = self.1.lock().expect("no panic");
        if message.is::<GetCount>() {
            came.push(0);
            return cx.reply(&Count::default());
        }
        came.push(message.decode::<Add>()?.n);
        Ok(())
    }
}

/// Has a child that it tells of each `Add`, and panics at anything else.
struct Nurse(Arc<Semaphore>);

impl Actor for Nurse {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let add = message.decode::<Add>().expect("nothing else");
        let gate = self.0.clone();
        let child = cx.spawn("child", move || Slow(gate.clone(), Arc::default()), Options::default())?;
        Ok(cx.tell(&child, &add)?)
    }
}

#[tokio::test]
async fn a_message_whose_panic_stops_its_actor_counts_as_handled_too() {
    let a = node("a");
    let gate = Arc::new(Semaphore::new(0));
    let (make, never) = (
        {
            let gate = gate.clone();
            move || Nurse(gate.clone())
        },
        Options {
            max_restarts: 0,
            ..Options::default()
        },
    );
    let to = a.spawn("nurse", make, never).expect("spawned");
    a.tell(&to, &Add { by: 1, n: 1 }).await.expect("told");
    a.tell(&to, &Hold::default()).await.expect("told");
    // Its child keeps it from being gone.
    let shows = |phase, handled| {
        let actors = a.status(&StatusRequest::default()).fullest;
        let nurse = actors.iter().find(|actor| actor.path == "nurse");
        nurse.is_some_and(|nurse| (nurse.phase(), nurse.handled) == (phase, handled))
    };
    eventually("it stops, with both counted", || shows(Phase::Stopping, 2)).await;
    gate.add_permits(1);
    end([a]).await;
}

/// At `Hold` it tells the other five times; then it asks it, or panics beyond what its supervisor allows.
struct Teller(Ref, bool);

impl Actor for Teller {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Hold>() {
            for n in 1..=5 {
                cx.tell(&self.0, &Add { by: 1, n })?;
            }
            assert!(self.1, "as it was told");
            let _: Count = cx.ask(&self.0, &GetCount {}, LONG).await.expect("answered");
        }
        Ok(())
    }
}

async fn told_by_a_teller(asks: bool) -> Vec<u64> {
    let a = node("a");
    let (gate, came) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
    let make = {
        let (gate, came) = (gate.clone(), came.clone());
        move || Slow(gate.clone(), came.clone())
    };
    let small = Options {
        mailbox: 1,
        ..Options::default()
    };
    let slow = a.spawn("slow", make, small).expect("spawned");
    let never = Options {
        max_restarts: 0,
        ..Options::default()
    };
    let teller = a
        .spawn("teller", move || Teller(slow.clone(), asks), never)
        .expect("spawned");
    a.tell(&teller, &Hold::default()).await.expect("told");
    for _ in 0..20 {
        // It has other things to do while its messages wait for room. When it has stopped, nobody wants them.
        let _ = a.tell(&teller, &EchoRequest::default()).await;
        tokio::task::yield_now().await;
    }
    gate.add_permits(6);
    let all = if asks { 6 } else { 5 };
    eventually("all that was told", || came.lock().expect("no panic").len() == all).await;
    a.shutdown(SECOND).await.expect("everything ends");
    came.lock().expect("no panic").clone()
}

#[tokio::test]
async fn an_ask_waits_behind_what_its_actor_told_before_even_if_there_is_no_room() {
    assert_eq!(told_by_a_teller(true).await, [1, 2, 3, 4, 5, 0]);
}

#[tokio::test]
async fn what_an_actor_told_before_it_failed_for_good_is_sent() {
    assert_eq!(told_by_a_teller(false).await, [1, 2, 3, 4, 5]);
}

/// Tells, gives up an ask before it has left, and asks two actors at once.
struct Gatherer {
    to: [Ref; 2],
}

impl Actor for Gatherer {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let get = GetCount::default();
        let [first, second] = &self.to;
        cx.tell(first, &Add { by: 5, n: 1 })?;
        let hurried = cx.ask::<Count, _>(first, &get, LONG);
        tokio::select! {
            biased;
            answer = hurried => panic!("it cannot have been answered yet: {answer:?}"),
            () = std::future::ready(()) => {}
        }
        if message.is_ask() {
            let (one, other) = tokio::join!(
                cx.ask::<Count, _>(first, &get, LONG),
                cx.ask::<Count, _>(second, &get, LONG)
            );
            return cx.reply(&Count {
                total: one?.total + other?.total,
                ..Default::default()
            });
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_may_ask_several_at_once_and_an_ask_that_it_gives_up_costs_nothing_it_told_before() {
    let (a, b) = pair().await;
    let at_b = ["order/1", "order/2"].map(|path| b.spawn(path, worker, Options::default()).expect("spawned"));
    let gatherer = a
        .spawn("gatherer", move || Gatherer { to: at_b.clone() }, Options::default())
        .expect("spawned");
    let sum: Count = a.ask(&gatherer, &GetCount::default(), LONG).await.expect("both answer");
    assert_eq!(
        sum.total, 5,
        "what was told before the ask that was given up has come, once"
    );
}

/// Sets three timers when it is asked, of which one is replaced and one cancelled, and passes on what they send.
struct Clock(Ref);

impl Actor for Clock {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if !message.is_ask() {
            return Ok(cx.tell(&self.0, &message.decode::<Add>()?)?);
        }
        cx.timer("replaced", SECOND, &Add { by: 1, n: 0 })?;
        cx.timer("cancelled", SECOND, &Add { by: 2, n: 0 })?;
        cx.timer("replaced", SECOND * 60, &Add { by: 3, n: 0 })?;
        cx.cancel_timer("cancelled");
        cx.reply(&Held::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_sends_its_message_once_unless_it_is_cancelled_or_replaced() {
    let a = node("a");
    let mut probe = Probe::new(&a);
    let told = probe.address().clone();
    let clock = a.spawn("clock", move || Clock(told.clone()), Options::default());
    let _: Held = a
        .ask(&clock.expect("spawned"), &Hold::default(), LONG)
        .await
        .expect("answered");
    probe.expect_none_for(SECOND * 59).await;
    assert_eq!(probe.expect::<Add>().await.by, 3);
    probe.expect_none_for(SECOND * 3600).await;
    end([a]).await;
}

#[tokio::test]
async fn tasks_of_activations_are_used_again_and_end_with_their_node() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let node = node("a");
    let alone = node.tasks();
    for i in 0..500 {
        let to = node
            .spawn(&format!("worker/{i}"), worker, Default::default())
            .expect("spawned");
        node.tell(&to, &Add { by: 1, n: 1 }).await.expect("told");
    }
    eventually("actors that are idle", || node.tasks() <= alone).await;
    let kept = alive() - before;
    assert!(kept < 100, "{kept} tasks of 500 activations are left");
    drop(node); // without a shutdown
    eventually("the end of all", || alive() == before).await;
}
