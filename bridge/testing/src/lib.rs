//! Tests of actors: nodes joined in memory, virtual time, a probe, and a check for what is left. Its twin in Go is `abtest`.
//!
//! All of it runs on the test's own runtime, so that `#[tokio::test(start_paused = true)]` gives a node virtual time: its
//! timers, deadlines and restart windows pass at once when nothing else is to be done, and in order.
//!
//! ```
//! use std::time::Duration;
//!
//! use actorbridge::{Actor, Cx, Fault, Message, Options};
//! use actorbridge_test::{Probe, end, pair};
//!
//! /// Passes on what it is told, a minute later.
//! struct Later(actorbridge::Ref);
//!
//! impl Actor for Later {
//!     async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
//!         if message.sender().as_ref() == Some(cx.self_ref()) {
//!             return Ok(cx.tell(&self.0, &())?);
//!         }
//!         Ok(cx.timer("a minute", Duration::from_secs(60), &())?)
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread", start_paused = true)] // in a test: #[tokio::test(start_paused = true)]
//! async fn main() {
//!     let (a, b) = pair().await;
//!     let mut probe = Probe::new(&a);
//!     let to = probe.address().clone();
//!     let later = b.spawn("later", move || Later(to.clone()), Options::default()).expect("spawned");
//!     a.tell(&later, &()).await.expect("told");
//!     probe.expect_none_for(Duration::from_secs(59)).await;
//!     probe.expect::<()>().await;
//!     end([a, b]).await;
//! }
//! ```

mod probe;

use std::time::Duration;

use actorbridge::{Builder, Node};
use tokio::runtime::Handle;

pub use probe::Probe;

/// How long what must happen may take, in the time of the test's runtime, before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What handlers get to end in when a test ends.
const GRACE: Duration = Duration::from_secs(5);

/// A node on the test's runtime, not started: add factories or modules to it.
pub fn builder(name: &str) -> Builder {
    Node::builder(name).runtime(Handle::current())
}

/// A node on the test's runtime.
///
/// # Panics
/// It does not start.
pub fn node(name: &str) -> Node {
    start(builder(name))
}

/// Starts a node.
///
/// # Panics
/// It does not start.
pub fn start(builder: Builder) -> Node {
    builder
        .start()
        .unwrap_or_else(|e| panic!("the node does not start: {e}"))
}

/// Two nodes, `a` and `b`, joined in memory. Every message between them goes through its bytes, as over any door.
pub async fn pair() -> (Node, Node) {
    joined(builder("a"), builder("b")).await
}

/// Two nodes joined in memory.
///
/// # Panics
/// One does not start, or they cannot be linked.
pub async fn joined(near: Builder, far: Builder) -> (Node, Node) {
    let (near, far) = (start(near), start(far));
    let up = near.join(&far).await;
    up.unwrap_or_else(|e| panic!("{} and {} are not linked: {e}", near.name(), far.name()));
    (near, far)
}

/// Waits until `is` holds.
///
/// # Panics
/// It does not in [`PATIENCE`].
pub async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !is() {
        let now = tokio::time::Instant::now();
        assert!(now < until, "{what} did not happen in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ends nodes, and checks that nothing of them is left: no actor, no task. Here a handler does not end, so the test fails:
///
/// ```should_panic
/// use actorbridge::{Actor, Cx, Fault, Message, Options};
/// use actorbridge_test::{end, node};
///
/// struct Stuck;
///
/// impl Actor for Stuck {
///     async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
///         std::future::pending().await // does not look at Cx::cancelled
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread", start_paused = true)] // in a test: #[tokio::test(start_paused = true)]
/// async fn main() {
///     let a = node("a");
///     let stuck = a.spawn("stuck", || Stuck, Options::default()).expect("spawned");
///     a.tell(&stuck, &()).await.expect("told");
///     end([a]).await; // "node a does not shut down: stuck …"
/// }
/// ```
///
/// # Panics
/// Something is left, or a handler does not end.
pub async fn end(nodes: impl IntoIterator<Item = Node>) {
    let mut left = Vec::new();
    for node in nodes {
        let name = node.name().to_owned();
        if let Err(error) = node.shutdown(GRACE).await {
            left.push(format!("node {name} does not shut down: {error}"));
        }
        let (actors, tasks) = (node.actors(), node.tasks());
        if actors + tasks > 0 {
            left.push(format!(
                "node {name} is shut down, and has {actors} actors and {tasks} tasks left"
            ));
        }
    }
    assert!(left.is_empty(), "{}", left.join("; "));
}
