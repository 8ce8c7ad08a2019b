//! The Rust half of the handover: the actor `carriers`, in a static library that a Go program links and in a program of
//! its own (`handover-rust`).
//!
//! Read [`tally`] first (what the actor knows), then [`Carriers`].

mod carriers;
mod digest;
#[path = "generated/mod.rs"]
mod generated;
pub mod tally;

pub use carriers::Carriers;

/// The messages of `flights/v1/flights.proto`.
pub use generated::flights::v1 as flights;

/// What both programs host. The actor is not there at the start: it comes when it moves here.
pub fn module() -> actorbridge::Module {
    actorbridge::Module::new("handover-rust").on_demand("carriers", Carriers::default)
}

// The Go program that links this crate finds its actors by this.
actorbridge_ffi::module!(module);
