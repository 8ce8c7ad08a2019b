//! The C ABI of actorbridge: a Rust node inside a Go or C program. `docs/C_ABI.md` is its reference.
//!
//! Read in this order: [`module!`], what users write; `types`, the structs of the header; `border`, what stands between C
//! and Rust; `handles`; `host`, a node in a foreign program; `link`, the native door; `ring`, `lane` and `map`, the same in shared memory;
//! `descriptor`, packets as C sees them. The other files have a few exports each.
//!
//! This crate declares `ab_module_v1` and never defines it: exactly one crate of a program does, with [`module!`].

mod ask;
mod bell;
mod border;
mod control;
mod debug;
mod descriptor;
mod dump;
mod envelope;
mod handles;
mod heap;
mod host;
mod info;
mod lane;
mod link;
mod logs;
mod map;
mod node;
mod pointers;
mod ring;
mod signals;
#[path = "generated/status.rs"]
pub mod status;
mod types;

/// The atomics of `control`, which tests/model.rs gives its own.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
}

#[doc(hidden)] // For `module!`: the crate that uses it may not depend on actorbridge itself.
pub use actorbridge;
pub use actorbridge::{Actor, Module};
pub use ask::{ab_link_ask, ab_link_cancel};
pub use envelope::{ab_envelope_decode, ab_envelope_encode};
pub use info::{ab_abi_version, ab_build_info, ab_status_name};
pub use link::{ab_link_arm, ab_link_close, ab_link_fd, ab_link_frames, ab_link_open, ab_link_recv, ab_link_send};
pub use logs::{ab_log_filter, ab_logs_drain};
pub use map::{ab_link_map, ab_link_unmap, ab_link_wake};
pub use node::{ab_node_close, ab_node_dump, ab_node_metrics, ab_node_open, ab_node_status_get, ab_node_stop};
pub use signals::ab_signal_guard;
pub use types::*;

#[cfg(panic = "abort")]
compile_error!(
    "actorbridge-ffi must be built with panic = \"unwind\": a panic has to stop at the border with C, not end the \
     program. Remove `panic = \"abort\"` from the profile in Cargo.toml."
);

/// Makes a crate the Rust half of a program: its name, and its actors by path or pattern (`"order/*"`).
///
/// The form is that of [`actorbridge::module!`], with `set_up: register_casts,` behind the name where older versions of
/// messages are to be read, and so is the `pub fn module()` that it makes, for the crate's own tests and programs. The crate is a `staticlib` and an `rlib`. In the crate's `Cargo.toml` the lint `unsafe_code` may be `deny`,
/// not `forbid`: the macro exports one symbol.
///
/// ```standalone_crate
/// use actorbridge::{Actor, Cx, Fault, Message};
///
/// struct Pricer;
///
/// impl Actor for Pricer {
///     async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
///         Err(Fault::unsupported(message.type_name()))
///     }
/// }
///
/// # static SET_UPS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
/// fn register_casts() {
///     // actorbridge::upcast::<QuoteRequest>(1, |m| …);
/// #   SET_UPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
/// }
///
/// actorbridge_ffi::module! {
///     name: "shop-rust",
///     set_up: register_casts,
///     actors: { "pricer/eu" => || Pricer },
/// }
/// # fn main() {
/// #     assert_eq!(module().name(), "shop-rust");
/// #     assert_eq!(SET_UPS.load(std::sync::atomic::Ordering::Relaxed), 1);
/// # }
/// ```
///
/// A crate that makes its module another way names the function:
///
/// ```standalone_crate
/// # fn made_elsewhere() -> actorbridge::Module { actorbridge::Module::new("shop-rust") }
/// actorbridge_ffi::module!(made_elsewhere);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! module {
    (name: $name:expr, $(set_up: $set_up:expr,)? $(propagator: $propagator:expr,)? actors: { $($pattern:expr => $make:expr),* $(,)? } $(,)?) => {
        $crate::actorbridge::module! {
            name: $name, $(set_up: $set_up,)? $(propagator: $propagator,)? actors: { $($pattern => $make),* }
        }

        $crate::module!(module);
    };
    ($module:path) => {
        const _: () = {
            #[allow(unsafe_code)]
            #[unsafe(no_mangle)]
            extern "Rust" fn ab_module_v1() -> $crate::Module {
                $module()
            }
        };
    };
}

/// The module of this program.
fn module() -> Module {
    unsafe extern "Rust" {
        safe fn ab_module_v1() -> Module;
    }
    ab_module_v1()
}
