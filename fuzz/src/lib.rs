//! What each fuzz target does with its bytes. A property that does not hold is a panic.

pub mod codec;
pub mod envelope;
pub mod honest_link;
pub mod hostile_link;
mod input;
pub mod mover;
pub mod packet;
pub mod snapshot;
