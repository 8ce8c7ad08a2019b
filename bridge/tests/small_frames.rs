//! Many small frames that come while a node stands still: HTTP/2 counts those that nobody has read, and ends a connection with too
//! many of them.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actorbridge::proto::v1::Kind;
use actorbridge::proto::writer;
use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Ref};
use bytes::Bytes;
use common::raw::Raw;
use common::test::{Add, Count, GetCount};
use common::{LONG, SECOND, digest, worker};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::common;

/// Frames that carry nothing, and then frames with a message each. HTTP/2 would bear less than 17,000 unread.
const EMPTY_THOUSANDS: usize = 60;
const FULL: u64 = 2_000;

/// An actor that keeps its thread, the only one of its node, until the test goes on.
#[derive(Clone)]
struct Standing {
    begun: mpsc::Sender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Actor for Standing {
    async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
        let _ = self.begun.send(());
        let _ = self.go_on.lock().expect("no panic").recv_timeout(LONG);
        Ok(())
    }
}

/// A node on one thread, with an actor that can stop it and one that counts.
struct Scene {
    thread: Runtime,
    node: Node,
    counter: Ref,
    begun: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

impl Scene {
    async fn new() -> Self {
        let thread = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let thread = thread.expect("a runtime");
        let builder = Node::builder("b")
            .runtime(thread.handle().clone())
            .listen("tcp://127.0.0.1:0");
        let started = tokio::task::spawn_blocking(|| builder.start()).await;
        let node = started.expect("no panic").expect("it starts");
        let ((begins, begun), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
        let standing = Standing {
            begun: begins,
            go_on: Arc::new(Mutex::new(goes_on)),
        };
        node.spawn("standing", move || standing.clone(), Options::default())
            .expect("spawned");
        let roomy = Options {
            mailbox: 2 * FULL as u32,
            ..Options::default()
        };
        let counter = node.spawn("counter", worker, roomy).expect("spawned");
        Self {
            thread,
            node,
            counter,
            begun,
            go_on,
        }
    }

    /// While the node stands, a peer sends all it has; then the node goes on, and gets it.
    async fn stands_while_it_comes(self, mut raw: Raw) {
        let most = raw.room();
        assert!(most <= 4 << 20, "a peer may send {most} bytes that nobody reads");
        raw.open(1, "ab:///standing").await;
        raw.open(2, "ab:///counter").await;
        raw.run(1, 1, 0, &[add(1)]).await;
        self.begun.recv_timeout(LONG).expect("the node stands");
        raw.empty_frames(EMPTY_THOUSANDS).await;
        for n in 1..=FULL {
            raw.run(2, n, 0, &[add(n)]).await;
        }
        self.go_on.send(()).expect("the node stands");
        let up = || self.node.peers().contains(&"raw".into());
        let until = tokio::time::Instant::now() + 3 * LONG;
        let mut counted = Count::default();
        while counted.handled < FULL && up() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let asked = self.node.ask(&self.counter, &GetCount {}, LONG).await;
            counted = asked.expect("an answer");
        }
        assert!(up(), "the link stays: {:?}", self.node.logs(9).0);
        assert_eq!(
            (counted.handled, counted.digest),
            (FULL, digest(FULL)),
            "each comes, in order"
        );
        self.node.shutdown(SECOND).await.expect("everything ends");
        self.thread.shutdown_background();
    }
}

/// A whole tell that counts to `n`.
fn add(n: u64) -> Bytes {
    let what = writer::what(Kind::Tell, "actorbridge.test.v1.Add", 1, 1);
    let body = writer::body(writer::BodyFields::default(), &Add { by: 1, n }.encode_to_vec());
    writer::join(&[], &what.bytes, &body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_stood_still_gets_all_that_a_peer_sent_in_small_frames() {
    let scene = Scene::new().await;
    let raw = Raw::link(&scene.node.listening()[0]).await;
    scene.stands_while_it_comes(raw).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dialler_that_stood_still_gets_all_that_a_peer_sent_in_small_frames() {
    let scene = Scene::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = format!("tcp://{}", listener.local_addr().expect("bound"));
    let (raw, linked) = tokio::join!(Raw::accept(&listener), scene.node.dial(&address));
    linked.expect("linked");
    scene.stands_while_it_comes(raw).await;
}
