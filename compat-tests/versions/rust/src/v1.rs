//! The first version of the schema, and what is written and read with it.

#[path = "gen/v1/mod.rs"]
mod generated;
#[allow(clippy::duplicate_mod, reason = "it is compiled with each version's messages")]
#[path = "peer.rs"]
mod peer;

pub use generated::versions::v1 as pb;
pub use peer::module;

/// The name of its node.
const NAME: &str = "rust1";

/// There is nothing older.
fn register_casts() {}

fn quote() -> pb::Quote {
    pb::Quote { sku: "A1".into() }
}

fn strict() -> pb::Strict {
    pb::Strict { amount: 7 }
}

fn adapted() -> pb::Adapted {
    pb::Adapted { name: "Ann".into() }
}

fn forwarded(target: String) -> pb::Forwarded {
    pb::Forwarded {
        target,
        text: "hello".into(),
    }
}

fn quote_text(m: &pb::Quote) -> String {
    format!("sku {}", m.sku)
}

fn strict_text(m: &pb::Strict) -> String {
    format!("amount {}", m.amount)
}

fn adapted_text(m: &pb::Adapted) -> String {
    format!("name {}", m.name)
}

fn forwarded_text(m: &pb::Forwarded) -> String {
    format!("text {}", m.text)
}
