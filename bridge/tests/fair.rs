//! One who floods an actor by a link keeps nobody else from it.

use crate::common;

use std::time::Duration;

use actorbridge::proto::v1::{self, Kind};
use actorbridge::proto::{Packet, writer};
use actorbridge::{RawType, Ref};
use bytes::Bytes;
use common::raw::{Raw, hello};
use common::{LONG, eventually, listening};

static DATA: RawType = RawType::new("fair.v1.Data");
const SIZE: usize = 8 << 10;
/// Who has waited so long for room waits until the peer reads.
const STUCK: Duration = Duration::from_millis(300);

fn at(path: &str) -> Ref {
    format!("ab://raw/{path}").parse().expect("an address")
}

/// A peer that reads by hand, and the actors of its whose streams the node has opened, by flow.
struct Reader {
    raw: Raw,
    targets: Vec<(u32, bool)>,
    flooded: usize,
}

impl Reader {
    /// Reads the next packet; the correlation of the ask that is in it, and how much of the flood came before.
    async fn next(&mut self) -> Option<(u64, usize)> {
        self.raw.grant(66_000).await;
        let packet: Packet = self.raw.next().await.expect("the link is up");
        for open in packet.head.open {
            let asked = open.prefix.windows(5).any(|w| w == b"asked");
            self.targets.push((open.flow, asked));
        }
        let mut ask = None;
        for run in packet.runs {
            match self.targets.contains(&(run.flow, true)) {
                true => ask = Some((correlation(&run.all()[0].body), self.flooded)),
                false => self.flooded += run.len(),
            }
        }
        ask
    }
}

fn correlation(body: &Bytes) -> u64 {
    let envelope: v1::Envelope = prost::Message::decode(body.clone()).expect("a body is part of an envelope");
    envelope.correlation
}

/// A whole answer.
fn reply(correlation: u64) -> Bytes {
    let raw = v1::ContentType::Raw;
    let what = writer::what_of(Kind::Reply as u32, "fair.v1.Data", 1, 1, raw);
    let fields = writer::BodyFields {
        correlation,
        ..Default::default()
    };
    [&what.bytes[..], &writer::body(fields, b"here")[..]].concat().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ask_is_answered_while_the_flood_of_another_actor_still_waits() {
    let node = listening("tcp://127.0.0.1:0").await;
    let mut raw = Raw::call(&node.listening()[0]).await;
    let mut says = hello(1, 1);
    says.limits = Some(v1::Limits {
        initial_credit: 10_000,
        ..Default::default()
    });
    raw.head(v1::Frame {
        hello: Some(says),
        ..Default::default()
    })
    .await;
    raw.until("a Welcome", |p| p.head.welcome.as_ref().map(|_| ())).await;
    eventually("the link is up", || node.peers() == ["raw"]).await;

    let flooded = at("flooded");
    let mut flood = 0;
    while let Ok(told) = tokio::time::timeout(STUCK, node.tell_raw(&flooded, &DATA, &[7; SIZE])).await {
        told.expect("told");
        flood += 1;
    }
    let asking = node.clone();
    let asked = tokio::spawn(async move { asking.ask_raw(&at("asked"), &DATA, b"who", LONG).await });

    let sent = |ask: &v1::AskStatus| ask.peer == "raw";
    eventually("the ask is sent", || {
        let status = node.status(&v1::StatusRequest::default());
        status.oldest_asks.iter().any(sent)
    })
    .await;

    let mut reader = Reader {
        raw,
        targets: Vec::new(),
        flooded: 0,
    };
    let (correlation, before) = loop {
        if let Some(ask) = reader.next().await {
            break ask;
        }
    };
    assert!(before < flood, "all {before} messages of the flood came before the ask");
    reader.raw.run(0, 0, 0, &[reply(correlation)]).await;
    assert_eq!(asked.await.expect("no panic").expect("answered"), "here");
    // Its peer has read no more meanwhile.
    while reader.flooded < flood {
        reader.next().await;
    }
    assert_eq!(reader.flooded, flood);
}
