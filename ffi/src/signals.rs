//! Signal handlers in a Go program must run on the signal's own stack (`SA_ONSTACK`): Go's stacks are small, and Go ends
//! the process when a handler without the flag was called. Rust libraries install handlers without it (`tokio::signal`
//! does), so they are installed again, with it.

use std::io;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use actorbridge::Level;

use crate::border::border;
use crate::logs;
use crate::pointers::place;
use crate::status::AB_OK;

/// Signals that were named in the log, as [`bit`]s.
static SAID: AtomicU64 = AtomicU64::new(0);

/// Adds SA_ONSTACK to every signal handler that lacks it. `fixed`, if it is not null, is set to the signals up to 31 that it was
/// added for: bit n is signal n. Real-time signals have higher numbers, and no bit. Open nodes do this by themselves ten times a
/// second; call it after loading other libraries.
///
/// # Safety
/// `fixed` is null or valid, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_signal_guard(fixed: *mut u32) -> i32 {
    border(|| {
        let signals = guard();
        if !fixed.is_null() {
            // SAFETY: the caller's promise.
            *unsafe { place(fixed, "fixed")? } = (signals << 1) as u32;
        }
        Ok(AB_OK)
    })
}

/// As [`ab_signal_guard`], and says so in the log, once for each signal.
pub(crate) fn guard_and_say(node: &str) {
    let fixed = guard();
    let news = fixed & !SAID.fetch_or(fixed, Relaxed);
    for signal in signals().filter(|signal| news & bit(*signal) != 0) {
        let text = format!(
            "a handler of signal {signal} had no SA_ONSTACK, with which a Go program ends; it was installed again with it. \
             Let Go handle signals instead (os/signal)"
        );
        logs::add(node, Level::Warn, &text);
    }
}

/// Blocks SIGPIPE on this thread, which is one of a node's. Go hands the signal on where it is not raised by Go code, and so the
/// process ends. Blocked, a write to a closed pipe fails with EPIPE, as in every Rust program.
pub(crate) fn block_sigpipe() {
    block();
}

/// Starts threads that have SIGPIPE blocked from their first instruction: they have it from this one, which has it blocked meanwhile.
pub(crate) fn with_sigpipe_blocked<T>(start: impl FnOnce() -> T) -> T {
    let before = block();
    let started = start();
    // SAFETY: `before` is what the call in `block` has written.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    started
}

/// Blocks SIGPIPE, and gives the mask from before.
fn block() -> libc::sigset_t {
    // SAFETY: a sigset_t is numbers, for which zeros are valid, and only `set` and `before` are written to.
    unsafe {
        let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before);
        before
    }
}

/// All that a handler can be installed for. Of the real-time ones libc keeps some for itself, and says so when it is asked for them.
fn signals() -> RangeInclusive<i32> {
    #[cfg(target_os = "linux")]
    let last = libc::SIGRTMAX().min(64);
    #[cfg(not(target_os = "linux"))]
    let last = 31;
    1..=last
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The signals whose handlers had to be installed again, as [`bit`]s.
fn guard() -> u64 {
    signals()
        .filter(|signal| fix(*signal).unwrap_or(false))
        .fold(0, |all, signal| all | bit(signal))
}

/// Whether the signal's handler had to be installed again.
fn fix(signal: i32) -> io::Result<bool> {
    // SAFETY: a sigaction is numbers and pointers, for which zeros are valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only `action` is written to.
    check(unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) })?;
    let handled = action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN;
    if !handled || action.sa_flags & libc::SA_ONSTACK != 0 {
        return Ok(false);
    }
    action.sa_flags |= libc::SA_ONSTACK;
    // SAFETY: it is the handler that is installed already.
    check(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) })?;
    Ok(true)
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
