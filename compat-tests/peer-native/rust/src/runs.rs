//! Raw messages in bursts, and an actor that does in the middle of them what a message says. What was handled is noted beside the
//! actors, so that a panic or a stop takes none of it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use actorbridge::{Actor, Cx, Fault, Message, RawType, Ref, State};
use compat_peer::testpb::Count;
use tokio::sync::Semaphore;

/// A message of a burst: what to do, who sends it, and its number. 9 bytes.
static STEP: RawType = RawType::new("runs.v1.Step");
/// Asks for what the actor at a path has handled, from an entry on.
static LOG: RawType = RawType::new("runs.v1.Log");
/// Lets one who waits at a path go.
static OPEN: RawType = RawType::new("runs.v1.Open");
/// Asks how many have begun to wait at a path.
static ENTERED: RawType = RawType::new("runs.v1.Entered");
/// Asks how many dead letters of a code the node has.
static DEAD: RawType = RawType::new("runs.v1.Dead");
/// Asks for a burst.
static BURST: RawType = RawType::new("runs.v1.Burst");

const PANIC: u8 = 1;
const WAIT: u8 = 2;
const BLOCK: u8 = 3;
const STEP_BYTES: usize = 9;
/// Bytes of an entry of a log, and most of them in an answer.
const ENTRY: usize = 12;
const PAGE: usize = 4096 * ENTRY;
/// Messages that one call tells.
const CHUNK: usize = 50;

/// What is known of an actor at a path.
#[derive(Default)]
pub(crate) struct Desk {
    log: Mutex<Vec<u8>>,
    entered: Mutex<u32>,
    gate: Gate,
}

/// Lets as many go as it was told to, whether they await it or block their threads.
struct Gate {
    awaited: Semaphore,
    blocked: Mutex<u32>,
    opened: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            awaited: Semaphore::new(0),
            blocked: Mutex::new(0),
            opened: Condvar::new(),
        }
    }
}

impl Desk {
    /// Somebody begins to wait here.
    pub(crate) fn enter(&self) {
        *lock(&self.entered) += 1;
    }

    /// Waits at the gate, and blocks the thread.
    pub(crate) fn block(&self) {
        self.enter();
        let gate = lock(&self.gate.blocked);
        let opened = &self.gate.opened;
        let mut open = opened
            .wait_while(gate, |open| *open == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *open -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn desk(path: &str) -> Arc<Desk> {
    static DESKS: LazyLock<Mutex<HashMap<String, Arc<Desk>>>> = LazyLock::new(Mutex::default);
    lock(&DESKS).entry(path.to_owned()).or_default().clone()
}

pub(crate) fn word(bytes: &[u8]) -> Result<u32, Fault> {
    let word = bytes.first_chunk().copied().map(u32::from_le_bytes);
    word.ok_or_else(|| Fault::app("SHORT").message("fewer bytes than a number has"))
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|e| Fault::app("NOT_TEXT").message(e.to_string()))
}

/// Handles steps. Its count travels with it when it moves.
pub(crate) struct Steps {
    handled: u32,
    desk: Option<Arc<Desk>>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { handled: 0, desk: None }
    }
}

impl Actor for Steps {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let step = message.raw(&STEP)?;
        let desk = self.desk.get_or_insert_with(|| desk(cx.self_ref().path())).clone();
        let (Some(&what), who, number) = (
            step.first(),
            word(step.get(1..).unwrap_or_default())?,
            word(step.get(5..).unwrap_or_default())?,
        ) else {
            return Err(Fault::app("EMPTY"));
        };
        match what {
            PANIC => std::panic::panic_any(format!("planned: at step {number}")),
            WAIT => {
                desk.enter();
                desk.gate.awaited.acquire().await.expect("never closed").forget();
            }
            BLOCK => desk.block(),
            _ => {}
        }
        let entry = [self.handled, who, number].map(u32::to_le_bytes).concat();
        lock(&desk.log).extend_from_slice(&entry);
        self.handled += 1;
        match message.is_ask() {
            true => cx.reply_raw(&STEP, &entry),
            false => Ok(()),
        }
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&Count {
            handled: self.handled.into(),
            ..Count::default()
        }))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        let handled = state.decode::<Count>()?.handled;
        self.handled = u32::try_from(handled).map_err(|e| Fault::app("TOO_MANY").message(e.to_string()))?;
        Ok(())
    }
}

/// Says what the actors at paths have handled, and opens their gates.
pub(crate) struct Clerk;

impl Actor for Clerk {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if let Ok(path) = message.raw(&OPEN) {
            let desk = desk(text(path)?);
            match message.payload_bytes().ends_with(b"/block") {
                true => {
                    *lock(&desk.gate.blocked) += 1;
                    desk.gate.opened.notify_all();
                }
                false => desk.gate.awaited.add_permits(1),
            }
            return cx.reply_raw(&OPEN, &[]);
        }
        if let Ok(path) = message.raw(&ENTERED) {
            let entered = *lock(&desk(text(path)?).entered);
            return cx.reply_raw(&ENTERED, &entered.to_le_bytes());
        }
        if let Ok(code) = message.raw(&DEAD) {
            let counts = cx.node().dead_letter_counts();
            let count = counts.get(text(code)?).copied().unwrap_or_default();
            return cx.reply_raw(&DEAD, &count.to_le_bytes());
        }
        let asked = message.raw(&LOG)?;
        let (from, desk) = (
            word(asked)? as usize * ENTRY,
            desk(text(asked.get(4..).unwrap_or_default())?),
        );
        let log = lock(&desk.log);
        let from = from.min(log.len());
        cx.reply_raw(&LOG, &log[from..log.len().min(from + PAGE)])
    }
}

/// Tells bursts. A question: how (1 byte), who it is (4), the first number (4), the last one (4), and to whom; the answer says how
/// many were told.
pub(crate) struct Bursts;

/// How a burst is told.
const ONE_BY_ONE: u8 = 0;
const IN_CHUNKS: u8 = 1;

impl Actor for Bursts {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let burst = message.raw(&BURST)?;
        let how = *burst.first().ok_or_else(|| Fault::app("EMPTY"))?;
        let [who, first, last] = [1, 5, 9].map(|at| word(burst.get(at..).unwrap_or_default()));
        let (who, numbers) = (who?, first?..=last?);
        let to: Ref = text(burst.get(13..).unwrap_or_default())?.parse()?;
        let steps: Vec<_> = numbers.map(|number| step(who, number)).collect();
        let mut told = steps.len();
        match how {
            ONE_BY_ONE => {
                for step in &steps {
                    cx.node().tell_raw(&to, &STEP, step).await?;
                }
            }
            IN_CHUNKS => {
                for chunk in steps.chunks(CHUNK) {
                    let chunk: Vec<&[u8]> = chunk.iter().map(|s| &s[..]).collect();
                    let all = cx.node().tell_raw_all(&to, &STEP, &chunk).await;
                    all.map_err(|(_, error)| error)?;
                }
            }
            // As an actor: what its outbox takes now.
            _ => {
                let staged = steps.iter().take_while(|s| cx.tell_raw(&to, &STEP, &s[..]).is_ok());
                told = staged.count();
            }
        }
        let told = u32::try_from(told).unwrap_or(u32::MAX);
        cx.reply_raw(&BURST, &told.to_le_bytes())
    }
}

fn step(who: u32, number: u32) -> [u8; STEP_BYTES] {
    let mut step = [0; STEP_BYTES];
    step[1..5].copy_from_slice(&who.to_le_bytes());
    step[5..].copy_from_slice(&number.to_le_bytes());
    step
}
