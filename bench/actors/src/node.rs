//! Actors of a node that has no link.

use std::sync::Arc;
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, RawType, Ref};

use crate::Failed;
use crate::meter::{Left, System};

/// Is told.
static NOTE: RawType = RawType::new("bench.v1.RawNote");
/// Is asked, and comes back.
static ECHO: RawType = RawType::new("bench.v1.RawEcho");
const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Actors {
    node: Node,
}

impl Actors {
    /// On this runtime, as what it is compared with.
    pub(crate) fn start() -> Result<Self, Failed> {
        let runtime = tokio::runtime::Handle::current();
        let node = Node::builder("bench-rust").runtime(runtime).start()?;
        Ok(Self { node })
    }
}

struct Counter(Arc<Left>);

impl Actor for Counter {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.type_name() == NOTE.name() {
            self.0.took(message.raw(&NOTE)?);
            return Ok(());
        }
        cx.reply_raw(&ECHO, message.raw(&ECHO)?)
    }
}

impl System for Actors {
    type Actor = Ref;
    const HAS_BATCHES: bool = true;

    fn spawn(&self, number: u64, left: &Arc<Left>) -> Result<Ref, Failed> {
        let left = left.clone();
        let make = move || Counter(left.clone());
        Ok(self.node.spawn(&format!("bench/{number}"), make, Options::default())?)
    }

    async fn tell(&self, to: &Ref, data: &[u8]) -> Result<(), Failed> {
        Ok(self.node.tell_raw(to, &NOTE, data).await?)
    }

    async fn tell_all(&self, to: &Ref, data: &[&[u8]]) -> Result<(), Failed> {
        let sent = self.node.tell_raw_all(to, &NOTE, data).await;
        sent.map_err(|(sent, error)| format!("{sent} of {} were sent: {error}", data.len()).into())
    }

    async fn ask(&self, to: &Ref, data: &[u8]) -> Result<(), Failed> {
        self.node.ask_raw(to, &ECHO, data, WITHIN).await?;
        Ok(())
    }
}
