//! Moves of one actor, as each side sees them.

use actorbridge::proto::v1::{Aborted, Chunk, Code, Committed, Move, Ready, r#move::Step};
use prost::Message;

use super::Scene;
use crate::text::quote;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![("move-source", sources()), ("move-destination", destinations())]
}

const SUBJECT: &str = "actor=\"ab:///x\" epoch=4 source=\"a\" destination=\"b\"";
const OFFER: &str = "type=\"test.State\" codec=\"protobuf\" sha256=\"\\{07*32}\"";

fn receive(s: &mut Scene, epoch: u64, step: Step, now: u64) {
    let step = Move {
        actor: "ab:///x".into(),
        epoch,
        step: Some(step),
    };
    s.event(format!("receive {} now={now}", quote(&step.encode_to_vec())));
}

fn ready(byte: u8) -> Step {
    Step::Ready(Ready {
        sha256: vec![byte; 32].into(),
    })
}

fn aborted(code: i32) -> Step {
    let detail = "no factory".into();
    Step::Aborted(Aborted { code, detail })
}

fn sources() -> Scene {
    let mut s = Scene::new("The source of a move: only it swaps, and once it does the owner cell alone decides.");
    let freezing = |s: &mut Scene, title: &str| {
        s.part(title);
        s.event(format!("source {SUBJECT} freeze_ms=2000 now=100"));
    };
    let sending = |s: &mut Scene, title: &str| {
        freezing(s, title);
        s.event(format!(
            "cut {OFFER} total=25 snapshot=\"\\{{73*25}}\" chunk=10 now=1000"
        ));
    };
    let swapping = |s: &mut Scene, title: &str| {
        sending(s, title);
        receive(s, 4, ready(7), 0);
        s.event("is_swapping");
    };
    swapping(
        &mut s,
        "From the offer to the swap to committed. Nothing happens afterwards.",
    );
    s.event("swapped owner=\"b\" epoch=4");
    s.event("swapped owner=\"b\" epoch=4");
    s.event("link_down detail=\"gone\"");
    s.event("tick now=99999");
    freezing(&mut s, "The handler that runs does not end.");
    s.event("tick now=2099");
    s.event("is_swapping");
    s.event("tick now=2100");
    s.event(format!("cut {OFFER} total=1 snapshot=\"s\" chunk=10 now=2100"));
    freezing(&mut s, "It is refused before it is offered.");
    s.event("refuse code=CODE_STOPPED detail=\"it stops\"");
    freezing(&mut s, "The link is lost before it is offered.");
    receive(&mut s, 4, ready(7), 0);
    s.event("link_down detail=\"gone\"");
    sending(&mut s, "It is refused here.");
    s.event("cut codec=\"protobuf\" now=1000");
    s.event("refuse code=CODE_STOPPED detail=\"it stops\"");
    sending(&mut s, "The destination refuses; steps of other moves do nothing.");
    receive(&mut s, 3, aborted(Code::NoSuchActor as i32), 0);
    receive(&mut s, 4, Step::Committed(Committed { epoch: 4 }), 0);
    receive(&mut s, 4, aborted(Code::NoSuchActor as i32), 0);
    sending(&mut s, "It refuses with a code of a later version.");
    receive(&mut s, 4, aborted(999), 0);
    sending(&mut s, "It has loaded something else.");
    receive(&mut s, 4, ready(8), 0);
    sending(&mut s, "It is silent for ten seconds.");
    s.event("tick now=10999");
    s.event("tick now=11000");
    receive(&mut s, 4, ready(7), 0);
    sending(&mut s, "The link is lost: the destination may have been ready.");
    s.event("link_down detail=\"gone\"");
    swapping(
        &mut s,
        "Home does not answer; the link is lost; it is tried until it does.",
    );
    s.event("unanswered now=5000");
    s.event("link_down detail=\"gone\"");
    s.event("refuse code=CODE_STOPPED detail=\"it stops\"");
    receive(&mut s, 4, aborted(Code::Stopped as i32), 0);
    s.event("tick now=5499");
    s.event("tick now=5500");
    s.event("tick now=6000");
    s.event("unanswered now=6000");
    s.event("tick now=6500");
    s.event("swapped owner=\"a\" epoch=5");
    swapping(&mut s, "Another node owns it.");
    s.event("swapped owner=\"c\" epoch=9");
    swapping(&mut s, "The destination owns it, and has moved on.");
    s.event("swapped owner=\"b\" epoch=6");
    s
}

fn destinations() -> Scene {
    let mut s = Scene::new("The destination of a move: it runs nothing before the actor is its own.");
    let collecting = |s: &mut Scene, title: &str| {
        s.part(title);
        s.event(format!("destination {SUBJECT} {OFFER} total=20 now=100"));
    };
    let chunk = |offset, data: &str| {
        let data = data.to_owned().into_bytes().into();
        Step::Chunk(Chunk { offset, data })
    };
    let loading = |s: &mut Scene, title: &str| {
        collecting(s, title);
        receive(s, 4, chunk(0, "ten bytes "), 200);
        receive(s, 4, chunk(10, "ten more.."), 300);
    };
    let prepared = |s: &mut Scene, title: &str| {
        loading(s, title);
        s.event("loaded");
    };
    prepared(&mut s, "It is collected, loaded, and activated when it is committed.");
    receive(&mut s, 5, Step::Committed(Committed { epoch: 4 }), 400);
    s.event("tick now=99999");
    receive(&mut s, 4, Step::Committed(Committed { epoch: 4 }), 400);
    s.event("is_over");
    receive(&mut s, 4, Step::Committed(Committed { epoch: 4 }), 400);
    s.event("link_down now=500");
    s.part("Offers that cannot be taken.");
    for (subject, offer) in [
        (SUBJECT, format!("{OFFER} total=0")),
        (SUBJECT, format!("{OFFER} total=67108865")),
        (
            SUBJECT,
            "type=\"t\" codec=\"protobuf\" sha256=\"\\{07*31}\" total=1".to_owned(),
        ),
        (SUBJECT, "codec=\"protobuf\" sha256=\"\\{07*32}\" total=1".to_owned()),
        (
            SUBJECT,
            "type=\"t\" codec=\"json\" sha256=\"\\{07*32}\" total=1".to_owned(),
        ),
        (
            "actor=\"ab:///x\" epoch=1 source=\"a\" destination=\"b\"",
            format!("{OFFER} total=1"),
        ),
    ] {
        s.event(format!("destination {subject} {offer} now=0"));
    }
    collecting(&mut s, "A chunk is missing.");
    receive(&mut s, 4, chunk(10, "ten more.."), 200);
    collecting(&mut s, "A chunk is too long.");
    receive(&mut s, 4, chunk(0, &"x".repeat(21)), 200);
    collecting(&mut s, "No chunk comes for ten seconds.");
    s.event("tick now=10099");
    receive(&mut s, 4, chunk(0, "ten bytes "), 10_099);
    s.event("tick now=20098");
    s.event("tick now=20099");
    collecting(
        &mut s,
        "The link is lost before all has come; the source aborts; it is committed too early.",
    );
    receive(&mut s, 4, Step::Committed(Committed { epoch: 4 }), 200);
    s.event("polled owner=\"b\" epoch=4");
    s.event("loaded");
    s.event("link_down now=200");
    loading(&mut s, "It cannot be loaded.");
    receive(&mut s, 4, chunk(20, ""), 300);
    s.event("loaded code=CODE_UNDECODABLE detail=\"no such state\"");
    loading(&mut s, "The source aborts while it is loaded.");
    receive(&mut s, 4, aborted(Code::Unavailable as i32), 300);
    s.event("loaded");
    prepared(&mut s, "The link is lost: home is asked until it answers what ends it.");
    s.event("link_down now=400");
    s.event("tick now=899");
    s.event("tick now=900");
    s.event("tick now=1400");
    s.event("polled owner=\"a\" epoch=3");
    s.event("tick now=1900");
    s.event("polled owner=\"b\" epoch=4");
    prepared(&mut s, "Home says that the offer is void.");
    s.event("link_down now=400");
    s.event("polled owner=\"a\" epoch=5");
    prepared(&mut s, "Home names another node at the offered epoch.");
    s.event("polled owner=\"c\" epoch=4");
    prepared(&mut s, "The source aborts.");
    receive(&mut s, 4, aborted(Code::Fenced as i32), 300);
    s.event("is_over");
    s
}
