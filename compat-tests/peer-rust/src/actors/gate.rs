//! Handlers that wait until they are let go, and what one can know of them. Gates belong to the process, not to an actor,
//! so that they can be opened while the actor's mailbox waits.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use actorbridge::{Actor, Cx, Fault, Message, State};
use tokio::sync::watch;

use super::counter::Counter;
use crate::testpb::{self, GetGate, GetStops, Held, Lines, Release};

pub(super) struct Key {
    pub(super) counts: testpb::Gate,
    open: watch::Sender<bool>,
}

static KEYS: LazyLock<Mutex<HashMap<String, Key>>> = LazyLock::new(Mutex::default);
static STOPS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn with<T>(key: &str, use_it: impl FnOnce(&mut Key) -> T) -> T {
    let mut keys = lock(&KEYS);
    let fresh = || Key {
        counts: testpb::Gate::default(),
        open: watch::Sender::new(false),
    };
    use_it(keys.entry(key.to_owned()).or_insert_with(fresh))
}

/// Remembers that an actor's stop hook ran.
pub fn note_stop(path: &str) {
    lock(&STOPS).push(path.to_owned());
}

/// Opens gates, and tells what came to them. Once a node, at `gate`.
pub struct Gate;

impl Actor for Gate {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Release>() {
            let key = message.decode::<Release>()?.key;
            let counts = with(&key, |k| {
                k.open.send_replace(true);
                k.counts
            });
            return cx.reply(&counts);
        }
        if message.is::<GetStops>() {
            let prefix = message.decode::<GetStops>()?.prefix;
            let line = lock(&STOPS)
                .iter()
                .filter(|p| p.starts_with(&prefix))
                .cloned()
                .collect();
            return cx.reply(&Lines { line });
        }
        let key = message.decode::<GetGate>()?.key;
        cx.reply(&with(&key, |k| k.counts))
    }
}

/// Waits at the gate of each Hold's key; is a counter for everything else.
#[derive(Default)]
pub struct Hold(Counter);

impl Actor for Hold {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if !message.is::<testpb::Hold>() {
            return self.0.handle(cx, message);
        }
        let testpb::Hold { key, stubborn } = message.decode()?;
        let mut open = with(&key, |k| {
            k.counts.entered += 1;
            k.open.subscribe()
        });
        let cancelled = tokio::select! {
            _ = open.wait_for(|open| *open) => false,
            () = cx.cancelled() => true,
        };
        with(&key, |k| match cancelled {
            true => k.counts.cancelled += 1,
            false => k.counts.released += 1,
        });
        if stubborn {
            // The key keeps the sender for ever, so that this ends with the release.
            let _ = open.wait_for(|open| *open).await;
        }
        match message.correlation() {
            0 => Ok(()),
            _ => cx.reply(&Held { cancelled }),
        }
    }

    fn snapshot(&self) -> Option<State> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        self.0.restore(state)
    }
}
