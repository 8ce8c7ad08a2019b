//! Messages in codecs other than protobuf, between nodes and within one. What the codecs read and write: compat-tests/golden/codecs.

use crate::common;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Actor, Codec, Cx, Fault, Message, Node, Options, Payload, Ref};
use actorbridge_test::{builder, end, joined};
use bytes::Bytes;
use common::LONG;
use common::test::{Add, EchoReply, EchoRequest, GetCount, PanicNow};
use tokio::sync::mpsc;

const ALL: [Codec; 3] = [Codec::Protobuf, Codec::Json, Codec::MessagePack];

/// Answers an EchoRequest, and shows the test each payload that comes. Told an Add, it asks the echo for it.
struct Shows(mpsc::UnboundedSender<Bytes>);

impl Actor for Shows {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let _ = self.0.send(message.payload_bytes());
        if message.is::<Add>() {
            let to = at("echo", None);
            return Ok(cx.request(&to, &echo("x"), LONG, Bytes::new())?);
        }
        if message.is_ask() {
            let request: EchoRequest = message.decode()?;
            return cx.reply(&reply(&request.text));
        }
        Ok(())
    }
}

fn shows(node: &Node, path: &str) -> mpsc::UnboundedReceiver<Bytes> {
    let (sender, came) = mpsc::unbounded_channel();
    node.spawn(path, move || Shows(sender.clone()), Options::default())
        .expect("spawned");
    came
}

fn at(path: &str, codec: Option<Codec>) -> Ref {
    let to: Ref = format!("ab:///{path}").parse().expect("an address");
    codec.map_or(to.clone(), |codec| to.using(codec))
}

fn echo(text: &str) -> EchoRequest {
    EchoRequest {
        text: text.into(),
        ..Default::default()
    }
}

fn reply(text: &str) -> EchoReply {
    EchoReply {
        text: text.into(),
        ..Default::default()
    }
}

fn encoded(codec: Codec, message: &impl Payload) -> Bytes {
    codec.encode(message).expect("it has an encoding").into()
}

async fn next(came: &mut mpsc::UnboundedReceiver<Bytes>) -> Bytes {
    let next = tokio::time::timeout(LONG, came.recv()).await;
    next.expect("it comes in time").expect("the actor lives")
}

#[tokio::test]
async fn a_node_sends_in_its_codec_unless_the_address_says_another_one() {
    for of_node in ALL {
        let (a, b) = joined(builder("a").codec(of_node), builder("b").codec(Codec::Json)).await;
        let (mut there, mut here) = (shows(&b, "there"), shows(&a, "here"));
        for of_address in [None, Some(Codec::Protobuf), Some(Codec::Json), Some(Codec::MessagePack)] {
            let codec = of_address.unwrap_or(of_node);
            for (path, came) in [("there", &mut there), ("here", &mut here)] {
                let to = at(path, of_address);
                let answer: EchoReply = a.ask(&to, &echo("größe"), LONG).await.expect("answered");
                assert_eq!(answer.text, "größe");
                assert_eq!(next(came).await, encoded(codec, &echo("größe")), "asked as {codec}");
                a.tell(&to, &echo("")).await.expect("told");
                assert_eq!(next(came).await, encoded(codec, &echo("")), "told as {codec}");
                a.try_tell(&to, echo("x")).expect("told");
                assert_eq!(next(came).await, encoded(codec, &echo("x")), "told at once as {codec}");
            }
        }
        end([a, b]).await;
    }
}

#[tokio::test]
async fn a_reply_comes_in_the_codec_of_its_ask() {
    for codec in ALL {
        // The node that answers would send in another one.
        let other = if codec == Codec::Json {
            Codec::MessagePack
        } else {
            Codec::Json
        };
        let (a, b) = joined(builder("a").codec(codec), builder("b").codec(other)).await;
        let (mut asker, _echo) = (shows(&a, "asker"), shows(&b, "echo"));
        a.tell(&at("asker", None), &Add::default()).await.expect("told");
        next(&mut asker).await;
        assert_eq!(next(&mut asker).await, encoded(codec, &reply("x")), "{codec}");
        end([a, b]).await;
    }
}

#[tokio::test]
async fn messages_in_several_codecs_keep_their_order() {
    let (a, b) = joined(builder("a"), builder("b")).await;
    let mut came = shows(&b, "there");
    for i in 0..300 {
        let to = at("there", Some(ALL[i % 3]));
        a.tell(&to, &echo(&i.to_string())).await.expect("told");
    }
    for i in 0..300 {
        assert_eq!(next(&mut came).await, encoded(ALL[i % 3], &echo(&i.to_string())));
    }
    end([a, b]).await;
}

/// Of nobody's schema.
#[derive(Clone, PartialEq, prost::Message)]
struct ByHand {
    #[prost(string, tag = "1")]
    text: String,
}

impl prost::Name for ByHand {
    const NAME: &'static str = "EchoRequest";
    const PACKAGE: &'static str = "actorbridge.test.v1";
}

impl actorbridge::Versioned for ByHand {
    const VERSION: u32 = 1;
    const MIN_READER: u32 = 1;
}

/// Decodes what comes as a `ByHand`.
struct ReadsByHand;

impl Actor for ReadsByHand {
    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        message.decode::<ByHand>().map(drop)
    }
}

#[tokio::test]
async fn a_message_without_descriptors_goes_by_protobuf_only() {
    let (a, b) = joined(builder("a"), builder("b")).await;
    let _came = shows(&b, "there");
    b.spawn("by-hand", || ReadsByHand, Options::default()).expect("spawned");
    for codec in [Codec::Json, Codec::MessagePack] {
        let error = a
            .tell(&at("there", Some(codec)), &ByHand::default())
            .await
            .expect_err("refused");
        assert_eq!(
            (error.code(), error.effect()),
            (Code::InvalidArgument, Effect::None),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("no descriptors of actorbridge.test.v1.EchoRequest"),
            "{error}"
        );
        let (error, _) = a
            .try_tell(&at("there", Some(codec)), ByHand::default())
            .expect_err("refused");
        assert_eq!(error.code(), Code::InvalidArgument);
        let asked = a
            .ask::<EchoReply, _>(&at("by-hand", Some(codec)), &echo("x"), LONG)
            .await;
        assert_eq!(asked.expect_err("refused").code(), Code::UnsupportedCodec);
    }
    a.tell(&at("there", None), &ByHand::default()).await.expect("told");
    end([a, b]).await;
}

/// Answers with what has no JSON.
struct NoJson;

impl Actor for NoJson {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        match message.is::<GetCount>() {
            true => cx.reply(&ByHand::default()),
            false => Err(Fault::app("FAILED").detail(&PanicNow { text: "no".into() })),
        }
    }
}

#[tokio::test]
async fn a_failure_and_a_reply_without_an_encoding_come_to_a_json_asker() {
    let (a, b) = joined(builder("a").codec(Codec::Json), builder("b")).await;
    b.spawn("actor", || NoJson, Options::default()).expect("spawned");
    let to = at("actor", None);
    let failed = a
        .ask::<EchoReply, _>(&to, &echo("x"), LONG)
        .await
        .expect_err("it fails");
    let user = failed.user().expect("the actor's own error");
    assert_eq!(user.code(), "FAILED");
    assert_eq!(user.detail::<PanicNow>().expect("its detail").text, "no");
    let no_reply = a
        .ask::<EchoReply, _>(&to, &GetCount {}, LONG)
        .await
        .expect_err("no reply");
    let user = no_reply.user().expect("as an error of the handler");
    assert_eq!(user.code(), "INVALID_ARGUMENT", "{no_reply}");
    end([a, b]).await;
}
