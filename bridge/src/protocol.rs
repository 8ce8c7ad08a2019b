//! What generated code says of an actor: the service that it handles, and which versions of its messages.

use std::collections::{BTreeMap, HashSet};

use actorbridge_proto::v1::{self, Code};

use crate::actor::Factory;
use crate::error::Error;

/// One message type as this program reads it. Hello and Welcome carry it to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    /// Full name, such as `shop.v1.AddRequest`.
    pub type_name: &'static str,
    /// The highest revision that is read.
    pub version: u32,
    /// The least revision that a reader of what is written here must know.
    pub min_reader: u32,
}

impl From<&Reads> for v1::Reads {
    fn from(reads: &Reads) -> Self {
        Self {
            r#type: reads.type_name.to_owned(),
            max_version: reads.version,
            min_reader: reads.min_reader,
        }
    }
}

/// An actor's protocol: a service of a `.proto` file. An actor that is written by hand has the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protocol {
    /// Full name of the service, such as `shop.v1.Cart`; empty = none.
    pub name: &'static str,
    /// Requests, replies and state.
    pub reads: &'static [Reads],
    /// Requests whose handlers are plain functions: they may be run on the asking thread.
    pub inline: &'static [&'static str],
    /// A method asks for delivery AT_LEAST_ONCE.
    pub reliable: bool,
}

impl Protocol {
    /// Of an actor without a declared protocol.
    pub const NONE: Self = Self {
        name: "",
        reads: &[],
        inline: &[],
        reliable: false,
    };

    /// May an actor of this protocol be made at all?
    pub(crate) fn check(&self, path: &str) -> Result<(), Error> {
        if !self.reliable {
            return Ok(());
        }
        let detail = format!(
            "{} declares delivery AT_LEAST_ONCE, and this version of actorbridge delivers at most once; remove the option \
             from its methods",
            self.name
        );
        Err(Error::new(Code::Unavailable, path, detail))
    }
}

/// What a node reads: of its factories, of the actors that were spawned, and what its builder was told.
#[derive(Default)]
pub(crate) struct Known {
    protocols: HashSet<&'static str>,
    types: BTreeMap<&'static str, Reads>,
}

impl Known {
    pub(crate) fn of(reads: &[Reads], factories: &[(String, Factory)]) -> Self {
        let mut known = Self::default();
        reads.iter().for_each(|reads| known.read(*reads));
        factories.iter().for_each(|(_, factory)| known.add(factory.protocol()));
        known
    }

    pub(crate) fn add(&mut self, protocol: &Protocol) {
        if self.protocols.insert(protocol.name) {
            protocol.reads.iter().for_each(|reads| self.read(*reads));
        }
    }

    fn read(&mut self, reads: Reads) {
        let known = self.types.entry(reads.type_name).or_insert(reads);
        if known.version < reads.version {
            *known = reads;
        }
    }

    pub(crate) fn all(&self) -> Vec<v1::Reads> {
        self.types.values().map(v1::Reads::from).collect()
    }
}
