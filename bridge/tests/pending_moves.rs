//! What an actor waits for moves with it: a request, a timer, and an ask that it answers later, each ends once.

use crate::common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Responder, State};
use actorbridge_test::Probe;
use common::test::{AskThrough, Count, EchoReply, EchoRequest, GetCount, Held, Hold};
use common::{LONG, SECOND};
use tokio::sync::mpsc;

/// Asks that are answered later.
type Later = mpsc::UnboundedSender<Responder>;

/// What came, and how often.
type Came = Arc<Mutex<BTreeMap<String, u64>>>;

#[derive(Clone)]
struct Pilgrim {
    came: Came,
    later: Later,
}

impl Actor for Pilgrim {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<AskThrough>() {
            let ask: AskThrough = message.decode()?;
            cx.timer("tick", SECOND, &GetCount {})?;
            let to = ask.target.parse()?;
            cx.request(&to, &EchoRequest::default(), SECOND * 60, "note".into())?;
            return cx.reply(&Held::default());
        }
        if message.is::<Hold>() {
            let _ = self.later.send(cx.take_responder()?);
            return Ok(());
        }
        let name = message.type_name().rsplit('.').next().unwrap_or_default();
        let what = format!("{name} {}", String::from_utf8_lossy(message.context()));
        *self.came.lock().unwrap().entry(what).or_default() += 1;
        Ok(())
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&Count::default()))
    }

    fn restore(&mut self, _: &State) -> Result<(), Fault> {
        Ok(())
    }
}

fn node(name: &str, pilgrim: &Pilgrim) -> Node {
    let pilgrim = pilgrim.clone();
    Node::builder(name)
        .runtime(tokio::runtime::Handle::current())
        .factory("pilgrim/*", move || pilgrim.clone())
        .start()
        .expect("the node starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_a_timer_and_an_ask_that_waits_each_end_once_through_moves_without_pause() {
    let (later, mut asks) = mpsc::unbounded_channel();
    let came = Came::default();
    let pilgrim = Pilgrim {
        came: came.clone(),
        later,
    };
    let nodes = [node("a", &pilgrim), node("b", &pilgrim)];
    nodes[0].join(&nodes[1]).await.expect("linked");
    let mut oracle = Probe::at(&nodes[0], "oracle");
    let to = nodes[0].spawn("pilgrim/1", move || pilgrim.clone(), Options::default());
    let to = to.expect("spawned");
    let ask = AskThrough {
        target: oracle.address().to_string(),
        ..Default::default()
    };
    let _: Held = nodes[0].ask(&to, &ask, LONG).await.expect("answered");
    let (asker, actor) = (nodes[0].clone(), to.clone());
    let held = tokio::spawn(async move { asker.ask::<Held, _>(&actor, &Hold::default(), SECOND * 60).await });
    let waits = tokio::time::timeout(LONG, asks.recv()).await;
    let mut waits = waits.expect("the ask comes in time");
    let (_, request) = oracle.expect_ask::<EchoRequest>().await;
    let mut request = Some(request);
    let until = tokio::time::Instant::now() + LONG * 3;
    let (mut moves, mut more) = (0, 10);
    let once = BTreeMap::from([("EchoReply note".to_owned(), 1), ("GetCount ".to_owned(), 1)]);
    while more > 0 {
        let moved = nodes[moves % 2].move_to(&to, nodes[1 - moves % 2].name(), LONG).await;
        moved.unwrap_or_else(|e| panic!("move {moves}: {e}"));
        match moves {
            5 => request
                .take()
                .expect("not answered yet")
                .reply(&EchoReply::default())
                .expect("it fits"),
            6 => waits
                .take()
                .expect("not answered yet")
                .reply(&Held::default())
                .expect("it fits"),
            _ => {}
        }
        moves += 1;
        // What came twice would come in the moves after that.
        more -= usize::from(*came.lock().unwrap() == once && held.is_finished());
        let now = tokio::time::Instant::now();
        assert!(
            now < until,
            "after {moves} moves there came {came:?}, answered: {}",
            held.is_finished()
        );
    }
    held.await.expect("no panic").expect("answered");
    assert_eq!(*came.lock().unwrap(), once);
    for node in &nodes {
        assert!(node.dead_letter_counts().is_empty(), "{:?}", node.dead_letters());
        node.shutdown(Duration::from_secs(5)).await.expect("all ends");
    }
}
