//! The golden Rust compiles, and its actors do what their schema says.

use std::time::Duration;

use actorbridge::proto::v1::Code;
use actorbridge::{Cx, Fault, Node, Options};

#[path = "golden/mod.rs"]
mod golden;

use golden::edge::v1 as edge;
use golden::other::v1 as other;

/// Answers with the number that it was asked with.
struct Odd;

impl edge::OddOne for Odd {
    async fn r#move(&mut self, _cx: &Cx, m: edge::a::Type) -> Result<edge::Result, Fault> {
        Ok(edge::Result { a: m.a })
    }

    // `inline: true`: a plain fn, by type.
    fn self_(&mut self, _cx: &Cx, _m: edge::A) -> Result<other::shared::InnerPart, Fault> {
        Ok(other::shared::InnerPart { a: 1 })
    }

    fn get2things_now(&mut self, _cx: &Cx, _m: other::Shared) -> Result<(), Fault> {
        Ok(())
    }

    fn snapshot(&self) -> edge::Option {
        edge::Option { a: 1 }
    }

    fn restore(&mut self, _state: edge::Option) -> Result<(), Fault> {
        Ok(())
    }
}

/// Of a protocol that wants AT_LEAST_ONCE.
struct Keeper;

impl edge::Send for Keeper {
    async fn keep(&mut self, _cx: &Cx, _m: edge::Option) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn a_nested_message_is_dispatched_by_its_type_to_a_method_whose_name_is_a_keyword() {
    let node = Node::builder("edges").start().expect("a node");
    let odd = edge::OddOneRef::spawn(&node, "odd", || Odd, Options::default()).expect("an actor");
    let asked = edge::a::Type { a: 7 };
    let ask = async { tokio::time::timeout(Duration::from_secs(10), odd.r#move(&node, &asked)).await };
    let reply = node
        .handle()
        .block_on(ask)
        .expect("within ten seconds")
        .expect("an answer");
    assert_eq!(reply.a, 7);
}

#[test]
fn an_actor_that_wants_reliable_delivery_is_not_spawned_until_there_is_some() {
    let node = Node::builder("edges").start().expect("a node");
    let refused =
        edge::SendRef::spawn(&node, "keeper", || Keeper, Options::default()).expect_err("it cannot be promised");
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.to_string().contains("AT_LEAST_ONCE"), "{refused}");
}
