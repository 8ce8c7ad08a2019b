//! The Rust half of the example.

mod telemetry;
mod warehouse;

#[path = "generated/mod.rs"]
mod generated;

pub use generated::trace::v1 as trace_v1;
pub use warehouse::module;

// The Go program that links this crate finds its actors by this.
actorbridge_ffi::module!(module);
