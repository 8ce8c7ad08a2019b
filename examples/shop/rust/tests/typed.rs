//! Typed actors in one node: what generated code promises its users.

use std::time::Duration;

use actorbridge::proto::v1::Code;
use actorbridge::{Cx, Fault, Node, Options};
use shop_rust::shop::v1 as shop;

/// Prices by article.
struct Prices(Vec<shop::Price>);

impl shop::Pricer for Prices {
    fn quote(&mut self, _cx: &Cx, m: shop::QuoteRequest) -> Result<shop::QuoteReply, Fault> {
        let price = self.0.iter().find(|p| p.sku == m.sku);
        let cents = price.ok_or_else(|| Fault::app("UNKNOWN_SKU").message(m.sku))?.cents;
        Ok(shop::QuoteReply {
            total_cents: cents * i64::from(m.qty),
        })
    }

    async fn reload(&mut self, _cx: &Cx, m: shop::Reload) -> Result<(), Fault> {
        self.0 = m.prices;
        Ok(())
    }

    fn snapshot(&self) -> shop::PricerState {
        shop::PricerState { prices: self.0.clone() }
    }

    fn restore(&mut self, state: shop::PricerState) -> Result<(), Fault> {
        self.0 = state.prices;
        Ok(())
    }
}

/// Asks a pricer what each article costs.
struct Total {
    cents: i64,
    pricer: shop::PricerRef,
}

impl shop::Cart for Total {
    async fn add(&mut self, cx: &Cx, m: shop::AddRequest) -> Result<shop::AddReply, Fault> {
        let quote = shop::QuoteRequest {
            sku: m.sku,
            qty: m.qty,
            ..Default::default()
        };
        self.cents += self.pricer.quote(cx, &quote).await?.total_cents;
        Ok(shop::AddReply {
            total_cents: self.cents,
        })
    }

    fn snapshot(&self) -> shop::CartState {
        shop::CartState {
            total_cents: self.cents,
        }
    }

    fn restore(&mut self, state: shop::CartState) -> Result<(), Fault> {
        self.cents = state.total_cents;
        Ok(())
    }
}

fn price(sku: &str, cents: i64) -> shop::Price {
    let sku = sku.to_owned();
    shop::Price { sku, cents }
}

fn add(sku: &str, qty: u32) -> shop::AddRequest {
    let sku = sku.to_owned();
    shop::AddRequest { sku, qty }
}

/// A node with a pricer and a cart, and the references to them.
fn shop_node() -> (Node, shop::PricerRef, shop::CartRef) {
    let node = Node::builder("shop").start().expect("a node");
    let prices = || Prices(vec![price("A1", 100)]);
    let pricer = shop::PricerRef::spawn(&node, "pricer/eu", prices, Options::default()).expect("a pricer");
    let logical = shop::PricerRef::at("ab:///pricer/eu").expect("an address");
    let make = move || Total {
        cents: 0,
        pricer: logical.clone(),
    };
    let cart = shop::CartRef::spawn(&node, "cart/42", make, Options::default()).expect("a cart");
    (node, pricer, cart)
}

/// Runs with a deadline: a hang fails with a sentence.
fn run<T>(node: &Node, what: impl Future<Output = T>) -> T {
    let within = async { tokio::time::timeout(Duration::from_secs(10), what).await };
    node.handle().block_on(within).expect("it ends within ten seconds")
}

#[test]
fn a_typed_ask_is_answered_by_the_method_that_takes_its_type() {
    let (node, _, cart) = shop_node();
    let reply = run(&node, cart.add(&node, &add("A1", 3))).expect("an answer");
    assert_eq!(reply.total_cents, 300);
    let reply = run(&node, cart.add(&node, &add("A1", 1))).expect("an answer");
    assert_eq!(reply.total_cents, 400);
}

#[test]
fn a_typed_tell_is_handled_before_the_ask_behind_it() {
    let (node, pricer, cart) = shop_node();
    let reload = shop::Reload {
        prices: vec![price("B2", 7)],
    };
    run(&node, pricer.reload(&node, &reload)).expect("room");
    let quote = shop::QuoteRequest {
        sku: "B2".into(),
        qty: 2,
        ..Default::default()
    };
    let reply = run(&node, pricer.quote(&node, &quote)).expect("an answer");
    assert_eq!(reply.total_cents, 14);
    let refused = run(&node, cart.add(&node, &add("A1", 1))).expect_err("A1 is not sold any more");
    assert_eq!(refused.user().expect("the handler's own error").code(), "UNKNOWN_SKU");
}

#[test]
fn an_ask_to_a_method_that_tells_is_answered_with_empty() {
    let (node, pricer, _) = shop_node();
    let reload = shop::Reload::default();
    let done = node.ask::<(), _>(pricer.address(), &reload, Duration::from_secs(5));
    run(&node, done).expect("an answer that says nothing");
}

#[test]
fn a_message_of_another_protocol_is_unsupported() {
    let (node, pricer, _) = shop_node();
    let lost = shop::CartRef::to(pricer.address().clone());
    let refused = run(&node, lost.add(&node, &add("A1", 1))).expect_err("a pricer is no cart");
    assert_eq!(refused.code(), Code::UnsupportedType);
}

#[test]
fn an_address_that_is_none_is_refused_where_the_reference_is_made() {
    let refused = shop::CartRef::at("cart/42").expect_err("it has no scheme");
    assert_eq!(refused.code(), Code::InvalidArgument);
}
