//! A link that dies at each step of a move. Whatever the step: before the owner is swapped the actor goes on where it was,
//! and the error says why; after it, it runs at the target; it is never at two places, and nothing is handled twice.

mod common;

use actorbridge::proto::v1::Code;
use actorbridge::{Error, Node, Options, Ref};
use common::cut::{Packets, Seen, Wire};
use common::journal::{Told, Witness, answers_at, check, count_to};
use common::test::Add;
use common::{LONG, SECOND, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

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

/// Two nodes, an actor on its way from `old` to `new`, and a sender on each.
struct Stage {
    witness: Witness,
    nodes: [Node; 2],
    wire: std::sync::Arc<Wire>,
    to: Ref,
    stop: CancellationToken,
    senders: Vec<JoinHandle<Told>>,
}

impl Stage {
    /// The actor is at node a, where it was spawned, or at b, on its way home to a.
    async fn set(comes_home: bool) -> Self {
        let witness = Witness::default();
        let nodes = [witness.node("a"), witness.node("b")];
        let wire = Wire::join(&nodes[0], &nodes[1]).await;
        let to = nodes[0].spawn("order/1", witness.journals("a"), Options::default());
        let to = to.expect("spawned");
        if comes_home {
            nodes[0].move_to(&to, "b", SECOND * 2).await.expect("it moves");
        }
        let stop = CancellationToken::new();
        // Two on each node: one that is often busy with an ask, and one that only tells.
        let sender = |by: usize| {
            let (node, asks_each) = (nodes[by % 2].clone(), if by < 2 { 8 } else { u64::MAX });
            tokio::spawn(count_to(node, to.clone(), by as i64, asks_each, stop.clone()))
        };
        let senders = (0..4).map(sender).collect();
        let stage = Self {
            witness,
            nodes,
            wire,
            to,
            stop,
            senders,
        };
        stage.goes_on("before the move", &[0, 1, 2, 3]).await;
        stage
    }

    /// Waits until messages of these senders are handled.
    async fn goes_on(&self, when: &str, senders: &[i64]) {
        for by in senders {
            let of = |w: &Witness| w.last(*by);
            let before = of(&self.witness);
            eventually(&format!("{when}: a message of sender {by}"), || {
                of(&self.witness) > before + 50
            })
            .await;
        }
    }

    /// Ends the senders, and says whether all that they were told is true.
    async fn ends_at(self, at: &str) {
        self.stop.cancel();
        let mut told = Vec::new();
        for sender in self.senders {
            told.push(
                tokio::time::timeout(LONG * 2, sender)
                    .await
                    .expect("a sender ends")
                    .expect("no panic"),
            );
        }
        // An ask is behind what its node told before.
        answers_at(at, &self.nodes[0], &self.to).await;
        let count = answers_at(at, &self.nodes[1], &self.to).await;
        let [a, b] = &self.nodes;
        check(&self.witness, &count, &told, &[a, b]);
        assert_eq!(a.actors() + b.actors(), 1, "it lives at one place");
        for node in &self.nodes {
            node.shutdown(SECOND).await.expect("all ends");
        }
    }
}

fn says_the_link_died(error: &Error, new: &str) {
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let says = format!("the link to node {new} was lost while the actor was offered to it: cut by the test");
    assert_eq!(error.detail(), says);
}

async fn a_cut(comes_home: bool, at: Rule, packet: Packets, then: Then) {
    let stage = Stage::set(comes_home).await;
    let (old, new) = (usize::from(comes_home), usize::from(!comes_home));
    let name = ["a", "b"];
    stage.wire.cut_at(packet, at);
    let (mover, to) = (stage.nodes[old].clone(), stage.to.clone());
    let move_it = async move { mover.move_to(&to, name[new], SECOND * 2).await };
    let mut moving = tokio::spawn(tokio::time::timeout(LONG, move_it));
    tokio::time::timeout(LONG, stage.wire.cut.cancelled())
        .await
        .expect("the packet comes");
    match then {
        Then::Stays => {
            answers_at(name[old], &stage.nodes[old], &stage.to).await;
            stage.goes_on("after the cut", &[old as i64, old as i64 + 2]).await;
        }
        Then::Waits => {
            let refused = stage.nodes[old].try_tell(&stage.to, Add { by: 9, n: 1 });
            let (error, _) = refused.expect_err("it is frozen");
            assert_eq!(error.code(), Code::MailboxFull, "{error}");
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
                says_the_link_died(&error, name[new]);
                old
            }
        },
    };
    answers_at(name[at], &stage.nodes[old], &stage.to).await;
    stage.goes_on("after the new link", &[0, 1, 2, 3]).await;
    if at == old {
        let moved = stage.nodes[old].move_to(&stage.to, name[new], SECOND * 2).await;
        moved.expect("the next try succeeds");
    }
    stage.ends_at(name[new]).await;
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
