//! A link that dies at each step of a move. Whatever the step: before the owner is swapped the actor goes on where it was,
//! and the error says why; after it, it runs at the target; it is never at two places, and nothing is handled twice.

use crate::common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actorbridge::proto::v1::Code;
use actorbridge::{Error, Node, Ref};
use common::cut::{Packets, Seen, Wire};
use common::journal::{Senders, Witness, answers_at, roomy};
use common::test::{Add, Hold};
use common::{LONG, eventually};

/// Where the actor is after a cut, before there is a new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Where it was; the move has failed.
    Stays,
    /// At the target, or where it was: the cut and the swap race.
    Either,
    /// At the target; the move has ended well.
    Goes,
    /// Frozen, until its home can be reached. Then it is at the target.
    Waits,
}

type Rule = fn(&Seen) -> bool;

const OFFER: Rule = |p| p.has_step("offer");
const CHUNK: Rule = |p| p.has_step("chunk") && !p.has_step("offer");
const READY: Rule = |p| p.has_step("ready");
const SWAP: Rule = |p| p.has_type("OwnerSwapRequest");
const SWAPPED: Rule = |p| p.has_type("OwnerSwapReply");
const COMMITTED: Rule = |p| p.has_step("committed");
const FORWARDED: Rule = |p| p.forwards;
const RESET: Rule = |p| p.resets;
const DRAINED: Rule = |p| p.has_step("drained");

/// Two nodes, an actor on its way from one to the other, and senders on both.
struct Stage {
    witness: Witness,
    nodes: [Node; 2],
    wire: Arc<Wire>,
    to: Ref,
    senders: Senders,
}

impl Stage {
    /// The actor is at node a, where it was spawned, or at b, on its way home to a.
    async fn set(comes_home: bool) -> Self {
        let witness = Witness::default();
        let nodes = [witness.node("a"), witness.node("b")];
        let wire = Wire::join(&nodes[0], &nodes[1]).await;
        let to = nodes[0].spawn("order/1", witness.journals("a"), roomy());
        let to = to.expect("spawned");
        if comes_home {
            nodes[0].move_to(&to, "b", LONG).await.expect("it moves");
        }
        let senders = Senders::start(&witness, &nodes, &to).await;
        Self {
            witness,
            nodes,
            wire,
            to,
            senders,
        }
    }
}

fn says_the_link_died(error: &Error, new: &str, step: &str) {
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert_eq!(
        error.detail(),
        format!("the link to node {new} was lost {step}: cut by the test")
    );
}

fn is_frozen(node: &Node, actor: &Ref) -> bool {
    let told = node.try_tell(actor, Add { by: 9, n: 1 });
    told.is_err_and(|(error, _)| error.code() == Code::MailboxFull)
}

async fn a_cut(comes_home: bool, at: Rule, packet: Packets, then: Then) {
    let stage = Stage::set(comes_home).await;
    let (old, new) = (usize::from(comes_home), usize::from(!comes_home));
    let name = ["a", "b"];
    stage.wire.cut_at(packet, at);
    let (mover, to) = (stage.nodes[old].clone(), stage.to.clone());
    let move_it = async move { mover.move_to(&to, name[new], LONG).await };
    let mut moving = tokio::spawn(tokio::time::timeout(LONG, move_it));
    tokio::time::timeout(LONG, stage.wire.cut.cancelled())
        .await
        .expect("the packet comes");
    match then {
        Then::Stays => {
            answers_at(name[old], &stage.nodes[old], &stage.to).await;
            stage.senders.go_on("after the cut", [old, old + 2]).await;
        }
        Then::Waits => {
            assert!(is_frozen(&stage.nodes[old], &stage.to));
            assert!(!moving.is_finished());
        }
        Then::Goes => {
            (&mut moving)
                .await
                .expect("no panic")
                .expect("it ends without a new link")
                .expect("it moves");
        }
        Then::Either => {}
    }
    Wire::join(&stage.nodes[0], &stage.nodes[1]).await;
    let at = match then {
        Then::Goes => new,
        _ => match moving.await.expect("no panic").expect("the move ends") {
            Ok(moved) => {
                assert_eq!((moved.to.as_str(), then == Then::Stays), (name[new], false));
                new
            }
            Err(error) => {
                assert!(matches!(then, Then::Stays | Then::Either), "{error}");
                says_the_link_died(&error, name[new], "while the actor was offered to it");
                old
            }
        },
    };
    answers_at(name[at], &stage.nodes[old], &stage.to).await;
    stage.senders.all_go_on("after the new link").await;
    if at == old {
        let moved = stage.nodes[old].move_to(&stage.to, name[new], LONG).await;
        moved.expect("the next try succeeds");
    }
    stage.senders.end_at(name[new], &stage.nodes, &stage.to).await;
}

async fn cuts(comes_home: bool, at: Rule, then: [Then; 2]) {
    a_cut(comes_home, at, Packets::Lost, then[0]).await;
    a_cut(comes_home, at, Packets::Come, then[1]).await;
}

macro_rules! cuts {
    ($($name:ident: $home:expr, $at:expr, $lost:ident, $come:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            cuts($home, $at, [Then::$lost, Then::$come]).await;
        }
    )*};
}

// Where the actor is if the packet is lost with the link, and if it still comes.
cuts! {
    a_link_that_dies_at_the_offer_leaves_the_actor_running: false, OFFER, Stays, Stays;
    a_link_that_dies_among_the_chunks_leaves_the_actor_running: false, CHUNK, Stays, Stays;
    a_link_that_dies_at_ready_leaves_the_actor_at_one_place: false, READY, Stays, Either;
    a_link_that_dies_at_committed_leaves_the_actor_at_the_target: false, COMMITTED, Goes, Goes;
    a_link_that_dies_while_messages_follow_leaves_the_actor_at_the_target: false, FORWARDED, Goes, Goes;
    a_link_that_dies_at_the_resets_leaves_the_actor_at_the_target: false, RESET, Goes, Goes;
    a_link_that_dies_at_drained_leaves_the_actor_at_the_target: false, DRAINED, Goes, Goes;
    on_its_way_home_too_a_link_that_dies_at_the_offer_leaves_the_actor_running: true, OFFER, Stays, Stays;
    on_its_way_home_too_a_link_that_dies_among_the_chunks_leaves_it_running: true, CHUNK, Stays, Stays;
    on_its_way_home_a_link_that_dies_at_ready_leaves_the_actor_running_or_frozen: true, READY, Stays, Either;
    a_link_to_home_that_dies_at_the_swap_freezes_the_actor_until_there_is_another: true, SWAP, Waits, Waits;
    a_link_to_home_that_dies_at_the_answer_freezes_the_actor_until_there_is_another: true, SWAPPED, Waits, Either;
    on_its_way_home_too_a_link_that_dies_at_committed_leaves_it_at_the_target: true, COMMITTED, Goes, Goes;
    on_its_way_home_too_a_link_that_dies_while_messages_follow_leaves_it_there: true, FORWARDED, Goes, Goes;
    on_its_way_home_too_a_link_that_dies_at_drained_leaves_it_there: true, DRAINED, Goes, Goes;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_dies_while_a_handler_still_runs_leaves_the_actor_running() {
    let Stage {
        witness,
        nodes,
        wire,
        to,
        senders,
    } = Stage::set(false).await;
    nodes[0].tell(&to, &Hold::default()).await.expect("told");
    eventually("the hold", || witness.holds.load(Ordering::SeqCst)).await;
    let (mover, actor) = (nodes[0].clone(), to.clone());
    let moving = tokio::spawn(async move { mover.move_to(&actor, "b", LONG).await });
    eventually("the freeze", || is_frozen(&nodes[0], &to)).await;
    wire.cut_now();
    let moved = tokio::time::timeout(LONG, moving)
        .await
        .expect("the move ends")
        .expect("no panic");
    says_the_link_died(&moved.expect_err("it cannot move"), "b", "before the actor was offered");
    witness.gate.add_permits(1);
    senders.go_on("after the cut", [0, 2]).await;
    Wire::join(&nodes[0], &nodes[1]).await;
    senders.all_go_on("after the new link").await;
    senders.end_at("a", &nodes, &to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_tried_again_by_a_new_link_before_the_target_hears_that_the_old_one_died() {
    for comes_home in [false, true] {
        let witness = Witness::default();
        let nodes = [witness.node("a"), witness.node("b")];
        let wire = Wire::join(&nodes[0], &nodes[1]).await;
        let to = nodes[0].spawn("order/1", witness.journals("a"), roomy());
        let to = to.expect("spawned");
        let (old, new) = (usize::from(comes_home), usize::from(!comes_home));
        if comes_home {
            nodes[0].move_to(&to, "b", LONG).await.expect("it moves");
        }
        wire.deafen(nodes[new].name());
        wire.cut_at(Packets::Lost, READY);
        let moved = nodes[old].move_to(&to, nodes[new].name(), LONG).await;
        let error = moved.expect_err("the link dies");
        says_the_link_died(&error, nodes[new].name(), "while the actor was offered to it");
        Wire::join(&nodes[old], &nodes[new]).await;
        let moved = nodes[old].move_to(&to, nodes[new].name(), LONG).await;
        assert_eq!(moved.expect("the second try succeeds").to, nodes[new].name());
        wire.end();
        answers_at(nodes[new].name(), &nodes[0], &to).await;
        answers_at(nodes[new].name(), &nodes[1], &to).await;
        assert_eq!((nodes[old].actors(), nodes[new].actors()), (0, 1));
    }
}
