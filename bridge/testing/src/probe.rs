//! An actor that is a test's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Payload, Ref, Responder};
use tokio::sync::mpsc;

use crate::PATIENCE;

/// What came to a probe, and who is to be answered.
type Came = (Message, Option<Responder>);

/// Most messages that wait in a probe before its mailbox fills up.
const HELD: usize = 1024;

/// An actor whose messages the test takes one by one. It stands in for what the actor under test sends to.
///
/// ```
/// use std::time::Duration;
///
/// use actorbridge::{Actor, Cx, Fault, Message, Options, Ref};
/// use actorbridge_test::{Probe, end, pair};
/// use shop::Price; // what `actorbridge gen` wrote
/// # mod shop {
/// #     #[derive(Clone, PartialEq, prost::Message)]
/// #     pub struct Price {
/// #         #[prost(int64, tag = "1")]
/// #         pub cents: i64,
/// #     }
/// #     impl prost::Name for Price {
/// #         const NAME: &'static str = "Price";
/// #         const PACKAGE: &'static str = "shop.v1";
/// #     }
/// #     impl actorbridge::Versioned for Price {
/// #         const VERSION: u32 = 1;
/// #         const MIN_READER: u32 = 1;
/// #     }
/// # }
///
/// /// The actor to test: what it is told, it tells its customer at half the price.
/// struct Sale(Ref);
///
/// impl Actor for Sale {
///     async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
///         let full: Price = message.decode()?;
///         Ok(cx.tell(&self.0, &Price { cents: full.cents / 2 })?)
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread", start_paused = true)] // in a test: #[tokio::test(start_paused = true)]
/// async fn main() {
///     let (a, b) = pair().await;
///     let mut customer = Probe::new(&a);
///     let to = customer.address().clone();
///     let sale = b.spawn("sale", move || Sale(to.clone()), Options::default()).expect("spawned");
///
///     a.tell(&sale, &Price { cents: 500 }).await.expect("told");
///     assert_eq!(customer.expect::<Price>().await.cents, 250);
///     customer.expect_none_for(Duration::from_secs(3600)).await; // takes no time
///     end([a, b]).await;
/// }
/// ```
pub struct Probe {
    address: Ref,
    came: mpsc::Receiver<Came>,
}

impl Probe {
    /// A probe at a path of its own.
    ///
    /// # Panics
    /// The node is shut down.
    pub fn new(node: &Node) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::at(node, &format!("probe/{number}"))
    }

    /// A probe at this path.
    ///
    /// # Panics
    /// The path is taken, or not valid.
    pub fn at(node: &Node, path: &str) -> Self {
        let (tx, came) = mpsc::channel(HELD);
        let address = node
            .spawn(path, move || Listens(tx.clone()), Options::default())
            .unwrap_or_else(|e| panic!("the probe is not spawned: {e}"));
        Self { address, came }
    }

    /// Its address, for who is to send to it.
    pub fn address(&self) -> &Ref {
        &self.address
    }

    /// Takes the next message, which must be a `T` and come in [`PATIENCE`].
    ///
    /// # Panics
    /// It is not, or does not.
    pub async fn expect<T: Payload>(&mut self) -> T {
        self.next::<T>().await.0
    }

    /// As [`Probe::expect`] of an ask; the responder answers it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use actorbridge_test::{Probe, end, node};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let a = node("a");
    /// let mut till = Probe::at(&a, "till");
    /// let (asker, to) = (a.clone(), till.address().clone());
    /// let asked = tokio::spawn(async move { asker.ask::<(), _>(&to, &(), Duration::from_secs(5)).await });
    ///
    /// let ((), responder) = till.expect_ask::<()>().await;
    /// responder.reply(&()).expect("it fits");
    /// asked.await.expect("no panic").expect("answered");
    /// # end([a]).await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// It is none.
    pub async fn expect_ask<T: Payload>(&mut self) -> (T, Responder) {
        let (message, responder) = self.next::<T>().await;
        let name = T::full_name();
        (
            message,
            responder.unwrap_or_else(|| panic!("a {name} came that is no ask")),
        )
    }

    /// Takes the next message, whatever it is.
    ///
    /// # Panics
    /// None comes in [`PATIENCE`].
    pub async fn expect_any(&mut self) -> Message {
        self.take("any message").await.0
    }

    /// Nothing comes for so long.
    ///
    /// # Panics
    /// Something does.
    pub async fn expect_none_for(&mut self, time: Duration) {
        if let Ok(Some((message, _))) = tokio::time::timeout(time, self.came.recv()).await {
            panic!("{} came, and nothing should in {time:?}", describe(&message));
        }
    }

    async fn next<T: Payload>(&mut self) -> (T, Option<Responder>) {
        let name = T::full_name();
        let (message, responder) = self.take(&name).await;
        let decoded = message.decode();
        let decoded = decoded.unwrap_or_else(|e| panic!("{} came instead of {name}: {e}", describe(&message)));
        (decoded, responder)
    }

    async fn take(&mut self, what: &str) -> Came {
        match tokio::time::timeout(PATIENCE, self.came.recv()).await {
            Ok(Some(came)) => came,
            Ok(None) => panic!("{} has stopped, and {what} was expected", self.address),
            Err(_) => panic!("{what} did not come to {} in {PATIENCE:?}", self.address),
        }
    }
}

fn describe(message: &Message) -> String {
    let kind = message.kind().map_or("?", |k| k.as_str_name());
    let from = message.sender().map_or("outside code".into(), |s| s.to_string());
    format!("{kind} {} from {from}", message.type_name())
}

struct Listens(mpsc::Sender<Came>);

impl Actor for Listens {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let responder = message.is_ask().then(|| cx.take_responder()).transpose()?;
        // Once the test has dropped its probe, nobody listens.
        let sent = tokio::select! {
            sent = self.0.send((message.clone(), responder)) => sent.is_ok(),
            () = cx.cancelled() => return Err(Fault::cancelled()),
        };
        if sent { Ok(()) } else { Err(Fault::app("PROBE_GONE")) }
    }
}
