//! Snapshots, by an actor of a node: written as a node writes them, read and restored as a node does.

use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Snapshot, State};
use bytes::Bytes;

use crate::Schema;
use crate::fields::{Part, number, text};
use crate::message::{made, with_type};
use crate::peerpb::answer::Result as Said;
use crate::peerpb::{Field, ReadSnapshot, Seen, WriteSnapshot};

/// A node with one kind of actor, whose state is whatever an order says.
pub struct Keeper {
    node: Node,
    runtime: tokio::runtime::Runtime,
    schema: Schema,
}

/// Keeps the state that it was made with.
struct Kept(Option<State>);

impl Actor for Kept {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        Err(Fault::unsupported(message.type_name()))
    }

    fn snapshot(&self) -> Option<State> {
        self.0.clone()
    }
}

impl Keeper {
    /// Starts the node.
    ///
    /// # Errors
    /// A sentence: it does not start.
    pub fn start(schema: Schema) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let node = Node::builder("compat").runtime(runtime.handle().clone()).start();
        Ok(Self {
            node: node.map_err(|e| e.to_string())?,
            runtime,
            schema,
        })
    }

    /// Spawns an actor with this state, takes its snapshot, and stops it.
    ///
    /// # Errors
    /// A sentence.
    pub fn write(&self, order: &WriteSnapshot) -> Result<Bytes, String> {
        let state = self.state(order)?;
        let actor = self
            .node
            .spawn(&order.path, move || Kept(Some(state.clone())), Options::default())
            .map_err(|e| e.to_string())?;
        let bytes = self.runtime.block_on(async {
            let snapshot = self.node.snapshot(&actor).await.map_err(|e| e.to_string())?;
            let stopped = self.node.stop(&actor, Duration::from_secs(5)).await;
            stopped.map_err(|e| e.to_string())?;
            Ok::<_, String>(snapshot.to_bytes().0)
        })?;
        Ok(bytes)
    }

    fn state(&self, order: &WriteSnapshot) -> Result<State, String> {
        macro_rules! state {
            ($message:ty) => {
                Ok(State::of(&made::<$message>(&order.fields)?))
            };
        }
        with_type!(self.schema, order.r#type.as_str(), state)
    }

    /// Reads a snapshot, and its state as this schema's message.
    pub fn read(&self, order: &ReadSnapshot) -> Said {
        let snapshot = match Snapshot::read(&order.path, &order.snapshot) {
            Ok(snapshot) => snapshot,
            Err(error) => return refused(error.code().as_str_name()),
        };
        let name = snapshot.state.type_name.trim_start_matches("versions.v1.").to_owned();
        macro_rules! state {
            ($message:ty) => {
                Ok(snapshot.state.decode::<$message>().map(|m| {
                    let mut fields = Vec::new();
                    m.show("state", &mut fields);
                    fields
                }))
            };
        }
        let decoded: Result<Result<Vec<Field>, Fault>, String> = with_type!(self.schema, name.as_str(), state);
        match decoded {
            Ok(Ok(state)) => Said::Seen(Seen {
                fields: head(&snapshot).into_iter().chain(state).collect(),
                passed_on: Some(snapshot.to_bytes().0),
            }),
            Ok(Err(fault)) => refused(fault.code().as_str_name()),
            Err(problem) => Said::Unable(problem),
        }
    }
}

fn refused(code: &str) -> Said {
    Said::Refused(code.trim_start_matches("CODE_").to_owned())
}

fn head(snapshot: &Snapshot) -> Vec<Field> {
    vec![
        text("actor", &snapshot.actor),
        number("epoch", snapshot.epoch),
        number("seq", snapshot.seq),
        text("type", &snapshot.state.type_name),
        number("version", snapshot.state.version.into()),
    ]
}
