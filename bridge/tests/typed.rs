//! Typed actors: what `actorbridge gen` writes for the services of `compat-tests/proto/actorbridge/test/v1/typed.proto`, and
//! what the runtime makes of it.

use crate::common;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Cx, Fault, Node, Options, Reads};
use actorbridge_test::end;
use common::test::{Add, Echo, EchoRef, EchoReply, EchoRequest, Log, LogRef, Release, echo, log};
use common::{SECOND, eventually, node};

/// An echo that asks the next one, if there is one.
#[derive(Clone, Default)]
struct Chain {
    next: Option<EchoRef>,
    added: i64,
}

impl Echo for Chain {
    async fn echo(&mut self, cx: &Cx, m: EchoRequest) -> Result<EchoReply, Fault> {
        let text = match &self.next {
            Some(next) => next.echo(cx, &m).await?.text,
            None => format!("{} {}", m.text, self.added),
        };
        Ok(EchoReply {
            text,
            ..Default::default()
        })
    }

    fn add(&mut self, _: &Cx, m: Add) -> Result<(), Fault> {
        self.added += m.by;
        match m.by {
            0 => Err(Fault::app("NOTHING_TO_ADD")),
            _ => Ok(()),
        }
    }
}

fn request(text: &str) -> EchoRequest {
    let text = text.into();
    EchoRequest {
        text,
        ..Default::default()
    }
}

fn by(by: i64) -> Add {
    Add {
        by,
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_reference_is_used_alike_by_outside_code_and_by_a_handler() {
    let a = node("a");
    let last = EchoRef::spawn(&a, "last", Chain::default, Options::default()).expect("spawned");
    let next = Some(last.clone());
    let first = move || Chain {
        next: next.clone(),
        added: 0,
    };
    let first = EchoRef::spawn(&a, "first", first, Options::default()).expect("spawned");
    last.add(&a, &by(2)).await.expect("told");
    let reply = first.echo(&a, &request("hello")).await.expect("answered");
    assert_eq!(reply.text, "hello 2");
    assert_eq!(first, EchoRef::at("ab:///first").expect("an address"));
    assert_eq!(first.address().as_str(), "ab:///first");
    end([a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tell_that_is_asked_is_answered_with_empty_and_its_error_comes_back() {
    let a = node("a");
    let to = EchoRef::spawn(&a, "echo", Chain::default, Options::default()).expect("spawned");
    a.ask::<(), _>(to.address(), &by(1), SECOND)
        .await
        .expect("answered with Empty");
    let failed = a.ask::<(), _>(to.address(), &by(0), SECOND).await.expect_err("fails");
    assert_eq!(failed.code(), Code::HandlerError);
    assert_eq!(failed.user().expect("its own error").code(), "NOTHING_TO_ADD");
    // An ask that is told: its reply has nobody to go to, and that is no error.
    a.tell(to.address(), &request("told")).await.expect("told");
    a.ask::<(), _>(to.address(), &by(1), SECOND).await.expect("answered");
    assert_eq!(a.dead_letter_counts().get("CODE_INVALID_ARGUMENT"), None);
    end([a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_protocol_is_refused_with_its_name() {
    let a = node("a");
    let to = EchoRef::spawn(&a, "echo", Chain::default, Options::default()).expect("spawned");
    let refused = a.ask::<(), _>(to.address(), &EchoReply::default(), SECOND).await;
    let refused = refused.expect_err("not in the protocol");
    assert_eq!(
        (refused.code(), refused.effect()),
        (Code::UnsupportedType, Effect::None)
    );
    assert!(refused.detail().contains("actorbridge.test.v1.EchoReply"), "{refused}");
    end([a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_spawned_through_the_context_of_its_parent() {
    struct Parent;
    impl Echo for Parent {
        async fn echo(&mut self, cx: &Cx, m: EchoRequest) -> Result<EchoReply, Fault> {
            let child = EchoRef::spawn(cx, "child", Chain::default, Options::default())?;
            child.echo(cx, &m).await.map_err(Fault::from)
        }

        fn add(&mut self, _: &Cx, _: Add) -> Result<(), Fault> {
            Ok(())
        }
    }
    let a = node("a");
    let parent = EchoRef::spawn(&a, "parent", || Parent, Options::default()).expect("spawned");
    assert_eq!(parent.echo(&a, &request("hi")).await.expect("answered").text, "hi 0");
    assert_eq!(a.actors(), 2);
    a.stop(parent.address(), SECOND).await.expect("stops");
    eventually("the child stopped too", || a.actors() == 0).await;
    end([a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_that_wants_reliable_delivery_is_not_spawned_until_there_is_some() {
    struct Keeper;
    impl Log for Keeper {
        async fn release(&mut self, _: &Cx, _: Release) -> Result<(), Fault> {
            Ok(())
        }
    }
    let a = node("a");
    let refused = LogRef::spawn(&a, "log", || Keeper, Options::default()).expect_err("refused");
    assert_eq!((refused.code(), refused.effect()), (Code::Unavailable, Effect::None));
    let says = "actorbridge.test.v1.Log declares delivery AT_LEAST_ONCE, and this version of actorbridge delivers at most once; \
                remove the option from its methods";
    assert!(refused.to_string().contains(says), "{refused}");
    assert_eq!(a.actors(), 0);
    end([a]).await;

    let handle = tokio::runtime::Handle::current();
    let started = Node::builder("b")
        .runtime(handle)
        .factory("log", log(|| Keeper))
        .start();
    let refused = started.err().expect("a node does not start with one either");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factory_makes_typed_actors_by_pattern() {
    let handle = tokio::runtime::Handle::current();
    let a = Node::builder("a")
        .runtime(handle)
        .factory("echo", echo(Chain::default))
        .start();
    let a = a.expect("starts");
    let to = EchoRef::at("ab:///echo").expect("an address").within(SECOND);
    assert_eq!(to.echo(&a, &request("x")).await.expect("answered").text, "x 0");
    end([a]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_tells_those_it_links_with_which_messages_its_actors_read() {
    let handle = tokio::runtime::Handle::current();
    let more = Reads {
        type_name: "shop.v1.QuoteReply",
        version: 3,
        min_reader: 2,
    };
    let a = Node::builder("a")
        .runtime(handle)
        .reads(&[more])
        .start()
        .expect("starts");
    let told = |node: &Node| {
        let hello = node.dialler().take_packet().and_then(|p| p.head.hello);
        let types = hello.expect("a Hello").types.into_iter();
        types
            .map(|t| (t.r#type, t.max_version, t.min_reader))
            .collect::<Vec<_>>()
    };
    let quote = ("shop.v1.QuoteReply".to_owned(), 3, 2);
    assert_eq!(told(&a), std::slice::from_ref(&quote));
    EchoRef::spawn(&a, "echo", Chain::default, Options::default()).expect("spawned");
    let of = |name: &str, version| (format!("actorbridge.test.v1.{name}"), version, 1);
    assert_eq!(
        told(&a),
        [of("Add", 2), of("EchoReply", 1), of("EchoRequest", 1), quote]
    );
    end([a]).await;
}
