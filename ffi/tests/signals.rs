//! Signal handlers of other libraries get the flag without which Go ends. One test: handlers are the process's.
#![cfg(target_os = "linux")] // others have no real-time signals

mod common;

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use common::*;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

extern "C" fn handler(_: libc::c_int) {}

/// Installs a handler without the flag, as a library does that knows nothing of Go.
fn install(signal: i32) {
    // SAFETY: a sigaction is numbers and pointers, for which zeros are valid; the handler does nothing.
    let status = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        libc::sigaction(signal, &action, std::ptr::null_mut())
    };
    assert_eq!(status, 0, "signal {signal}");
}

fn has_the_flag(signal: i32) -> bool {
    // SAFETY: only `action` is written to.
    let (status, action) = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &mut action), action)
    };
    assert_eq!(status, 0, "signal {signal}");
    action.sa_flags & libc::SA_ONSTACK != 0
}

fn guard() -> u32 {
    let mut fixed = u32::MAX;
    // SAFETY: `fixed` is valid.
    assert_eq!(unsafe { ab_signal_guard(&mut fixed) }, AB_OK);
    fixed
}

/// The lines that wait.
fn logged() -> String {
    let (mut logs, mut arena, mut n) = (vec![Log::default(); 64], vec![0; 64 << 10], 0);
    // SAFETY: all are valid for their lengths.
    let status = unsafe { ab_logs_drain(logs.as_mut_ptr(), 64, arena.as_mut_ptr(), arena.len(), &mut n) };
    assert_eq!(status, AB_OK);
    String::from_utf8_lossy(&arena).into_owned()
}

#[test]
fn every_handler_gets_the_flag_also_one_of_a_real_time_signal() {
    let real_time = [libc::SIGRTMIN(), libc::SIGRTMAX()];
    guard(); // what the test's own program has installed
    for signal in [libc::SIGUSR2].into_iter().chain(real_time) {
        install(signal);
        assert!(!has_the_flag(signal));
    }
    assert_eq!(guard(), 1 << libc::SIGUSR2, "bit n is signal n, up to 31");
    for signal in [libc::SIGUSR2].into_iter().chain(real_time) {
        assert!(has_the_flag(signal), "signal {signal}");
    }
    assert_eq!(guard(), 0);
    assert!(!has_the_flag(libc::SIGRTMIN() + 1), "nobody handles it");
    real_time.into_iter().for_each(install);
    let node = open_node();
    let said = logged();
    for signal in real_time {
        let says = format!("a handler of signal {signal} had no SA_ONSTACK");
        assert!(has_the_flag(signal) && said.contains(&says), "{says}: {said}");
    }
    assert_eq!(ab_node_close(node), AB_OK);
}
