//! MessagePack: a message is a map with the numbers of its fields as keys.
//!
//! - `token`: the values of MessagePack. `read`, `write`: messages. `unknown`: the fields that this program does not know.

mod read;
mod token;
mod unknown;
mod write;

pub(super) use read::read;
pub(super) use write::write;
