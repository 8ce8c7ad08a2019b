//! The actor: a tally with a mailbox.

use actorbridge::{Actor, Cx, Fault, Message, State};

use crate::flights::{Departure, GetReport};
use crate::tally::{Refusal, Tally};

const LANGUAGE: &str = "rust";

/// Counts each [`Departure`] it is told, and answers [`GetReport`] with a page of what it counted. The actor of the same
/// address in Go (`examples/handover/carriers`) does the same, and each continues from the other's snapshot.
pub struct Carriers(Tally);

impl Default for Carriers {
    fn default() -> Self {
        Self(Tally::new(LANGUAGE))
    }
}

impl Actor for Carriers {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<Departure>() {
            return Ok(self.0.add(&message.decode()?)?);
        }
        let request: GetReport = message.decode()?;
        cx.reply(&self.0.page(request.after.as_deref()))
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&self.0.snapshot()))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        self.0 = Tally::restore(state.decode()?, LANGUAGE)?;
        Ok(())
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::TooManyCarriers => "TOO_MANY_CARRIERS",
            Refusal::ForeignState => "FOREIGN_STATE",
        };
        Self::app(code).message(refusal.to_string())
    }
}
