//! A Rust node in a foreign program: its runtime, its life, and the links that C has opened.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, Once, Weak};
use std::time::Duration;

use actorbridge::Node;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::border::Fail;
use crate::handles::Table;
use crate::heap;
use crate::link::LINKS;
use crate::logs;
use crate::signals;
use crate::status::{AB_BAD_ARGUMENT, AB_RESOURCES};
use crate::types::{AB_STATE_RUNNING, AB_STATE_STOPPED, AB_STATE_STOPPING};

/// The open nodes: far more than a program has use for, and each has threads.
pub(crate) static NODES: Table<Host> = Table::new(0xA1, 64);

/// How often foreign signal handlers are looked for.
const GUARD: Duration = Duration::from_millis(100);
/// What a node that is closed without `ab_node_stop` gives its handlers.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// How long a node that stops may run nothing, beside twice its grace, before its threads count as blocked for good.
const BLOCKED: Duration = Duration::from_secs(3);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// A node that C has opened.
pub(crate) struct Host {
    pub(crate) node: Node,
    runtime: Mutex<Option<Runtime>>,
    state: AtomicU32,
    end: Once,
    ended: CancellationToken,
    /// Log lines that were dropped after they had left the node.
    lines_dropped: AtomicU64,
}

impl Host {
    /// Starts the program's module as a node.
    pub(crate) fn start(name: Option<&str>, workers: usize) -> Result<Arc<Self>, Fail> {
        let module = crate::module();
        let name = name.unwrap_or(module.name()).to_owned();
        let runtime = runtime(workers)?;
        let handle = runtime.handle().clone();
        let started = heap::measured(Node::builder(name).module(module).runtime(handle)).start();
        let node = started.map_err(|e| Fail::new(AB_BAD_ARGUMENT, e))?;
        let host = Arc::new(Self {
            node,
            runtime: Mutex::new(Some(runtime)),
            state: AtomicU32::new(AB_STATE_RUNNING),
            end: Once::new(),
            ended: CancellationToken::new(),
            lines_dropped: AtomicU64::new(0),
        });
        host.node.handle().spawn(watch_signals(Arc::downgrade(&host)));
        Ok(host)
    }

    pub(crate) fn state(&self) -> u32 {
        self.state.load(SeqCst)
    }

    pub(crate) fn drop_line(&self) {
        self.lines_dropped.fetch_add(1, SeqCst);
    }

    /// How many of its log lines nobody will see.
    pub(crate) fn logs_dropped(&self) -> u64 {
        self.node.logs(0).1 + self.lines_dropped.load(SeqCst)
    }

    /// What is in memory only is told before it goes.
    fn say_what_is_lost(&self) {
        let counts = self.node.dead_letter_counts();
        if counts.is_empty() {
            return;
        }
        let list: Vec<_> = counts
            .iter()
            .map(|(code, n)| format!("{n} {}", code.trim_start_matches("CODE_")))
            .collect();
        let text = format!(
            "the node has stopped, and its dead letters go with it: {}",
            list.join(", ")
        );
        logs::add(self.node.name(), actorbridge::Level::Warn, &text);
    }

    /// Begins to stop the node; the end shows in its state, and rings the doorbells of its links.
    pub(crate) fn stop(self: &Arc<Self>, grace: Duration) {
        let begun = self
            .state
            .compare_exchange(AB_STATE_RUNNING, AB_STATE_STOPPING, SeqCst, SeqCst);
        if begun.is_err() {
            return;
        }
        let (host, (goes_on, over)) = (self.clone(), sync_channel(0));
        self.node.handle().spawn(async move {
            if let Err(error) = host.node.shutdown(grace).await {
                logs::add(host.node.name(), actorbridge::Level::Error, &error.to_string());
            }
            host.has_stopped();
            drop(goes_on);
        });
        let host = self.clone();
        let thread = std::thread::Builder::new().name("actorbridge-stop".into());
        if let Err(error) = signals::with_sigpipe_blocked(|| thread.spawn(move || host.watch_stop(grace, &over))) {
            let text = format!("nobody looks whether its handlers let the node stop: {error}");
            logs::add(self.node.name(), actorbridge::Level::Warn, &text);
        }
    }

    /// Waits for the end of a stop, and ends one that does not go on: handlers may block all workers, and then nothing runs there.
    fn watch_stop(self: &Arc<Self>, grace: Duration, over: &Receiver<()>) {
        while over.recv_timeout(GUARD) == Err(RecvTimeoutError::Timeout) {
            let (runs, ran) = sync_channel(1);
            self.node.handle().spawn(async move { runs.send(()) });
            if ran.recv_timeout(2 * grace + BLOCKED) == Err(RecvTimeoutError::Timeout) {
                let text = "handlers block all threads of the node, and nothing can end them: it counts as stopped, and leaves them behind; \
                            have handlers that take long look at their cancelled token";
                logs::add(self.node.name(), actorbridge::Level::Error, text);
                break;
            }
        }
        self.has_stopped();
    }

    fn has_stopped(self: &Arc<Self>) {
        self.end.call_once(|| {
            self.say_what_is_lost();
            self.state.store(AB_STATE_STOPPED, SeqCst);
            self.ended.cancel();
            for (_, link) in LINKS.all() {
                link.ring_if_of(self);
            }
        });
    }

    /// Stops the node, and ends its threads in the background.
    pub(crate) fn close(self: Arc<Self>) {
        self.stop(CLOSE_GRACE);
        logs::keep(&self.node);
        let Some(runtime) = lock(&self.runtime).take() else {
            return;
        };
        let runtime = Arc::new(Mutex::new(Some(runtime)));
        let taken = runtime.clone();
        let end = move || {
            if let Some(runtime) = lock(&taken).take() {
                runtime.block_on(self.ended.cancelled());
                logs::keep(&self.node);
                runtime.shutdown_timeout(CLOSE_GRACE);
            }
        };
        let thread = std::thread::Builder::new().name("actorbridge-end".into());
        if signals::with_sigpipe_blocked(|| thread.spawn(end)).is_err()
            && let Some(runtime) = lock(&runtime).take()
        {
            runtime.shutdown_background();
        }
    }
}

fn runtime(workers: usize) -> Result<Runtime, Fail> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let number = AtomicUsize::new(1);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(if workers == 0 { cores.min(4) } else { workers })
        .thread_name_fn(move || format!("actorbridge-{}", number.fetch_add(1, SeqCst)))
        .on_thread_start(signals::block_sigpipe) // also those that a thread of somebody else has it start later
        .enable_all();
    signals::with_sigpipe_blocked(|| builder.build())
        .map_err(|e| Fail::os(AB_RESOURCES, "the node's threads could not be started", &e))
}

/// Actors may install signal handlers at any time; see [`signals`].
async fn watch_signals(host: Weak<Host>) {
    while let Some(host) = host.upgrade() {
        signals::guard_and_say(host.node.name());
        drop(host);
        tokio::time::sleep(GUARD).await;
    }
}
