//! Asks, pools and supervisors.

use super::Scene;

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![("asks", asks()), ("pool", pool()), ("supervisor", supervisor())]
}

fn asks() -> Scene {
    let mut s = Scene::new("Asks: each ends once, and a late answer matches none.");
    s.part("A slot is used again with another generation.");
    s.event("asks");
    s.event("begin deadline=100 waiter=\"a\"");
    s.event("begin deadline=50 waiter=\"b\"");
    s.event("get correlation=1048576");
    s.event("end correlation=1048576");
    s.event("end correlation=1048576");
    s.event("get correlation=1048576");
    s.event("begin deadline=70 waiter=\"c\"");
    s.event("end correlation=1048576");
    s.event("waiting");
    s.part("Deadlines, earliest first; of the same one, the lower correlation.");
    s.event("asks");
    for (deadline, waiter) in [(30, "a"), (10, "b"), (20, "c"), (10, "d"), (40, "e")] {
        s.event(format!("begin deadline={deadline} waiter=\"{waiter}\""));
    }
    s.event("expire now=9");
    s.event("end correlation=1048578");
    s.event("expire now=30");
    s.event("expire now=30");
    s.event("waiting");
    s.part("All of one kind end, in the order of their slots: a link is down.");
    s.event("asks");
    for waiter in ["x", "y", "x", "y"] {
        s.event(format!("begin deadline=10 waiter=\"{waiter}\""));
    }
    s.event("end_where waiter=\"y\"");
    s.event("end_where waiter=\"y\"");
    s.event("begin deadline=5 waiter=\"z\"");
    s.event("expire now=10");
    s.part("Numbers that were never given out.");
    s.event("asks");
    for correlation in [0, 1, 1 << 20, u64::MAX] {
        s.event(format!("end correlation={correlation}"));
        s.event(format!("get correlation={correlation}"));
    }
    s.event("expire now=18446744073709551615");
    s
}

fn pool() -> Scene {
    let mut s = Scene::new("A pool: permits and credit, never more than the actor can hold.");
    s.part("Local senders alone.");
    s.event("pool capacity=2");
    for event in [
        "take_local",
        "take_local",
        "take_local",
        "release_local",
        "take_local",
        "force_local",
        "used",
    ] {
        s.event(event);
    }
    s.part("One stream gets half of it, and more when half of that is used up.");
    s.event("pool capacity=64");
    s.event("open link=1 flow=1 first_seq=1 initial_credit=16");
    s.event("grants");
    for seq in 1..=16 {
        s.event(format!("arrive link=1 flow=1 seq={seq}"));
    }
    s.event("grants");
    s.event("release link=1 flow=1 seq=2");
    s.event("grants");
    for seq in (1..=16).filter(|n| *n != 2) {
        s.event(format!("release link=1 flow=1 seq={seq}"));
    }
    s.event("grants");
    s.event("grants drained=1");
    s.event("used");
    s.event("streams");
    s.part("Its sender may hear later of what it does not need yet: while it surely has half its window, and little is processed.");
    s.event("pool capacity=64");
    s.event("open link=1 flow=1 first_seq=1 initial_credit=16");
    s.event("grants");
    for seq in 1..=20 {
        s.event(format!("arrive link=1 flow=1 seq={seq}"));
        s.event(format!("release link=1 flow=1 seq={seq}"));
        s.event("grants drained=1");
    }
    s.part("The initial credit finds no room; the stream is not bound; a seq was refused before it arrived.");
    s.event("pool capacity=1");
    s.event("take_local");
    s.event("open link=1 flow=1 first_seq=5 initial_credit=2");
    s.event("arrive link=1 flow=1 seq=5");
    s.event("arrive link=1 flow=2 seq=1");
    s.event("refused link=1 flow=1 seq=6");
    s.event("refused link=1 flow=1 seq=99");
    s.event("grants drained=1");
    s.event("release_local");
    s.event("grants");
    s.event("grants drained=1");
    s.part("Where room is short the streams take turns.");
    s.event("pool capacity=4");
    for flow in 1..=3 {
        s.event(format!("open link=7 flow={flow} first_seq=1 initial_credit=0"));
    }
    s.event("take_local");
    s.event("take_local");
    for seq in 1..=4 {
        s.event("grants drained=1");
        for flow in 1..=3 {
            s.event(format!("refused link=7 flow={flow} seq={seq}"));
        }
    }
    s.part("A frozen pool grants nothing; what a closed stream held is still held.");
    s.event("pool capacity=8");
    s.event("open link=1 flow=1 first_seq=1 initial_credit=4");
    s.event("arrive link=1 flow=1 seq=1");
    s.event("freeze");
    s.event("take_local");
    s.event("grants drained=1");
    s.event("thaw");
    s.event("grants drained=1");
    s.event("close link=1 flow=1");
    s.event("used");
    s.event("release link=1 flow=1 seq=1");
    s.event("used");
    s.event("grants drained=1");
    s.event("streams");
    s
}

fn supervisor() -> Scene {
    let mut s = Scene::new("Restarts in a window.");
    s.part("Two in a second, then no more, until the first is a second old.");
    s.event("supervisor max_restarts=2 window=1000");
    for now in [0, 500, 999, 1000, 1400, 1500] {
        s.event(format!("panicked now={now}"));
    }
    s.part("None at all.");
    s.event("supervisor max_restarts=0 window=1000");
    s.event("panicked now=0");
    s
}
