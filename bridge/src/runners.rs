//! The tasks that activations run in. One whose activation has ended waits for another, so that an activation takes no memory of its
//! own: a task's is large and aligned, and between the small pieces of actors that stay, it leaves holes which allocators hardly fill.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::activation;
use crate::cell::Cell;
use crate::node::{Inner, lock};

/// How many tasks of a node wait for an activation, at most.
const IDLE: usize = 64;

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
}

impl Runners {
    /// Runs an activation of an actor.
    pub(crate) fn run(&self, cell: &Arc<Cell>, node: &Arc<Inner>) {
        let due = (cell.clone(), node.clone());
        let runner = lock(&self.0).runners.pop();
        match runner {
            Some(runner) => wake(&runner, |runner| runner.next = Some(due)),
            None => {
                node.tasks.spawn_on(run_all(self.0.clone(), due), &node.handle);
            }
        }
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

fn wake(runner: &Mutex<Runner>, tell: impl FnOnce(&mut Runner)) {
    let mut runner = lock(runner);
    tell(&mut runner);
    let waker = runner.waker.take();
    drop(runner);
    waker.into_iter().for_each(Waker::wake);
}

/// Runs an activation, and those that it is given while it waits.
async fn run_all(waiting: Arc<Mutex<Waiting>>, first: Due) {
    let runner = Arc::<Mutex<Runner>>::default();
    let mut due = Some(first);
    while let Some((cell, node)) = due {
        activation::run(cell, node).await;
        {
            let mut waiting = lock(&waiting);
            if waiting.over || waiting.runners.len() >= IDLE {
                return;
            }
            waiting.runners.push(runner.clone());
        }
        due = std::future::poll_fn(|cx| {
            let mut runner = lock(&runner);
            if runner.next.is_some() || runner.over {
                return Poll::Ready(runner.next.take());
            }
            runner.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
