//! The Rust half of the example.

mod greeter;

#[path = "generated/mod.rs"]
mod generated;

/// The messages of `hello/v1/hello.proto`.
pub use generated::hello::v1 as hello_v1;
pub use greeter::module;

// The Go program that links this crate finds its actors by this.
actorbridge_ffi::module!(module);
