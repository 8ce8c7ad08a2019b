//! Wakes the task that writes a link, or that a connection is of.

use std::sync::Mutex;
use std::task::Waker;

/// A place for one waker. `tokio` and `futures` have the same thing without a lock; this one is rung once a packet, or less.
#[derive(Debug, Default)]
pub(super) struct Doorbell(Mutex<Option<Waker>>);

impl Doorbell {
    pub(super) fn register(&self, waker: &Waker) {
        let mut slot = self.0.lock().unwrap_or_else(|e| e.into_inner());
        match slot.as_mut() {
            Some(old) => old.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    pub(super) fn ring(&self) {
        let waker = self.0.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
