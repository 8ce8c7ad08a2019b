//! An actor whose asks may be handled on their askers' threads. Its answers say on whose they were.

use std::time::{Duration, Instant};

use actorbridge::{Actor, Cx, Fault, Message, Protocol, RawType, Ref, State};
use compat_peer::testpb::{Count, TooNew};

use crate::runs::{desk, text, word};

/// Asks for an answer: what to do before it (1 byte), and the bytes that it is to have (4), at least `ANSWER`. What follows is whom to
/// ask, or nothing that counts.
static DO: RawType = RawType::new("inline.v1.Do");

const BLOCK: u8 = 1;
const ASK: u8 = 2;
const POLL: u8 = 3;
/// Bytes of an answer: on whose thread it was given, and how many messages were handled.
const ANSWER: usize = 5;
const WITHIN: Duration = Duration::from_secs(30);
/// How long a handler waits to be told by its token: less than an ask has that says nothing of its time.
const TOLD: Duration = Duration::from_secs(4);

/// Where a handler runs: a node's threads have names that begin so.
fn is_nodes_thread() -> bool {
    let thread = std::thread::current();
    thread.name().is_some_and(|name| name.starts_with("actorbridge"))
}

/// Works until its token trips.
fn poll(cx: &Cx) -> Result<(), Fault> {
    desk(cx.self_ref().path()).enter();
    let until = Instant::now() + TOLD;
    while !cx.token().is_cancelled() {
        if Instant::now() > until {
            return Err(Fault::app("NOT_TOLD").message("its token did not trip"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Counts what it handles.
#[derive(Default)]
pub(crate) struct Inline {
    handled: u32,
}

impl Inline {
    fn answer(&self, bytes: u32) -> Vec<u8> {
        let mut answer = vec![u8::from(is_nodes_thread())];
        answer.extend_from_slice(&self.handled.to_le_bytes());
        answer.resize(ANSWER.max(bytes as usize), 0);
        answer
    }
}

impl Actor for Inline {
    const PROTOCOL: Protocol = Protocol {
        inline: &["inline.v1.Do", "actorbridge.test.v1.TooNew"],
        ..Protocol::NONE
    };

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        self.handled += 1;
        if message.is::<TooNew>() {
            return cx.reply(&Count {
                handled: self.handled.into(),
                total: is_nodes_thread().into(),
                ..Count::default()
            });
        }
        let asked = message.raw(&DO)?;
        match asked.first() {
            Some(&BLOCK) => desk(cx.self_ref().path()).block(),
            Some(&POLL) => poll(cx)?,
            Some(&ASK) => {
                let to: Ref = text(asked.get(ANSWER..).unwrap_or_default())?.parse()?;
                cx.ask::<Count, _>(&to, &TooNew::default(), WITHIN).await?;
            }
            _ => {}
        }
        let bytes = word(asked.get(1..).unwrap_or_default())?;
        cx.reply_raw(&DO, &self.answer(bytes))
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
