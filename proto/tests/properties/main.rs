//! The readers and writers of this crate against prost as oracle, over generated messages and over damaged bytes.

mod envelopes;
mod generate;
mod packets;
