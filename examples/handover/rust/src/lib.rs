//! The Rust half of the handover: the actor `carriers`, in a static library that a Go program links and in a program of
//! its own (`handover-rust`).
//!
//! Read [`tally`] first (what the actor knows), then `digest`.

mod digest;
pub mod tally;

/// The messages of `flights/v1/flights.proto`.
#[allow(missing_docs, clippy::all)]
pub mod flights {
    include!("generated/flights.v1.rs");
}
