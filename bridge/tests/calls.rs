//! Clients that are no nodes, by grpc's own client: single asks, health, reflection.

use std::time::Duration;

use actorbridge::Node;
use actorbridge::proto::v1::{Code, Envelope, Failure, Kind, Ping, Raw};
use common::test::{EchoReply, EchoRequest, FailNow, Hold};
use common::{LONG, SECOND, eventually, worker};
use http::uri::PathAndQuery;
use prost::{Message, Name};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::common;

/// The trace of each call.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A node named `b` with an actor `echo`, and a client of it.
async fn client_of(set_up: Duration) -> (Channel, Node) {
    let builder = Node::builder("b").runtime(tokio::runtime::Handle::current());
    let builder = builder.set_up_time(set_up).listen("tcp://127.0.0.1:0");
    let started = tokio::task::spawn_blocking(|| builder.start()).await;
    let node = started.expect("no panic").expect("it starts");
    node.spawn("echo", worker, Default::default()).expect("spawned");
    let uri = node.listening()[0].replace("tcp", "http");
    let channel = Endpoint::from_shared(uri).expect("a URI").connect().await;
    (channel.expect("it listens"), node)
}

fn ask_of<M: Message + Name>(target: &str, message: &M) -> Envelope {
    Envelope {
        kind: Kind::Ask as i32,
        target: target.into(),
        r#type: M::full_name(),
        payload: message.encode_to_vec().into(),
        ..Default::default()
    }
}

async fn ask(channel: &Channel, envelope: &Envelope, ttl_ms: u32) -> Result<Envelope, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.expect("connected");
    let raw = Raw {
        envelope: envelope.encode_to_vec().into(),
        ttl_ms,
    };
    let path = PathAndQuery::from_static("/actorbridge.v1.Bridge/Ask");
    let codec = tonic_prost::ProstCodec::<Raw, Raw>::default();
    let mut request = Request::new(raw);
    request
        .metadata_mut()
        .insert("traceparent", PARENT.parse().expect("text"));
    request
        .metadata_mut()
        .insert("tracestate", "shop=1".parse().expect("text"));
    let reply = grpc.unary(request, path, codec).await?.into_inner();
    Ok(Envelope::decode(&reply.envelope[..]).expect("an envelope"))
}

/// `google.rpc.Status`, as far as it is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// The failure in a status.
fn failure(status: &Status) -> Failure {
    let details = Details::decode(status.details()).expect("details").details;
    details[0].to_msg().expect("a Failure")
}

#[tokio::test]
async fn a_client_that_is_no_node_asks_by_one_call() {
    let (channel, node) = client_of(LONG).await;
    let request = EchoRequest {
        text: "by hand".into(),
        ..Default::default()
    };
    let answer = ask(&channel, &ask_of("ab:///echo", &request), 0)
        .await
        .expect("answered");
    let echo = EchoReply::decode(&answer.payload[..]).expect("an EchoReply");
    assert_eq!((echo.text.as_str(), answer.kind()), ("by hand", Kind::Reply));
    assert_eq!(answer.r#type, EchoReply::full_name());
    drop(channel);
    node.shutdown(SECOND).await.expect("everything ends");
    assert_eq!(
        node.status(&Default::default()).refusals,
        [],
        "it is no connection without use"
    );
}

#[tokio::test]
async fn an_ask_by_one_call_is_of_the_trace_of_its_metadata_unless_its_envelope_says_another() {
    let (channel, node) = client_of(LONG).await;
    let mut envelope = ask_of("ab:///echo", &EchoRequest::default());
    let answer = ask(&channel, &envelope, 0).await.expect("answered");
    assert_eq!((answer.trace.len(), answer.trace[0]), (25, 0x0a), "{answer:?}");
    assert_eq!(answer.tracestate, "shop=1");
    envelope.trace = vec![7; 25].into();
    let answer = ask(&channel, &envelope, 0).await.expect("answered");
    assert_eq!((answer.trace, answer.tracestate.as_str()), (envelope.trace, ""));
    drop(channel);
    node.shutdown(SECOND).await.expect("everything ends");
}

#[tokio::test]
async fn an_ask_by_one_call_fails_with_the_status_of_the_error_table() {
    let (channel, node) = client_of(LONG).await;
    let echo = ask_of("ab:///echo", &EchoRequest::default());
    let with = |change: fn(&mut Envelope)| {
        let mut envelope = echo.clone();
        change(&mut envelope);
        envelope
    };
    for (envelope, grpc, code) in [
        (
            ask_of("ab:///nobody", &EchoRequest::default()),
            tonic::Code::NotFound,
            Code::NoSuchActor,
        ),
        (
            ask_of("echo", &EchoRequest::default()),
            tonic::Code::InvalidArgument,
            Code::InvalidArgument,
        ),
        (
            ask_of("ab:///echo", &Ping::default()),
            tonic::Code::Unimplemented,
            Code::UnsupportedType,
        ),
        (
            ask_of("ab:///echo", &FailNow::default()),
            tonic::Code::Unknown,
            Code::HandlerError,
        ),
        (
            with(|e| e.kind = Kind::Tell as i32),
            tonic::Code::Unimplemented,
            Code::UnsupportedKind,
        ),
        (
            with(|e| e.source = "ab:///boss".into()),
            tonic::Code::InvalidArgument,
            Code::InvalidArgument,
        ),
        (
            with(|e| e.payload = vec![0; (4 << 20) - (32 << 10)].into()),
            tonic::Code::ResourceExhausted,
            Code::TooLarge,
        ),
    ] {
        let status = ask(&channel, &envelope, 0).await.expect_err("it fails");
        assert_eq!((status.code(), failure(&status).code()), (grpc, code), "{status}");
    }
    let slow = ask_of("ab:///echo", &Hold::default());
    let status = ask(&channel, &slow, 100).await.expect_err("nobody answers");
    assert_eq!(status.code(), tonic::Code::Unknown, "{status}");
    assert_eq!(failure(&status).code(), Code::OutcomeUnknown, "{status}");
    assert_eq!(node.status(&Default::default()).asks_waiting, 0);
}

#[tokio::test]
async fn a_node_is_healthy_until_it_shuts_down() {
    let (channel, node) = client_of(LONG).await;
    let mut health = HealthClient::new(channel);
    for service in ["", "actorbridge.v1.Bridge"] {
        let service = service.to_owned();
        let answer = health.check(HealthCheckRequest { service }).await.expect("answered");
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }
    let watching = health.watch(HealthCheckRequest::default()).await.expect("watched");
    let mut watching = watching.into_inner();
    let first: HealthCheckResponse = watching.message().await.expect("told").expect("told");
    assert_eq!(first.status(), ServingStatus::Serving);
    node.shutdown(SECOND).await.expect("everything ends");
    let last = watching.message().await.expect("told").expect("told");
    assert_eq!(last.status(), ServingStatus::NotServing);
    eventually("the tasks' end", || node.tasks() == 0).await;
}

#[tokio::test]
async fn reflection_knows_the_nodes_service_and_what_it_imports() {
    let (channel, _node) = client_of(LONG).await;
    let mut reflection = ServerReflectionClient::new(channel);
    for (request, file) in [
        (
            MessageRequest::FileContainingSymbol("actorbridge.v1.Bridge".into()),
            "actorbridge/v1/frame.proto",
        ),
        (
            MessageRequest::FileByFilename("google/protobuf/descriptor.proto".into()),
            "google/protobuf/descriptor.proto",
        ),
    ] {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let answers = reflection.server_reflection_info(tokio_stream::once(request)).await;
        let answer: ServerReflectionResponse = answers
            .expect("answered")
            .into_inner()
            .message()
            .await
            .expect("told")
            .expect("told");
        let Some(MessageResponse::FileDescriptorResponse(files)) = answer.message_response else {
            panic!("no files in {answer:?}");
        };
        let read = |bytes: &Vec<u8>| prost_types::FileDescriptorProto::decode(&bytes[..]).expect("a file");
        let names: Vec<_> = files
            .file_descriptor_proto
            .iter()
            .map(|f| read(f).name().to_owned())
            .collect();
        assert!(names.iter().any(|name| name == file), "{names:?}");
    }
}

#[tokio::test]
async fn a_connection_that_carries_calls_is_kept() {
    let soon = Duration::from_millis(200);
    let (channel, node) = client_of(soon).await;
    let status = ask(&channel, &ask_of("ab:///echo", &Hold::default()), 800)
        .await
        .expect_err("nobody answers");
    assert_eq!(status.code(), tonic::Code::Unknown, "{status}");
    assert_eq!(node.status(&Default::default()).refusals, []);
}
