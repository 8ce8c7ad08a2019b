//! The pricer: an actor in Rust.

use std::collections::BTreeMap;

use actorbridge::{Cx, Fault};

use crate::shop::v1 as shop;

/// What things cost in Europe.
pub struct EuPricer {
    cents: BTreeMap<String, i64>,
}

impl EuPricer {
    /// A pricer with the prices of today.
    pub fn open() -> Self {
        let today = [("A1", 250), ("B2", 1_999)];
        Self {
            cents: today.map(|(sku, cents)| (sku.to_owned(), cents)).into(),
        }
    }
}

impl shop::Pricer for EuPricer {
    // `inline: true`: a plain function, which cannot wait.
    fn quote(&mut self, _cx: &Cx, m: shop::QuoteRequest) -> Result<shop::QuoteReply, Fault> {
        let Some(cents) = self.cents.get(&m.sku) else {
            return Err(Fault::app("UNKNOWN_SKU").detail(&shop::UnknownSku { sku: m.sku }));
        };
        Ok(shop::QuoteReply {
            total_cents: cents * i64::from(m.qty),
        })
    }

    async fn reload(&mut self, _cx: &Cx, m: shop::Reload) -> Result<(), Fault> {
        self.cents = m.prices.into_iter().map(|price| (price.sku, price.cents)).collect();
        Ok(())
    }

    fn snapshot(&self) -> shop::PricerState {
        let price = |(sku, cents): (&String, &i64)| shop::Price {
            sku: sku.clone(),
            cents: *cents,
        };
        shop::PricerState {
            prices: self.cents.iter().map(price).collect(),
        }
    }

    fn restore(&mut self, state: shop::PricerState) -> Result<(), Fault> {
        self.cents = state.prices.into_iter().map(|price| (price.sku, price.cents)).collect();
        Ok(())
    }
}
