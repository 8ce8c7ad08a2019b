//! The tasks that activations run in. One whose activation has ended waits for another, so that an activation takes no memory of its
//! own: a task's is large and aligned, and between the small pieces of actors that stay, it leaves holes which allocators hardly fill.
//!
//! Who brings messages to actors in a task of its own may run the last activation there: see [`Hands`].

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::activation;
use crate::cell::Cell;
use crate::node::{Inner, lock};

/// How many tasks of a node wait for an activation, at most.
const IDLE: usize = 64;
/// How many activations are left to others once one was found to wait.
const LEFT_TO_OTHERS: u32 = 31;

/// An activation that has not begun.
type Due = (Arc<Cell>, Arc<Inner>);

/// The tasks of a node that wait.
#[derive(Default)]
pub(crate) struct Runners(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    runners: Vec<Arc<Mutex<Runner>>>,
    /// None waits any more.
    over: bool,
}

/// A task that waits.
#[derive(Default)]
struct Runner {
    next: Option<Due>,
    waker: Option<Waker>,
    over: bool,
    /// It belongs to [`Hands`], which say what is next.
    held: bool,
    /// It belongs to hands, and has nothing to do.
    rests: bool,
}

/// What this thread does with activations that become due on it.
#[derive(Default)]
struct Thread {
    /// The last one is kept, for who brought its messages.
    keeps: bool,
    kept: Option<Due>,
    /// Counts those that were given to other tasks.
    given: usize,
}

thread_local! {
    static THREAD: RefCell<Thread> = RefCell::default();
}

impl Runners {
    /// Runs an activation of an actor.
    pub(crate) fn run(&self, cell: &Arc<Cell>, node: &Arc<Inner>) {
        let due = (cell.clone(), node.clone());
        let other = THREAD.with_borrow_mut(|thread| match thread.keeps {
            true => thread.kept.replace(due),
            false => Some(due),
        });
        other.into_iter().for_each(give);
    }

    /// How many wait.
    pub(crate) fn idle(&self) -> usize {
        lock(&self.0).runners.len()
    }

    /// Ends those that wait, and those that would.
    pub(crate) fn end(&self) {
        let mut waiting = lock(&self.0);
        waiting.over = true;
        let runners = std::mem::take(&mut waiting.runners);
        drop(waiting);
        runners
            .iter()
            .for_each(|runner| wake(runner, |runner| runner.over = true));
    }
}

impl Drop for Runners {
    fn drop(&mut self) {
        self.end();
    }
}

/// Has a task run an activation.
fn give(due: Due) {
    THREAD.with_borrow_mut(|thread| thread.given += 1);
    let node = due.1.clone();
    let runner = lock(&node.runners.0).runners.pop();
    match runner {
        Some(runner) => wake(&runner, |runner| runner.next = Some(due)),
        None => {
            let next = Some(due);
            let runner = Runner {
                next,
                ..Runner::default()
            };
            node.tasks.spawn_on(run_all(Arc::new(Mutex::new(runner))), &node.handle);
        }
    }
}

fn wake(runner: &Mutex<Runner>, tell: impl FnOnce(&mut Runner)) {
    let mut runner = lock(runner);
    tell(&mut runner);
    let waker = runner.waker.take();
    drop(runner);
    waker.into_iter().for_each(Waker::wake);
}

/// Runs the activation that it is given, and those that it is given while it waits.
async fn run_all(runner: Arc<Mutex<Runner>>) {
    while let Some((cell, node)) = next(&runner).await {
        let waiting = node.runners.0.clone();
        activation::run(cell, node).await;
        let mut held = lock(&runner);
        held.rests = held.held;
        if held.held {
            continue;
        }
        drop(held);
        let mut waiting = lock(&waiting);
        if waiting.over || waiting.runners.len() >= IDLE {
            return;
        }
        waiting.runners.push(runner.clone());
    }
}

async fn next(runner: &Mutex<Runner>) -> Option<Due> {
    std::future::poll_fn(|cx| {
        let mut runner = lock(runner);
        if runner.next.is_some() || runner.over {
            return Poll::Ready(runner.next.take());
        }
        // Hands poll it when they have something for it.
        if !runner.held {
            runner.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    })
    .await
}

/// For a task that brings messages to actors: it runs the last actor that it woke itself, which saves waking another task, and the
/// worker that may be woken with it. An activation that begins to wait goes on in a task of its own.
pub struct Hands {
    runner: Arc<Mutex<Runner>>,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    left_to_others: u32,
}

impl Default for Hands {
    fn default() -> Self {
        let runner = Runner {
            held: true,
            ..Runner::default()
        };
        let runner = Arc::new(Mutex::new(runner));
        Self {
            work: Box::pin(run_all(runner.clone())),
            runner,
            left_to_others: 0,
        }
    }
}

impl Hands {
    /// Calls `bring`, which brings messages to actors, and lets the actors handle them: what `bring` returns. A handler that blocks
    /// holds it up.
    pub async fn bring<T>(&mut self, bring: impl FnOnce() -> T) -> T {
        let (brought, due) = match self.left_to_others {
            0 => keeping(bring),
            _ => (bring(), None),
        };
        let Some((cell, node)) = due else {
            self.left_to_others = self.left_to_others.saturating_sub(1);
            tokio::task::yield_now().await;
            return brought;
        };
        let given = given();
        self.run((cell, node)).await;
        match given == self::given() {
            true => tokio::task::consume_budget().await,
            false => tokio::task::yield_now().await,
        }
        brought
    }

    async fn run(&mut self, due: Due) {
        let node = due.1.clone();
        let _running = node.tasks.token();
        {
            let mut runner = lock(&self.runner);
            (runner.next, runner.rests) = (Some(due), false);
        }
        let rests = std::future::poll_fn(|cx| {
            let _ = self.work.as_mut().poll(cx);
            let mut runner = lock(&self.runner);
            runner.held = runner.rests;
            Poll::Ready(runner.rests)
        })
        .await;
        if !rests {
            let waits = std::mem::take(self);
            node.tasks.spawn_on(waits.work, &node.handle);
            self.left_to_others = LEFT_TO_OTHERS;
        }
    }
}

/// Keeps the last activation that becomes due on this thread in a call.
fn keeping<T>(call: impl FnOnce() -> T) -> (T, Option<Due>) {
    struct Keeps;
    impl Drop for Keeps {
        // After a panic, others run what was kept.
        fn drop(&mut self) {
            end().into_iter().for_each(give);
        }
    }
    fn end() -> Option<Due> {
        THREAD.with_borrow_mut(|thread| {
            thread.keeps = false;
            thread.kept.take()
        })
    }
    THREAD.with_borrow_mut(|thread| thread.keeps = true);
    let keeps = Keeps;
    let brought = call();
    let due = end();
    drop(keeps);
    (brought, due)
}

fn given() -> usize {
    THREAD.with_borrow(|thread| thread.given)
}
