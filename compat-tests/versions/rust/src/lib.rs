//! The same desk and writer with two versions of their schema: what their own code differs in is in [`v1`] and [`v2`], what
//! it has in common in `peer.rs`, which is compiled with each of them.

pub mod v1;
pub mod v2;
