//! Bytes that are no frames of this protocol, over real sockets. Each costs the link that it came on, says why where that
//! can be said, and touches no other link.

use crate::common;

use std::future::Future;

use actorbridge::proto::v1::{self, Code, GoodbyeCode, RefusalReason};
use actorbridge::proto::wire::{put_bytes, put_uint};
use actorbridge::proto::{Packet, Run};
use actorbridge::{Node, Options, Ref};
use common::raw::{Raw, hello, socket};
use common::test::{EchoReply, EchoRequest};
use common::{LONG, SECOND, eventually, listening, node, refusals, worker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A node that listens, and an innocent link to it.
struct Scene {
    innocent: Node,
    there: Node,
    echo: Ref,
}

impl Scene {
    async fn new() -> Self {
        let (innocent, there) = (node("a"), listening("tcp://127.0.0.1:0").await);
        innocent.dial(&there.listening()[0]).await.expect("linked");
        let echo = there.spawn("echo", worker, Options::default()).expect("spawned");
        Self { innocent, there, echo }
    }

    fn address(&self) -> String {
        self.there.listening()[0].clone()
    }

    /// Only the innocent link is left, and it works.
    async fn stays_unhurt(self) {
        eventually("the end of the bad link", || self.there.peers() == ["a"]).await;
        let request = EchoRequest {
            text: "still here".into(),
            ..Default::default()
        };
        let echo: EchoReply = self.innocent.ask(&self.echo, &request, LONG).await.expect("answered");
        assert_eq!(echo.text, "still here");
        self.innocent.shutdown(SECOND).await.expect("everything ends");
        self.there.shutdown(SECOND).await.expect("everything ends");
    }
}

/// A good link sends this, and the node says Goodbye with the code and a sentence that holds the text.
async fn costs_the_link<F: Future<Output = Raw>>(code: GoodbyeCode, says: &[&str], bad: impl FnOnce(Raw) -> F) {
    let reason = match says {
        ["limit"] => RefusalReason::OversizedFrame,
        _ => RefusalReason::BadFrame,
    };
    let scene = Scene::new().await;
    let mut raw = bad(Raw::link(&scene.address()).await).await;
    let goodbye = raw.goodbye().await;
    assert_eq!(goodbye.code(), code, "{goodbye:?}");
    for part in says {
        assert!(goodbye.detail.contains(part), "{part:?} is not in {goodbye:?}");
    }
    assert_eq!(refusals(&scene.there, reason), 1, "{reason:?}");
    scene.stays_unhurt().await;
}

async fn sends(mut raw: Raw, frame: &[u8]) -> Raw {
    raw.message(frame).await;
    raw
}

/// The bytes of frame 2 with these fields behind it.
fn frame_with(fields: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_uint(&mut frame, 3, 2);
    frame.extend(fields);
    frame
}

#[tokio::test]
async fn bytes_that_are_not_http2_cost_their_connection_only() {
    let scene = Scene::new().await;
    let noise: Vec<u8> = (0..4_096_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for bytes in [
        &noise[..],
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff",
    ] {
        let mut socket = socket(&scene.address()).await;
        // The node may close before all is written.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(LONG, socket.read_to_end(&mut answer))
            .await
            .expect("it is closed");
    }
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_torn_frame_costs_its_link_and_says_where_it_ends() {
    costs_the_link(GoodbyeCode::GoodbyeProtocol, &["9 bytes", "1 are left"], |raw| async {
        sends(raw, &frame_with(&[0x7a, 9, 1])).await
    })
    .await;
}

#[tokio::test]
async fn a_torn_grpc_message_costs_its_link() {
    let scene = Scene::new().await;
    let mut raw = Raw::link(&scene.address()).await;
    raw.data(&[0, 0, 0, 0, 100, 1, 2, 3]).await;
    raw.end().await;
    raw.ended().await;
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_frame_costs_its_link() {
    let scene = Scene::new().await;
    let mut raw = Raw::link(&scene.address()).await;
    raw.data(&[0, 0, 0, 0, 100, 1, 2, 3]).await;
    drop(raw);
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_frame_over_the_limit_costs_its_link_before_its_bytes_have_come() {
    // 300 KiB and almost 4 GiB: only the five bytes that announce them are ever sent.
    for size in [300_u32 << 10, u32::MAX] {
        costs_the_link(GoodbyeCode::GoodbyeProtocol, &["limit"], |mut raw| async move {
            let mut prefix = vec![0];
            prefix.extend(size.to_be_bytes());
            raw.data(&prefix).await;
            raw
        })
        .await;
    }
}

#[tokio::test]
async fn a_compressed_grpc_message_costs_its_link() {
    let scene = Scene::new().await;
    let mut raw = Raw::link(&scene.address()).await;
    raw.data(&[1, 0, 0, 0, 2, 1, 2]).await;
    raw.ended().await;
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_protocol_version_that_nobody_speaks_is_refused_with_both_ranges() {
    let scene = Scene::new().await;
    let mut raw = Raw::call(&scene.address()).await;
    raw.head(v1::Frame {
        hello: Some(hello(7, 9)),
        ..Default::default()
    })
    .await;
    let goodbye = raw.goodbye().await;
    assert_eq!(goodbye.code(), GoodbyeCode::GoodbyeVersion);
    assert!(
        goodbye.detail.contains("raw speaks 7 to 9, b speaks 1 to 1"),
        "{goodbye:?}"
    );
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_capability_that_this_node_lacks_is_refused_by_name() {
    let scene = Scene::new().await;
    let mut raw = Raw::call(&scene.address()).await;
    let required = vec![v1::Capability::ZstdFrames as u32, 4_711];
    raw.head(v1::Frame {
        hello: Some(v1::Hello {
            required,
            ..hello(1, 1)
        }),
        ..Default::default()
    })
    .await;
    let goodbye = raw.goodbye().await;
    assert_eq!(goodbye.code(), GoodbyeCode::GoodbyeCapability);
    assert!(goodbye.detail.contains("CAPABILITY_ZSTD_FRAMES"), "{goodbye:?}");
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn a_peer_that_does_not_begin_with_hello_is_refused() {
    let scene = Scene::new().await;
    let mut raw = Raw::call(&scene.address()).await;
    raw.open(1, "ab:///echo").await;
    let goodbye = raw.goodbye().await;
    assert_eq!(goodbye.code(), GoodbyeCode::GoodbyeProtocol);
    assert!(goodbye.detail.contains("neither Hello nor Welcome"), "{goodbye:?}");
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn an_unknown_field_below_32_costs_the_link_and_one_above_is_ignored() {
    let mut near = Vec::new();
    put_uint(&mut near, 17, 1);
    costs_the_link(GoodbyeCode::GoodbyeProtocol, &["unknown field 17"], |raw| async move {
        sends(raw, &frame_with(&near)).await
    })
    .await;
    let scene = Scene::new().await;
    let mut raw = Raw::link(&scene.address()).await;
    let mut far = Vec::new();
    put_bytes(&mut far, 32, b"of a later version");
    raw.message(&frame_with(&far)).await;
    raw.number = 2;
    raw.head(v1::Frame {
        ping: Some(v1::Ping {
            token: 5,
            mem_permille: 0,
        }),
        ..Default::default()
    })
    .await;
    let token = raw.until("a Pong", |p| p.head.pong.map(|pong| pong.token)).await;
    assert_eq!(token, 5);
    drop(raw);
    scene.stays_unhurt().await;
}

#[tokio::test]
async fn frames_that_make_no_sense_cost_the_link_with_a_sentence() {
    let run = |flow| Run {
        flow,
        first_seq: 1,
        items: vec![Default::default()],
        ..Run::default()
    };
    let state = v1::StreamState {
        flow: 9,
        credit: 10,
        ..Default::default()
    };
    let frames: [(&str, v1::Frame, Vec<Run>); 4] = [
        (
            "a run came on flow 9",
            v1::Frame {
                number: 2,
                ..Default::default()
            },
            vec![run(9)],
        ),
        (
            "frame 7 came after frame 1",
            v1::Frame {
                number: 7,
                ..Default::default()
            },
            vec![],
        ),
        (
            "a second Hello",
            v1::Frame {
                number: 2,
                hello: Some(hello(1, 1)),
                ..Default::default()
            },
            vec![],
        ),
        (
            "a state came of flow 9",
            v1::Frame {
                number: 2,
                state: vec![state],
                ..Default::default()
            },
            vec![],
        ),
    ];
    for (says, head, runs) in frames {
        costs_the_link(GoodbyeCode::GoodbyeProtocol, &[says], |raw| async move {
            sends(raw, &Packet { head, runs }.to_bytes()).await
        })
        .await;
    }
}

#[tokio::test]
async fn a_node_that_dials_a_stranger_is_told_that_it_is_no_bridge() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = format!("tcp://{}", listener.local_addr().expect("bound"));
    let stranger = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("dialled");
        let _ = socket.write_all(b"220 smtp.example.com ESMTP\r\n").await;
        let mut all = Vec::new();
        let _ = socket.read_to_end(&mut all).await;
    });
    let a = node("a");
    let error = a.dial(&address).await.expect_err("no bridge");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.to_string().contains(&address), "{error}");
    a.shutdown(SECOND).await.expect("everything ends");
    stranger.await.expect("its connection is closed");
}
