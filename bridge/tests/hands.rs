//! Who brings messages to actors and runs them too.

use crate::common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use actorbridge::door::Hands;
use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Ref};
use actorbridge_test::end;
use common::test::Add;
use common::{eventually, node};
use tokio::sync::Semaphore;

/// Counts what it has handled. It waits for a permit for each message of another number than 0.
#[derive(Clone)]
struct Counter {
    handled: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
}

impl Actor for Counter {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        if message.decode::<Add>()?.n > 0 {
            self.permits.acquire().await.expect("never closed").forget();
        }
        self.handled.fetch_add(1, SeqCst);
        Ok(())
    }
}

/// An actor that has been started by its first message.
async fn counter(node: &Node, name: &str) -> (Ref, Counter) {
    let counter = Counter {
        handled: Arc::default(),
        permits: Arc::new(Semaphore::new(0)),
    };
    let made = counter.clone();
    let to = node
        .spawn(name, move || made.clone(), Options::default())
        .expect("spawned");
    tell(node, &to, 0);
    eventually("its start", || counter.handled.swap(0, SeqCst) == 1).await;
    (to, counter)
}

fn tell(node: &Node, to: &Ref, n: u64) {
    node.try_tell(to, Add { by: 1, n })
        .map_err(|(error, _)| error)
        .expect("there is room");
}

#[tokio::test]
async fn the_actor_has_handled_what_was_brought_before_anything_else_runs() {
    let node = node("a");
    let (to, counter) = counter(&node, "counter").await;
    let mut hands = Hands::default();
    for round in 1..=100 {
        let brought = pin!(hands.bring(|| {
            tell(&node, &to, 0);
            tell(&node, &to, 0);
            "brought"
        }));
        // Once polled, and no other task is.
        let polled = brought.poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready("brought"));
        assert_eq!(counter.handled.load(SeqCst), 2 * round);
        tokio::task::yield_now().await;
    }
    end([node.clone()]).await;
}

#[tokio::test]
async fn an_actor_that_waits_goes_on_by_itself_and_holds_up_nobody() {
    let node = node("a");
    let (waits, waiting) = counter(&node, "waits").await;
    let (to, other) = counter(&node, "other").await;
    let mut hands = Hands::default();
    hands.bring(|| tell(&node, &waits, 1)).await;
    for round in 1..=100 {
        hands.bring(|| tell(&node, &to, 0)).await;
        eventually("the other actor's turn", || other.handled.load(SeqCst) == round).await;
    }
    assert_eq!(waiting.handled.load(SeqCst), 0);
    waiting.permits.add_permits(2);
    hands.bring(|| tell(&node, &waits, 1)).await;
    eventually("the end of its wait", || waiting.handled.load(SeqCst) == 2).await;
    drop(hands);
    end([node.clone()]).await;
}

#[tokio::test]
async fn of_several_actors_each_handles_what_is_brought_to_it_and_also_after_a_panic() {
    let node = node("a");
    let mut actors = Vec::new();
    for i in 0..10 {
        actors.push(counter(&node, &format!("counter/{i}")).await);
    }
    let tell_all = || actors.iter().for_each(|(to, _)| tell(&node, to, 0));
    let all = |n| actors.iter().all(|(_, counter)| counter.handled.load(SeqCst) == n);
    let mut hands = Hands::default();
    hands.bring(tell_all).await;
    eventually("all of them", || all(1)).await;
    let panics = pin!(hands.bring(|| {
        tell_all();
        panic!("somebody brings no more");
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let polled: Result<Poll<()>, _> = catch_unwind(AssertUnwindSafe(|| panics.poll(&mut cx)));
    assert!(polled.is_err());
    eventually("all of them again", || all(2)).await;
    end([node.clone()]).await;
}
