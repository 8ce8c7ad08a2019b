//! The Rust node of actorbridge: actors that exchange messages, here and over links, with actors in other languages.
//!
//! Read in this order: [`Node`] and [`Actor`], what programs use; `cell` and `activation`, an actor's mailbox and how it is
//! run; `outlet` and `node`, the way of a message; [`door`], a link's end; [`machine`], the protocol without I/O.

mod activation;
mod actor;
mod address;
mod api;
mod asks;
mod caller;
mod cell;
mod codec;
mod compression;
mod context;
pub mod door;
mod envelope;
mod error;
mod lifecycle;
mod links;
mod logs;
pub mod machine;
mod message;
pub mod metrics;
mod module;
mod moves;
mod node;
mod outbox;
mod outlet;
mod panics;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod protocol;
mod raw;
mod relays;
pub mod remote;
mod rings;
mod run;
mod runners;
mod serve;
mod snapshot;
mod status;
mod system;
mod tap;
mod traces;
mod user_error;
mod versions;

pub use actor::{Actor, Factory, Module, Options, State};
pub use actorbridge_proto as proto;
pub use actorbridge_proto::{Trace, Versioned};
pub use address::{Address, Ref};
pub use api::{Builder, Node};
pub use asks::Subscription;
pub use caller::{Caller, DEFAULT_WITHIN};
pub use codec::Codec;
pub use compression::Compression;
pub use context::{Cx, Responder};
pub use error::{Error, Fault};
pub use links::{LinkInfo, LinkState};
pub use logs::{Level, LogLine};
pub use message::{Message, Payload};
pub use protocol::{Protocol, Reads};
pub use raw::RawType;
pub use remote::TlsFiles;
pub use rings::DeadLetter;
pub use serve::serve;
pub use snapshot::{FileStore, Snapshot};
pub use traces::Propagator;
pub use user_error::UserError;
pub use versions::{CastResult, downcast, upcast};
