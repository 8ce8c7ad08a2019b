//! The actor of the suite `door`.

use actorbridge::{Actor, Cx, Fault, Message, RawType};
use actorbridge_bench_codec::wire::{Flight, Flights};

/// The bytes of flights, which nobody decodes.
static RAW: RawType = RawType::new("bench.codec.v1.RawFlight");

/// Decodes each flight, and each batch of them, that it is told, whichever codec it came in, and gives back each that it is asked. A
/// batch of none asks how many messages were told since the last one; the answer is a flight with that row.
#[derive(Default)]
pub struct Counted(u64);

impl Actor for Counted {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        if message.type_name() == RAW.name() {
            let flight = message.raw(&RAW)?;
            if message.is_ask() {
                return cx.reply_raw(&RAW, flight);
            }
            self.0 += u64::from(!flight.is_empty());
        } else if message.type_name() == "bench.codec.v1.Flights" {
            let batch: Flights = message.decode()?;
            if batch.flights.is_empty() {
                let row = std::mem::take(&mut self.0);
                return cx.reply(&Flight {
                    row,
                    ..Flight::default()
                });
            }
            if message.is_ask() {
                return cx.reply(&batch);
            }
            self.0 += 1;
        } else {
            let flight: Flight = message.decode()?;
            if message.is_ask() {
                return cx.reply(&flight);
            }
            self.0 += u64::from(flight.distance.is_some());
        }
        Ok(())
    }
}
