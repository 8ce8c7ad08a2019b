//! An actor's home that cannot be reached when its owner is to be swapped: the actor stays frozen until it can, then it moves.

use crate::common;

use std::sync::Arc;

use actorbridge::proto::v1::{Code, MoveToReply};
use actorbridge::{Error, Node, Ref};
use common::LONG;
use common::cut::{Packets, Seen, Wire};
use common::journal::{Senders, Witness, answers_at, roomy};
use common::test::Add;
use tokio::task::JoinHandle;

/// An actor at node a, on its way to b, whose home is h; all are linked, and have senders.
struct Trio {
    /// h, a, b.
    nodes: [Node; 3],
    home: Arc<Wire>,
    target: Arc<Wire>,
    to: Ref,
    senders: Senders,
}

type Moving = JoinHandle<Result<MoveToReply, Error>>;

impl Trio {
    async fn set() -> Self {
        let witness = Witness::default();
        let nodes = ["h", "a", "b"].map(|name| witness.node(name));
        let [h, a, b] = &nodes;
        let (home, target) = (Wire::join(a, h).await, Wire::join(a, b).await);
        Wire::join(h, b).await;
        let to = h.spawn("order/1", witness.journals("h"), roomy()).expect("spawned");
        h.move_to(&to, "a", LONG).await.expect("it moves");
        let senders = Senders::start(&witness, &nodes, &to).await;
        Self {
            nodes,
            home,
            target,
            to,
            senders,
        }
    }

    fn moves(&self) -> Moving {
        let (mover, to) = (self.nodes[1].clone(), self.to.clone());
        tokio::spawn(async move { mover.move_to(&to, "b", LONG).await })
    }

    /// It is frozen at a, and nowhere else; where home knows of its move, it may be at b already, which hears of it there.
    fn is_frozen(&self, moving: &Moving, home_knows: bool) {
        let told = self.nodes[1].try_tell(&self.to, Add { by: 9, n: 1 });
        let (error, _) = told.expect_err("it is frozen");
        assert_eq!(error.code(), Code::MailboxFull, "{error}");
        let [h, a, b] = self.nodes.each_ref().map(Node::actors);
        assert!(
            (h, a) == (0, 1) && (b == 0 || home_knows && b == 1),
            "{h}, {a} and {b} hosts"
        );
        assert!(!moving.is_finished());
    }
}

async fn ends_well(moving: Moving) {
    let moved = tokio::time::timeout(LONG, moving)
        .await
        .expect("the move ends")
        .expect("no panic");
    assert_eq!(moved.expect("it moves").to, "b");
}

async fn a_cut(packet: Packets, at: fn(&Seen) -> bool, target_too: bool) {
    let trio = Trio::set().await;
    let home_knows = matches!(packet, Packets::Come);
    trio.home.cut_at(packet, at);
    let moving = trio.moves();
    tokio::time::timeout(LONG, trio.home.cut.cancelled())
        .await
        .expect("the packet comes");
    if target_too {
        trio.target.cut_now();
    }
    trio.is_frozen(&moving, target_too && home_knows);
    let [h, a, b] = &trio.nodes;
    Wire::join(a, h).await;
    ends_well(moving).await;
    // Home says where it is, also to the target if that did not hear it from the source.
    answers_at("b", h, &trio.to).await;
    if target_too {
        Wire::join(a, b).await;
    }
    answers_at("b", a, &trio.to).await;
    trio.senders.all_go_on("after the new link").await;
    trio.senders.end_at("b", &trio.nodes, &trio.to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_whose_home_is_lost_at_the_swap_stays_frozen_until_it_is_back_and_then_moves() {
    for packet in [Packets::Lost, Packets::Come] {
        a_cut(packet, |p| p.has_type("OwnerSwapRequest"), false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_whose_home_is_lost_with_its_answer_stays_frozen_until_it_is_back_and_then_moves() {
    a_cut(Packets::Lost, |p| p.has_type("OwnerSwapReply"), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_whose_home_and_target_are_lost_at_the_swap_moves_once_home_is_back() {
    for packet in [Packets::Lost, Packets::Come] {
        a_cut(packet, |p| p.has_type("OwnerSwapRequest"), true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_whose_home_is_lost_before_the_move_stays_frozen_until_it_is_back_and_then_moves() {
    let trio = Trio::set().await;
    let [h, a, _] = &trio.nodes;
    trio.home.cut_now();
    let ready = tokio_util::sync::CancellationToken::new();
    let seen = ready.clone();
    trio.target.cut_at(Packets::Come, move |p| {
        if p.has_step("ready") {
            seen.cancel();
        }
        false
    });
    let moving = trio.moves();
    tokio::time::timeout(LONG, ready.cancelled())
        .await
        .expect("the target is ready");
    trio.is_frozen(&moving, false);
    Wire::join(a, h).await;
    ends_well(moving).await;
    trio.senders.all_go_on("after the new link").await;
    trio.senders.end_at("b", &trio.nodes, &trio.to).await;
}
