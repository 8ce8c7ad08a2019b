//! The remote door: one gRPC stream of frames, over TCP, with TLS or without, or a Unix socket.
//!
//! Nothing is decoded by the gRPC library: its messages are the frames' bytes. A response stream builds its next packet
//! when HTTP/2 asks for it, so that what was sent meanwhile shares a frame.
//!
//! - [`connect`] and [`listen`]: the two ends of a connection.
//! - [`TlsFiles`]: certificates. `identity`: what a peer may do by its own. `advice`: what to do about a failed handshake.
//! - `conn`: connections that come in, and their bounds. `resets`: calls that are reset. `refusals`: what is told of those that become no link.
//! - `calls`, `subscribe`: what clients that are no nodes may call. [`AskClient`] is one.
//! - `unix`: the file of a Unix socket.
//! - `codec`: frames as raw bytes. `frames`: a link's outgoing packets as a stream. `paced`: how much is read at once.

mod address;
mod advice;
mod ask_client;
mod calls;
mod client;
mod codec;
mod conn;
mod frames;
mod heads;
mod identity;
mod paced;
mod refusals;
mod resets;
mod server;
mod subscribe;
mod tls;
mod unix;
mod waker;

pub use address::Options;
pub(crate) use address::is_valid;
pub use ask_client::{Answer, AskClient, Events};
pub use calls::{Answering, Asks, Subscribing};
pub use client::connect;
pub use identity::Identity;
pub use refusals::Refused;
pub use server::{Bound, listen};
pub use tls::TlsFiles;

/// The gRPC service of a node, its method that carries a link, and those that ask for a client that is no node.
const SERVICE: &str = "actorbridge.v1.Bridge";
const LINK_PATH: &str = "/actorbridge.v1.Bridge/Link";
const ASK_PATH: &str = "/actorbridge.v1.Bridge/Ask";
const SUBSCRIBE_PATH: &str = "/actorbridge.v1.Bridge/Subscribe";
/// HTTP/2 windows: a stream's must exceed the largest frame, and small unread frames must not end the connection
/// (`too_many_data_frames` with h2's default windows; see `paced`).
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Most bytes of a call's headers, as HTTP/2 counts them: 32 beside each name and value.
const HEADER_LIST: u32 = 16 << 10;
