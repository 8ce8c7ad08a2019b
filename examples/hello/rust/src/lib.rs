//! The Rust half of the example.

mod greeter;

/// The messages of `hello/v1/hello.proto`.
#[allow(missing_docs, clippy::all)]
pub mod hello_v1 {
    include!("generated/hello.v1.rs");
}

pub use greeter::module;

// The Go program that links this crate finds its actors by this.
actorbridge_ffi::module!(module);
