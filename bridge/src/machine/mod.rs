//! The protocol as state machines: events and the time in, actions out.
//!
//! No I/O, no clock, no randomness, no locks: a shell (the node) brings those. The Go node has the same machines under the
//! same names, and both answer the traces in `compat-tests/traces`.
//!
//! - [`link`]: one lane between two nodes.
//! - [`ask`]: who waits for which answer.
//! - [`mover`]: one actor on its way to another node.
//! - [`pool`]: one actor's mailbox permits and the credit made of them.
//! - [`supervisor`]: what to do about a panic.

pub mod ask;
mod few;
pub mod link;
pub mod mover;
pub mod pool;
pub mod supervisor;

/// Milliseconds of a monotonic clock that the shell chose.
pub type Millis = u64;
