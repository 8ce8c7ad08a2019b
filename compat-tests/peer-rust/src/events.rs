//! Subscriptions, whose events are taken when the runner says so: it decides how slow their reader is.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use actorbridge::{Address, Message, Node, Subscription};
use prost::Name;

use crate::driver::{Failed, driver_fault, fault, lock};
use crate::ops::{Answer, Content, Encoded, from_hex, to_hex};
use crate::raw::Raw;
use crate::testpb::Add;

/// Those that have not ended, by the ids of their orders.
#[derive(Default)]
pub(crate) struct Subscriptions(Mutex<HashMap<u64, Subscription>>);

impl Subscriptions {
    pub(crate) async fn begin(&self, id: u64, node: &Node, to: &str, message: &Encoded) -> Result<(), Failed> {
        if message.type_name != Add::full_name() {
            return Err(driver_fault("this peer subscribes by an Add only"));
        }
        let to: Address = to.parse().map_err(|e| fault(&e, false))?;
        let bytes = from_hex(&message.payload).map_err(|e| driver_fault(&e))?;
        let asked = node.subscribe(&to, &Raw::<Add>::new(bytes.into()), Duration::MAX).await;
        lock(&self.0).insert(id, asked.map_err(|e| fault(&e, false))?);
        Ok(())
    }

    /// Takes events until there are `count`, or the end comes.
    pub(crate) async fn take(&self, id: u64, count: u64, answer: &mut Answer) -> Result<(), Failed> {
        let mut subscription = self.remove(id)?;
        for _ in 0..count {
            match subscription.next().await {
                Ok(Some(event)) => answer.events.push(encoded(&event)?),
                Ok(None) => {
                    answer.reply = subscription.reply().map(encoded).transpose()?;
                    return Ok(());
                }
                Err(error) => {
                    answer.fault = Some(*fault(&error, false));
                    return Ok(());
                }
            }
        }
        lock(&self.0).insert(id, subscription);
        Ok(())
    }

    /// As its caller gives it up: it is dropped.
    pub(crate) fn give_up(&self, id: u64) -> Result<(), Failed> {
        self.remove(id).map(drop)
    }

    fn remove(&self, id: u64) -> Result<Subscription, Failed> {
        lock(&self.0)
            .remove(&id)
            .ok_or_else(|| driver_fault("no such ask or subscription waits"))
    }
}

fn encoded(message: &Message) -> Result<Encoded, Failed> {
    let payload = message.plain_payload().map_err(|f| driver_fault(&f.to_string()))?;
    Ok(Encoded {
        type_name: message.type_name().to_owned(),
        payload: to_hex(&payload),
        codec: Content::Protobuf,
    })
}
