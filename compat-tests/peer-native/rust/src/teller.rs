//! An actor that tells what it is told, so that a slow Go actor slows a Rust one.

use actorbridge::{Actor, Address, Cx, Fault, Message};
use compat_peer::testpb::{Add, ForwardTo};

/// Tells every Add to the target of the last ForwardTo. Unlike a forwarder it sends on a stream of its own, whose credit ends.
#[derive(Default)]
pub(crate) struct Teller(Option<Address>);

impl Actor for Teller {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.is::<ForwardTo>() {
            let target = message.decode::<ForwardTo>()?.target;
            self.0 = Some(target.parse().map_err(Fault::from)?);
            return Ok(());
        }
        let add: Add = message.decode()?;
        let none = || Fault::app("NO_TARGET").message("send a ForwardTo first");
        let target = self.0.as_ref().ok_or_else(none)?;
        cx.tell(target, &add).map_err(Fault::from)
    }
}
