use super::*;

fn subject() -> Subject {
    Subject {
        actor: "ab:///x".into(),
        epoch: 2,
        source: "a".into(),
        destination: "b".into(),
    }
}

fn offer(total: u64) -> v1::Offer {
    v1::Offer {
        r#type: "t.State".into(),
        state_version: 1,
        codec: "protobuf".into(),
        total,
        sha256: vec![7; 32].into(),
        meta: None,
    }
}

fn sent(actions: &[Action]) -> Vec<v1::Move> {
    let step = |a: &Action| match a {
        Action::Send(step) => Some(step.clone()),
        _ => None,
    };
    actions.iter().filter_map(step).collect()
}

fn step(step: Step) -> v1::Move {
    let (actor, epoch) = ("ab:///x".into(), 2);
    let step = Some(step);
    v1::Move { actor, epoch, step }
}

fn ready() -> v1::Move {
    let sha256 = vec![7; 32].into();
    step(Step::Ready(v1::Ready { sha256 }))
}

fn aborted(code: Code, detail: &str) -> v1::Move {
    let (code, detail) = (code as i32, detail.into());
    step(Step::Aborted(v1::Aborted { code, detail }))
}

fn offered(snapshot: &Bytes) -> (Source, Vec<Action>) {
    let mut source = Source::new(subject(), 2_000, 0);
    let mut out = Vec::new();
    source.cut(offer(snapshot.len() as u64), snapshot, 10, 100, &mut out);
    (source, out)
}

fn prepared(snapshot: &Bytes) -> Destination {
    let (_, steps) = offered(snapshot);
    let mut destination = Destination::new(subject(), &offer(snapshot.len() as u64), 0).expect("good");
    let mut out = Vec::new();
    for step in sent(&steps) {
        destination.receive(&step, 0, &mut out);
    }
    assert_eq!(out, [Action::Load(snapshot.clone())]);
    out.clear();
    destination.loaded(Ok(()), &mut out);
    assert_eq!(sent(&out), [ready()]);
    destination
}

fn the_reason(actions: &[Action]) -> (Code, String) {
    match actions.iter().find(|a| matches!(a, Action::Stay { .. })) {
        Some(Action::Stay { refusal, .. }) => (refusal.code, refusal.detail.clone()),
        _ => panic!("no Stay in {actions:?}"),
    }
}

#[test]
fn a_move_goes_from_offer_to_ready_to_swap_to_committed() {
    let snapshot = Bytes::from(vec![1; 25]);
    let mut destination = prepared(&snapshot);
    let (mut source, mut out) = offered(&snapshot);
    assert_eq!(sent(&out).len(), 4, "an offer and three chunks");
    out.clear();
    source.receive(&ready(), &mut out);
    assert_eq!(out, [Action::Swap]);
    out.clear();
    source.swapped("b", 2, &mut out);
    let committed = step(Step::Committed(v1::Committed { epoch: 2 }));
    let owner = "b".to_owned();
    assert_eq!(
        out,
        [Action::Send(committed.clone()), Action::Leave { owner, epoch: 2 }]
    );
    out.clear();
    destination.receive(&committed, 0, &mut out);
    assert_eq!(out, [Action::Activate]);
    out.clear();
    destination.receive(&committed, 0, &mut out);
    destination.link_down(0, &mut out);
    destination.tick(60_000, &mut out);
    assert_eq!(out, [], "it activates once");
}

#[test]
fn before_the_swap_every_failure_leaves_the_actor_where_it_was() {
    let snapshot = Bytes::from_static(b"snapshot");
    let freezing = || Source::new(subject(), 2_000, 0);
    let mut out = Vec::new();
    freezing().tick(2_000, &mut out);
    assert_eq!(the_reason(&out).0, Code::HandlerTimeout);
    out.clear();
    freezing().link_down("gone", &mut out);
    assert_eq!((the_reason(&out).0, out.len()), (Code::Unavailable, 1));
    for (event, code, last) in [
        ("aborted", Code::NoSuchActor, None),
        ("link down", Code::Unavailable, Some(Action::Raise)),
        ("silence", Code::Unavailable, Some(Action::Raise)),
        ("refused here", Code::Stopped, Some(Action::Raise)),
        ("other sha256", Code::Undecodable, Some(Action::Raise)),
    ] {
        let (mut source, _) = offered(&snapshot);
        let mut out = Vec::new();
        match event {
            "aborted" => source.receive(&aborted(Code::NoSuchActor, "no factory"), &mut out),
            "link down" => source.link_down("gone", &mut out),
            "silence" => source.tick(10_100, &mut out),
            "refused here" => source.refuse(refusal(Code::Stopped, "it stopped"), &mut out),
            _ => {
                let sha256 = vec![8; 32].into();
                source.receive(&step(Step::Ready(v1::Ready { sha256 })), &mut out);
            }
        }
        assert_eq!(the_reason(&out).0, code, "{event}");
        assert_eq!(out.last().filter(|a| **a == Action::Raise), last.as_ref(), "{event}");
        out.clear();
        source.receive(&ready(), &mut out);
        assert_eq!(out, [], "{event}: a late Ready swaps nothing");
    }
}

#[test]
fn at_the_swap_only_the_owner_cell_decides() {
    let swapping = || {
        let (mut source, _) = offered(&Bytes::from_static(b"snapshot"));
        source.receive(&ready(), &mut Vec::new());
        source
    };
    let mut source = swapping();
    let mut out = Vec::new();
    source.link_down("gone", &mut out);
    source.refuse(refusal(Code::Stopped, "it stopped"), &mut out);
    source.receive(&aborted(Code::Stopped, "never mind"), &mut out);
    source.tick(1_000_000, &mut out);
    assert_eq!(out, [], "it stays frozen");
    source.unanswered(1_000_000);
    source.tick(1_000_499, &mut out);
    assert_eq!(out, []);
    source.tick(1_000_500, &mut out);
    assert_eq!(out, [Action::Swap], "home is asked again");
    out.clear();
    source.swapped("a", 5, &mut out);
    assert_eq!(the_reason(&out).0, Code::Fenced);
    assert!(matches!(out[1], Action::Stay { epoch: Some(5), .. }), "{out:?}");
    out.clear();
    let mut fenced = swapping();
    fenced.swapped("c", 7, &mut out);
    let owner = "c".to_owned();
    assert_eq!(out[1], Action::Leave { owner, epoch: 7 });
    assert!(
        matches!(sent(&out)[0].step, Some(Step::Aborted(_))),
        "the destination is told"
    );
}

#[test]
fn a_destination_checks_what_is_offered_and_what_comes() {
    for (bad, code) in [
        (offer(0), Code::InvalidArgument),
        (offer(MAX_TRANSFER + 1), Code::TooLarge),
        (
            v1::Offer {
                codec: "json".into(),
                ..offer(5)
            },
            Code::UnsupportedCodec,
        ),
    ] {
        let refused = Destination::new(subject(), &bad, 0).expect_err("bad");
        assert_eq!(refused.code, code);
    }
    let chunk = |offset, data: &'static [u8]| {
        let data = Bytes::from_static(data);
        step(Step::Chunk(v1::Chunk { offset, data }))
    };
    for (name, bad) in [("a gap", chunk(3, b"ab")), ("too much", chunk(2, b"abcd"))] {
        let mut destination = Destination::new(subject(), &offer(5), 0).expect("good");
        let mut out = Vec::new();
        destination.receive(&chunk(0, b"ab"), 0, &mut out);
        assert_eq!(out, []);
        destination.receive(&bad, 0, &mut out);
        assert!(matches!(sent(&out)[0].step, Some(Step::Aborted(_))), "{name}: {out:?}");
        assert!(destination.is_over(), "{name}");
    }
    let mut destination = Destination::new(subject(), &offer(5), 0).expect("good");
    let mut out = Vec::new();
    destination.tick(9_999, &mut out);
    assert_eq!(out, []);
    destination.tick(10_000, &mut out);
    assert!(destination.is_over(), "{out:?}");
}

#[test]
fn a_destination_that_is_ready_waits_for_the_owner_cell_and_for_nothing_else() {
    let snapshot = Bytes::from_static(b"snapshot");
    let mut destination = prepared(&snapshot);
    let mut out = Vec::new();
    destination.tick(1_000_000, &mut out);
    assert_eq!(out, [], "time alone drops nothing");
    destination.link_down(1_000_000, &mut out);
    destination.tick(1_000_499, &mut out);
    destination.tick(1_000_500, &mut out);
    assert_eq!(out, [Action::Poll, Action::Poll]);
    out.clear();
    destination.polled("a", 1, &mut out);
    assert_eq!(out, [], "the source may still swap");
    destination.polled("b", 2, &mut out);
    assert_eq!(out, [Action::Activate]);
    for (owner, epoch) in [("a", 3), ("c", 2), ("b", 9)] {
        let mut destination = prepared(&snapshot);
        let mut out = Vec::new();
        destination.polled(owner, epoch, &mut out);
        assert!(matches!(out[..], [Action::Drop(_)]), "{owner} at {epoch}: {out:?}");
    }
    let mut early = Destination::new(subject(), &offer(5), 0).expect("good");
    let mut out = Vec::new();
    early.link_down(0, &mut out);
    assert!(
        matches!(out[..], [Action::Drop(_)]),
        "not ready: nobody can have committed it"
    );
}

#[test]
fn steps_of_another_move_change_nothing() {
    let (mut source, _) = offered(&Bytes::from_static(b"snapshot"));
    let mut out = Vec::new();
    for (actor, epoch) in [("ab:///y", 2), ("ab:///x", 3)] {
        let other = v1::Move {
            actor: actor.into(),
            epoch,
            ..ready()
        };
        source.receive(&other, &mut out);
    }
    assert_eq!(out, []);
}
