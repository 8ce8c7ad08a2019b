//! Compressed payloads, between nodes and from peers that keep no rule. What is read and refused: compat-tests/golden/compression.

use crate::common;

use actorbridge::proto::v1::{self, Capability, Code, Kind};
use actorbridge::proto::view::EnvelopeView;
use actorbridge::{Actor, Address, Compression, Cx, Fault, Message, Node, Options, RawType, Ref};
use actorbridge_test::{builder, end, joined};
use bytes::Bytes;
use common::LONG;
use common::raw::Raw;
use common::test::{EchoReply, EchoRequest, GetCount};
use prost::Message as _;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

const LEAST: usize = 1024;
const ALL: [Compression; 2] = [Compression::Zstd, Compression::Lz4];
static BLOB: RawType = RawType::new("compression.v1.Blob");

fn cases(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/../compat-tests/golden/compression/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn ask(case: &Value, correlation: u64) -> Bytes {
    let number = |key: &str| case[key].as_u64().expect("a number");
    let envelope = v1::Envelope {
        kind: Kind::Ask as i32,
        correlation,
        r#type: "actorbridge.test.v1.EchoRequest".into(),
        compression: number("compression") as i32,
        raw_size: number("raw_size"),
        payload: unhex(case["hex"].as_str().expect("hex")).into(),
        ..Default::default()
    };
    envelope.encode_to_vec().into()
}

async fn answer_to(raw: &mut Raw, seq: u64, case: &Value) -> v1::Envelope {
    raw.run(1, seq, 0, &[ask(case, seq)]).await;
    v1::Envelope::decode(raw.answer().await).expect("an envelope")
}

#[tokio::test]
async fn what_the_reference_libraries_write_is_read() {
    let node = common::listening("tcp://127.0.0.1:0").await;
    let mut came = reads(&node, "order/1");
    let mut raw = Raw::link(&node.listening()[0]).await;
    raw.open(1, "ab:///order/1").await;
    for (seq, case) in (1..).zip(&cases("accepted.json")) {
        let repeated = || {
            let text = case["repeated"].as_str().expect("a text");
            text.repeat(case["times"].as_u64().expect("a number") as usize)
        };
        let text = case["text"].as_str().map_or_else(repeated, str::to_owned);
        let answer = answer_to(&mut raw, seq, case).await;
        assert_eq!(answer.kind(), Kind::Reply, "{}: {:?}", case["name"], answer.failure);
        let (_, read) = next(&mut came).await;
        assert!(
            read == text,
            "{}: {:.200}",
            case["name"],
            String::from_utf8_lossy(&read)
        );
    }
    drop(raw);
    end([node]).await;
}

#[tokio::test]
async fn what_does_not_decompress_to_its_size_is_refused_with_its_code() {
    let node = common::listening("tcp://127.0.0.1:0").await;
    let _came = reads(&node, "order/1");
    let mut raw = Raw::link(&node.listening()[0]).await;
    raw.open(1, "ab:///order/1").await;
    for (seq, case) in (1..).zip(&cases("refused.json")) {
        let failure = answer_to(&mut raw, seq, case).await.failure.expect("a failure");
        let want = format!("CODE_{}", case["code"].as_str().expect("a code"));
        assert_eq!(
            failure.code().as_str_name(),
            want,
            "{}: {}",
            case["name"],
            failure.detail
        );
        assert_eq!(failure.effect(), v1::Effect::None, "{}", case["name"]);
    }
    drop(raw);
    end([node]).await;
}

#[tokio::test]
async fn damage_anywhere_is_refused_or_read_and_hurts_nobody() {
    let node = common::listening("tcp://127.0.0.1:0").await;
    let _came = reads(&node, "order/1");
    let mut raw = Raw::link(&node.listening()[0]).await;
    raw.open(1, "ab:///order/1").await;
    let (mut seq, mut damaged) = (0, 0u64);
    for case in cases("accepted.json") {
        let good = unhex(case["hex"].as_str().expect("hex"));
        for at in (0..good.len()).step_by(good.len().div_ceil(24)) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            let hex: String = bad.iter().map(|b| format!("{b:02x}")).collect();
            let mut case = case.clone();
            case["hex"] = hex.into();
            (seq, damaged) = (seq + 1, damaged + 1);
            let answer = answer_to(&mut raw, seq, &case).await;
            let code = answer.failure.map(|failure| failure.code());
            let refused = matches!(code, None | Some(Code::Undecodable));
            assert!(refused, "{} with byte {at} changed: {code:?}", case["name"]);
        }
    }
    assert!(damaged > 200, "{damaged}");
    drop(raw);
    end([node]).await;
}

#[tokio::test]
async fn a_peer_gets_only_what_it_says_that_it_reads() {
    let text = "bottles of beer ".repeat(200);
    let request = EchoRequest {
        text: text.clone(),
        ..Default::default()
    };
    let case = serde_json::json!({"compression": 0, "raw_size": 0, "hex": hex(&request.encode_to_vec())});
    for (capability, compression) in [(Capability::Lz4Payloads, 0), (Capability::ZstdPayloads, 1)] {
        let b = Node::builder("b").compression(Compression::Zstd, LEAST);
        let b = b
            .factory("echo", common::worker)
            .listen("tcp://127.0.0.1:0")
            .runtime(Handle::current());
        let node = spawn_blocking(|| b.start()).await.expect("no panic").expect("listens");
        let mut raw = Raw::link_with(&node.listening()[0], &[capability]).await;
        raw.open(1, "ab:///echo").await;
        let answer = answer_to(&mut raw, 1, &case).await;
        assert_eq!((answer.kind(), answer.compression), (Kind::Reply, compression));
        assert_eq!(answer.payload.len() < LEAST, compression == 1);
        drop(raw);
        end([node]).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Answers an EchoRequest or a blob with the same, and shows how long each payload that comes is, and what is in it.
struct Shows(mpsc::UnboundedSender<(usize, Bytes)>);

impl Actor for Shows {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let size = message.payload().len();
        if message.is::<EchoRequest>() {
            let request: EchoRequest = message.decode()?;
            let _ = self.0.send((size, request.text.clone().into()));
            return cx.answer(Ok(EchoReply {
                text: request.text,
                ..Default::default()
            }));
        }
        let blob = message.raw(&BLOB)?;
        let _ = self.0.send((size, Bytes::copy_from_slice(blob)));
        if message.is_ask() {
            cx.reply_raw(&BLOB, blob)?;
        }
        Ok(())
    }
}

/// Shows what is in an EchoRequest, and answers with nothing: a hand-written peer has room for no more.
struct Reads(mpsc::UnboundedSender<(usize, Bytes)>);

impl Actor for Reads {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let request: EchoRequest = message.decode()?;
        let _ = self.0.send((0, request.text.into()));
        cx.reply(&EchoReply::default())
    }
}

fn reads(node: &Node, path: &str) -> Came {
    let (sender, came) = mpsc::unbounded_channel();
    node.spawn(path, move || Reads(sender.clone()), Options::default())
        .expect("spawned");
    came
}

/// Passes on what comes.
struct Forwards(Ref);

impl Actor for Forwards {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        Ok(cx.forward(&self.0).await?)
    }
}

type Came = mpsc::UnboundedReceiver<(usize, Bytes)>;

fn shows(node: &Node, path: &str) -> Came {
    let (sender, came) = mpsc::unbounded_channel();
    node.spawn(path, move || Shows(sender.clone()), Options::default())
        .expect("spawned");
    came
}

fn at(path: &str) -> Ref {
    format!("ab:///{path}").parse::<Address>().expect("an address")
}

async fn next(came: &mut Came) -> (usize, Bytes) {
    let next = tokio::time::timeout(LONG, came.recv()).await;
    next.expect("it comes in time").expect("the actor lives")
}

async fn pair(by: Compression) -> (Node, Node) {
    joined(builder("a").compression(by, LEAST), builder("b").compression(by, LEAST)).await
}

fn echo(text: &str) -> EchoRequest {
    EchoRequest {
        text: text.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn messages_of_the_least_size_and_more_go_compressed_by_links_alone() {
    for by in ALL {
        let (a, b) = pair(by).await;
        let (mut there, mut here) = (shows(&b, "there"), shows(&a, "here"));
        let through = at("there");
        b.spawn("through", move || Forwards(through.clone()), Options::default())
            .expect("spawned");
        let large = "x".repeat(LEAST - 3);
        for (path, text, compressed) in [
            ("there", &large[..], true),
            ("there", &large[1..], false),
            ("through", &large[..], true),
            ("here", &large[..], false),
        ] {
            let reply: EchoReply = a.ask(&at(path), &echo(text), LONG).await.expect("answered");
            assert!(reply.text == text, "by {by} to {path}");
            a.tell(&at(path), &echo(text)).await.expect("told");
            for _ in ["ask", "tell"] {
                let came = if path == "here" { &mut here } else { &mut there };
                let (size, shown) = next(came).await;
                assert!(shown == text, "by {by} to {path}");
                let plain = echo(text).encoded_len();
                assert_eq!(size < plain / 4, compressed, "by {by} to {path}: {size} of {plain}");
                assert!(compressed || size == plain, "by {by} to {path}: {size}");
            }
        }
        end([a, b]).await;
    }
}

#[tokio::test]
async fn raw_messages_arrive_as_they_were_and_in_order_whether_they_were_compressed_or_not() {
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(4000)
    .collect();
    for by in ALL {
        let (a, b) = pair(by).await;
        let mut there = shows(&b, "there");
        let (large, small) = (vec![7; 5000], vec![8; 100]);
        let blobs: [&[u8]; 6] = [&small, &large, &small, &noise, &large, &small];
        a.tell(&at("there"), &echo("first")).await.expect("told");
        next(&mut there).await;
        a.tell_raw_all(&at("there"), &BLOB, &blobs).await.expect("told");
        for blob in blobs {
            let (size, shown) = next(&mut there).await;
            assert!(shown == blob, "by {by}: {size}");
            assert_eq!(size < blob.len(), blob == large, "by {by}: {size} of {}", blob.len());
        }
        for blob in blobs {
            let reply = a.ask_raw(&at("there"), &BLOB, blob, LONG).await.expect("answered");
            assert!(reply == blob, "by {by}");
        }
        end([a, b]).await;
    }
}

#[tokio::test]
async fn what_the_library_itself_says_is_read_when_it_is_long() {
    let (a, b) = pair(Compression::Zstd).await;
    for i in 0..100 {
        b.spawn(&format!("order/{i}"), common::worker, Options::default())
            .expect("spawned");
    }
    let system: Ref = "ab://b/system".parse().expect("an address");
    let listed: v1::ListReply = a
        .ask(&system, &v1::ListRequest::default(), LONG)
        .await
        .expect("answered");
    assert!(listed.actors.len() >= 100 && listed.encoded_len() > LEAST);
    let nothing = a.ask::<EchoReply, _>(&at("order/1"), &GetCount::default(), LONG).await;
    assert_eq!(nothing.map(drop).map_err(|e| e.code()), Err(Code::UnsupportedType));
    end([a, b]).await;
}

#[test]
fn an_envelope_says_by_what_it_is_compressed() {
    assert_eq!(ALL.map(|by| by.to_string()), ["zstd", "LZ4"]);
    let view = EnvelopeView::read(&[14 << 3, 2, 0x80, 1, 9]).expect("an envelope");
    assert_eq!((view.compression, view.raw_size), (v1::Compression::Lz4 as u32, 9));
}
