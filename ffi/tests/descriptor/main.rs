//! Descriptors and envelopes without a node: `whole`, both ways of a packet; `properties`, the same of
//! random ones; `faults`, what a build with the feature `abdebug` finds.

// What the files of the library find in it. They are a part of this program, so that it can look inside.
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/border.rs"]
mod border;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/control.rs"]
mod control;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/debug.rs"]
mod debug;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/descriptor.rs"]
mod descriptor;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/ring.rs"]
mod ring;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/generated/status.rs"]
mod status;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/types.rs"]
mod types;

mod sync {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
}

mod faults;
#[allow(dead_code)] // Another crate's tests use the rest of it.
#[cfg(not(miri))]
#[path = "../../../proto/tests/properties/generate.rs"]
mod generate;
#[cfg(not(miri))]
mod properties;
mod whole;
