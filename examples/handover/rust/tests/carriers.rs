//! The actor in a node.

use std::time::Duration;

use actorbridge::proto::v1::{Code, SpawnReply, SpawnRequest};
use actorbridge::{Node, Ref};
use handover_rust::flights::{Departure, GetReport, Report};

const SOON: Duration = Duration::from_secs(10);

async fn node() -> Node {
    let handle = tokio::runtime::Handle::current();
    let start = move || {
        Node::builder("rust")
            .runtime(handle)
            .module(handover_rust::module())
            .start()
    };
    let started = tokio::task::spawn_blocking(start).await;
    started.expect("no panic").expect("the node starts")
}

#[tokio::test]
async fn the_actor_comes_when_it_is_wanted_and_counts_what_it_is_told() {
    let node = node().await;
    let carriers: Ref = "ab:///carriers".parse().expect("an address");
    assert_eq!(
        node.actors(),
        0,
        "it may live elsewhere, so the node does not start with it"
    );
    let system: Ref = "ab://rust/system".parse().expect("an address");
    let spawn = SpawnRequest {
        path: "carriers".into(),
        ..Default::default()
    };
    let _: SpawnReply = node.ask(&system, &spawn, SOON).await.expect("spawned");
    for row in 1..=3 {
        let departure = Departure {
            row,
            carrier: format!("C{row}"),
            ..Departure::default()
        };
        node.tell(&carriers, &departure).await.expect("room");
    }
    let after = GetReport {
        after: Some("C1".into()),
    };
    let page: Report = node.ask(&carriers, &after, SOON).await.expect("answered");
    let names: Vec<_> = page.carriers.iter().map(|c| c.carrier.as_str()).collect();
    assert_eq!((page.handled, names), (3, vec!["C2", "C3"]));

    let stranger = SpawnRequest::default();
    let refused = node.ask::<Report, _>(&carriers, &stranger, SOON).await;
    assert_eq!(refused.expect_err("not its message").code(), Code::UnsupportedType);
    node.shutdown(SOON).await.expect("everything ends");
}
