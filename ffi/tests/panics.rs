//! A panic stops at the border.

mod common;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use common::*;

static PANIC: AtomicBool = AtomicBool::new(false);

/// A payload that panics when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("once more");
    }
}

fn module() -> Module {
    if PANIC.load(SeqCst) {
        std::panic::panic_any(Spiteful);
    }
    Module::new("rust")
}

actorbridge_ffi::module!(module);

#[test]
fn a_module_that_panics_costs_the_call_and_the_library_goes_on() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    PANIC.store(true, SeqCst);
    let (mut node, mut why, mut len) = (77, error(), 0);
    // SAFETY: all are valid.
    let opened = unsafe { ab_node_open(&options(), &mut node, &mut why) };
    let informed = unsafe { ab_build_info(std::ptr::null_mut(), 0, &mut len) };
    PANIC.store(false, SeqCst);
    std::panic::set_hook(usual);
    assert_eq!((opened, informed, node), (AB_PANIC, AB_PANIC, 0));
    assert!(text(&why).contains("stopped at the border"), "{}", text(&why));
    let node = open_node();
    linked(node);
    assert_eq!(ab_node_close(node), AB_OK);
}
