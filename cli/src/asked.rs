//! A node that is asked how it is: how it is reached, and its answers as JSON.

use std::path::PathBuf;

use actorbridge::TlsFiles;
use actorbridge::proto::DESCRIPTORS;
use actorbridge::remote::{AskClient, Options};
use clap::Args;
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};

/// How a node is reached.
#[derive(Args)]
pub(crate) struct Asked {
    /// Where it listens: tcp://host:port, grpcs://host:port or unix:///path.
    pub(crate) address: String,
    /// The CAs of the node's certificate, PEM: for grpcs://.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show, PEM.
    #[arg(long, value_name = "FILE", requires = "key", requires = "ca")]
    certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Allow tcp:// to other machines: anyone on the way can read and forge what is told.
    #[arg(long)]
    plain_tcp_beyond_loopback: bool,
}

impl Asked {
    pub(crate) async fn connect(&self) -> Result<AskClient, String> {
        AskClient::connect(&self.address, &self.options()).await
    }

    fn options(&self) -> Options {
        let tls = self.ca.as_ref().map(|ca| match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => TlsFiles::new(certificate, key, ca),
            _ => TlsFiles::without_certificate(ca),
        });
        Options {
            plain_tcp_beyond_loopback: self.plain_tcp_beyond_loopback,
            tls,
            ..Options::default()
        }
    }
}

/// Runs what asks.
pub(crate) fn block_on<T>(asking: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(asking)
}

/// What shows until it is stopped: Ctrl-C is its good end.
pub(crate) async fn until_stopped(showing: impl Future<Output = Result<String, String>>) -> Result<String, String> {
    tokio::select! {
        shown = showing => shown,
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| String::new()).map_err(|e| e.to_string()),
    }
}

/// A message of the schema, so that serde writes it as protobuf's JSON.
pub(crate) struct Json(DescriptorPool);

impl Json {
    pub(crate) fn new() -> Result<Self, String> {
        DescriptorPool::decode(DESCRIPTORS).map(Self).map_err(|e| e.to_string())
    }

    pub(crate) fn of<M: Message + Name>(&self, message: &M) -> Result<DynamicMessage, String> {
        let name = M::full_name();
        let descriptor = self.0.get_message_by_name(&name);
        let descriptor = descriptor.ok_or_else(|| format!("the schema has no {name}"))?;
        DynamicMessage::decode(descriptor, &message.encode_to_vec()[..]).map_err(|e| e.to_string())
    }
}
