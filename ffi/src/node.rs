//! Nodes: open, status, stop, close, and what they say of themselves.

use std::ffi::c_char;
use std::time::Duration;

use crate::border::{Fail, Outcome, border, border_with};
use crate::dump;
use crate::host::{Host, NODES};
use crate::info;
use crate::link::LINKS;
use crate::pointers::{get, give, place, slice};
use crate::signals;
use crate::status::{AB_BAD_ARGUMENT, AB_BAD_STRUCT_SIZE, AB_OK, AB_RESOURCES};
use crate::types::{Error, Node, NodeOpts, NodeStatus};
use std::sync::Arc;

/// The most worker threads of a node.
const MAX_WORKERS: u32 = 64;

pub(crate) fn host(node: Node) -> Result<Arc<Host>, Fail> {
    NODES.get(node).ok_or_else(|| Fail::closed("node"))
}

pub(crate) fn bad_size(name: &str, size: usize) -> Fail {
    Fail::new(
        AB_BAD_STRUCT_SIZE,
        format_args!("{name}.struct_size is not {size}; set it to sizeof({name}), with the header of this library"),
    )
}

/// Opens a node with this program's Rust actors and starts it. It has threads of its own.
///
/// `opts` and `out` must not be null; `error` may be. AB_ABI_MISMATCH, AB_BAD_ARGUMENT (a name that is not valid),
/// AB_RESOURCES (threads, or 64 nodes are open).
///
/// # Safety
/// The pointers are null or valid for their types, and nobody else writes to them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_node_open(opts: *const NodeOpts, out: *mut Node, error: *mut Error) -> i32 {
    let call = || {
        // SAFETY: the caller's promise, for these three and for the name.
        let (opts, out) = unsafe { (get(opts, "opts")?, place(out, "out")?) };
        *out = 0;
        if opts.struct_size as usize != size_of::<NodeOpts>() {
            return Err(bad_size("ab_node_opts", size_of::<NodeOpts>()));
        }
        info::check_abi(opts.abi)?;
        if opts.mem_limit != 0 || opts.workers > MAX_WORKERS {
            return Err(Fail::new(
                AB_BAD_ARGUMENT,
                "mem_limit must be 0, and workers at most 64, in this version",
            ));
        }
        let name = unsafe { text(opts.name, opts.name_len as usize, "name")? };
        let host = Host::start(Some(name).filter(|n| !n.is_empty()), opts.workers as usize)?;
        signals::guard_and_say(host.node.name());
        *out = NODES.open(host.clone()).ok_or_else(|| {
            host.close();
            Fail::new(AB_RESOURCES, "64 nodes are open; close one")
        })?;
        Ok(AB_OK)
    };
    // SAFETY: the caller's promise.
    unsafe { border_with(error, call) }
}

/// # Safety
/// As [`slice`].
pub(crate) unsafe fn text<'a>(pointer: *const c_char, len: usize, name: &str) -> Result<&'a str, Fail> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(pointer.cast::<u8>(), len, name)? };
    std::str::from_utf8(bytes).map_err(|_| Fail::new(AB_BAD_ARGUMENT, format_args!("{name} is not UTF-8")))
}

/// Says what a node is doing.
///
/// # Safety
/// `out` is null or valid, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_node_status_get(node: Node, out: *mut NodeStatus) -> i32 {
    border(|| {
        let host = host(node)?;
        // SAFETY: the caller's promise.
        let out = unsafe { place(out, "out")? };
        if out.struct_size as usize != size_of::<NodeStatus>() {
            return Err(bad_size("ab_node_status", size_of::<NodeStatus>()));
        }
        out.state = host.state();
        out.actors = u32::try_from(host.node.actors()).unwrap_or(u32::MAX);
        out.links = u32::try_from(host.node.peers().len()).unwrap_or(u32::MAX);
        out.dead_letters = host.node.dead_letter_counts().values().sum();
        out.logs_dropped = host.logs_dropped();
        Ok(AB_OK)
    })
}

/// Begins to stop a node: actors end within `grace_ms` (then their tokens trip), links say Goodbye. Returns at once; the
/// end shows in ab_node_status_get and rings the doorbells of the node's links. A second call changes nothing.
#[unsafe(no_mangle)]
pub extern "C" fn ab_node_stop(node: Node, grace_ms: u32) -> i32 {
    border(|| {
        host(node)?.stop(Duration::from_millis(u64::from(grace_ms)));
        Ok(AB_OK)
    })
}

fn close_links(host: &Arc<Host>) {
    for (handle, link) in LINKS.all() {
        if link.is_of(host)
            && let Some(link) = LINKS.close(handle)
        {
            link.close("the node was closed");
        }
    }
}

/// Closes a node and its links. A node that was not stopped stops with a grace of one second, in the background. Safe while
/// other threads are inside calls: theirs finish or return AB_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn ab_node_close(node: Node) -> i32 {
    border(|| {
        let host = NODES.close(node).ok_or_else(|| Fail::closed("node"))?;
        close_links(&host);
        host.clone().close();
        close_links(&host); // of those who saw the node run before: from now on nobody does
        Ok(AB_OK)
    })
}

/// Writes a JSON document about a node: AB_DUMP_NODE or AB_DUMP_DEAD_LETTERS. `len` is set to its size, also with
/// AB_SHORT_BUFFER.
///
/// # Safety
/// `buf` is null or has `cap` bytes, `len` is null or valid; nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_node_dump(node: Node, what: u32, buf: *mut u8, cap: usize, len: *mut usize) -> i32 {
    border(|| {
        let document = dump::json(&*host(node)?, what)?;
        // SAFETY: the caller's promise.
        unsafe { give(document.as_bytes(), buf, cap, len) }
    })
}

/// Writes a node's metrics in the OpenMetrics text format. `len` is set to their size, also with AB_SHORT_BUFFER.
///
/// # Safety
/// As [`ab_node_dump`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_node_metrics(node: Node, buf: *mut u8, cap: usize, len: *mut usize) -> i32 {
    border(|| -> Outcome {
        let text = dump::metrics(&*host(node)?);
        // SAFETY: the caller's promise.
        unsafe { give(text.as_bytes(), buf, cap, len) }
    })
}
