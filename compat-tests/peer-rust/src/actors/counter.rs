//! State that moves: a count and an order-sensitive digest.

use actorbridge::{Actor, Cx, Fault, Message, State};

use crate::testpb::{Add, Count, FailNow, GetCount, PanicNow};

const DIGEST: (u64, u64) = (14_695_981_039_346_656_037, 1_099_511_628_211);

/// Counts and digests each Add; panics and fails when it is told to.
pub struct Counter(Count);

impl Default for Counter {
    fn default() -> Self {
        Self(Count {
            digest: DIGEST.0,
            language: "rust".into(),
            ..Count::default()
        })
    }
}

impl Counter {
    pub(super) fn handle(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Add>() {
            let add: Add = message.decode()?;
            self.0.total += add.by;
            self.0.handled += 1;
            self.0.digest = self.0.digest.wrapping_mul(DIGEST.1).wrapping_add(add.n);
            return if message.correlation() == 0 {
                Ok(())
            } else {
                cx.reply(&self.0)
            };
        }
        if message.is::<GetCount>() {
            message.decode::<GetCount>()?;
            return cx.reply(&self.0);
        }
        if message.is::<PanicNow>() {
            let text = message.decode::<PanicNow>()?.text;
            std::panic::panic_any(format!("planned: {text}"));
        }
        if message.is::<FailNow>() {
            let fail: FailNow = message.decode()?;
            return Err(Fault::app(fail.code).message(fail.message));
        }
        Err(Fault::unsupported(message.type_name()))
    }
}

impl Actor for Counter {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        self.handle(cx, message)
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&self.0))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        self.0 = Count {
            language: "rust".into(),
            ..state.decode()?
        };
        Ok(())
    }
}

/// A counter that has a state to show, and refuses every state that it is given.
#[derive(Default)]
pub struct BadRestore(Counter);

impl Actor for BadRestore {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        self.0.handle(cx, message)
    }

    fn snapshot(&self) -> Option<State> {
        self.0.snapshot()
    }

    fn restore(&mut self, _: &State) -> Result<(), Fault> {
        Err(Fault::app("BAD_RESTORE").message("planned: this actor refuses every state"))
    }
}
