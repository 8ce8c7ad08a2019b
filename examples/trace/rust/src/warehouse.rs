use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Ref};
use tracing::info_span;
use tracing::instrument::Instrument as _;

use crate::telemetry;
use crate::trace_v1::{Order, Packed, Take, Taken};

/// How long the stock may take.
const WITHIN: Duration = Duration::from_secs(5);

struct Warehouse {
    stock: Ref,
    courier: Ref,
}

impl Warehouse {
    fn new() -> Self {
        let at = |address: &str| address.parse().expect("it is an address");
        Self {
            stock: at("ab:///stock"),
            courier: at("ab:///courier"),
        }
    }
}

impl Actor for Warehouse {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let Order { item } = message.decode()?;
        let take = Take { item: item.clone() };
        // A span of its own, with the ask below it.
        let asked = cx.ask::<Taken, _>(&self.stock, &take, WITHIN);
        let Taken { shelf } = asked.instrument(info_span!("looks for the shelf")).await?;
        let packed = Packed { item, shelf };
        cx.tell(&self.courier, &packed)?;
        cx.reply(&packed)
    }

    // A Go program that ends does not wait for what Rust has not sent yet.
    async fn post_stop(&mut self) {
        telemetry::flush().await;
    }
}

/// The actor is there from the start.
pub fn module() -> actorbridge::Module {
    actorbridge::Module::new("trace-rust")
        .propagator(telemetry::start())
        .actor("warehouse", Warehouse::new)
}
