//! The second version of the schema, and what is written and read with it.

#[path = "gen/v2/mod.rs"]
mod generated;
#[allow(clippy::duplicate_mod, reason = "it is compiled with each version's messages")]
#[path = "peer.rs"]
mod peer;

pub use generated::versions::v1 as pb;
pub use peer::module;

/// The name of its node.
const NAME: &str = "rust2";

/// What the first version wrote, and what is written for it.
fn register_casts() {
    actorbridge::upcast::<pb::Quote>(1, |m| {
        m.currency = "USD".into();
        Ok(())
    });
    actorbridge::upcast::<pb::Strict>(1, |m| {
        if m.amount < 0 {
            return Err(format!("the amount {} is below 0", m.amount).into());
        }
        m.unit = "cents".into();
        Ok(())
    });
    // For readers from version 1 on.
    actorbridge::downcast::<pb::Adapted>(1, 1, |m| {
        m.name = format!("{} {}", m.title, m.name);
        m.title.clear();
        Ok(())
    });
}

fn quote() -> pb::Quote {
    pb::Quote {
        sku: "A1".into(),
        currency: "EUR".into(),
    }
}

fn strict() -> pb::Strict {
    pb::Strict {
        amount: 7,
        unit: "euros".into(),
    }
}

fn adapted() -> pb::Adapted {
    pb::Adapted {
        name: "Ann".into(),
        title: "Dr.".into(),
    }
}

fn forwarded(target: String) -> pb::Forwarded {
    pb::Forwarded {
        target,
        text: "hello".into(),
        numbers: vec![-1, 300],
        quote: Some(quote()),
    }
}

fn quote_text(m: &pb::Quote) -> String {
    format!("sku {} currency {}", m.sku, m.currency)
}

fn strict_text(m: &pb::Strict) -> String {
    format!("amount {} unit {}", m.amount, m.unit)
}

fn adapted_text(m: &pb::Adapted) -> String {
    format!("name {} title \"{}\"", m.name, m.title)
}

fn forwarded_text(m: &pb::Forwarded) -> String {
    let numbers: Vec<_> = m.numbers.iter().map(i32::to_string).collect();
    let quote = m.quote.as_ref().map(quote_text).unwrap_or_default();
    format!("text {} numbers {} quote {quote}", m.text, numbers.join(","))
}
