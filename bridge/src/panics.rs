//! Panics of actors: caught, with their text and where they were.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

/// Most bytes of a stack.
const MAX_STACK: usize = 8 << 10;

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) text: String,
    /// `at FILE:LINE:COLUMN`, and the backtrace where `RUST_BACKTRACE` asks for it; empty if another hook took ours away.
    pub(crate) stack: String,
}

impl Panic {
    /// What is no panic, but counts as one.
    pub(crate) fn without_stack(text: String) -> Self {
        let stack = String::new();
        Self { text, stack }
    }

    fn of(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self {
            text: text.unwrap_or_else(|| "a panic without text".into()),
            stack: STACK.take(),
        }
    }
}

thread_local! {
    /// A panic on this thread will be caught here.
    static CATCHES: Cell<bool> = const { Cell::new(false) };
    /// Where the last one was.
    static STACK: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Has the place of an actor's panic noted, which only the process's hook is told. The hook that was there is called too.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    if std::thread::panicking() {
        return; // a hook cannot be set then
    }
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHES.try_with(Cell::get) == Ok(true) {
                let _ = STACK.try_with(|stack| stack.replace(stack_of(info)));
            }
            before(info);
        }));
    });
}

fn stack_of(info: &PanicHookInfo<'_>) -> String {
    let mut stack = info.location().map(|place| format!("at {place}")).unwrap_or_default();
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        stack = format!("{stack}\n{trace}");
    }
    let end = (0..=MAX_STACK.min(stack.len()))
        .rev()
        .find(|i| stack.is_char_boundary(*i));
    stack.truncate(end.unwrap_or(0));
    stack
}

/// Runs a future to its end or to its panic. `waits` is called each time that it has to wait.
pub(crate) async fn catching<F: Future>(future: F, mut waits: impl FnMut()) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    poll_fn(|cx| match catching_now(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => {
            waits();
            Poll::Pending
        }
        Ok(ready) => ready.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// As [`catching`], without a future.
pub(crate) fn catching_now<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    let outer = CATCHES.replace(true);
    let result = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| Panic::of(&*panic));
    CATCHES.set(outer);
    result
}
