//! The messages as structs that serde knows, which rmp-serde writes as arrays: for comparison only. In an array a field is known by its
//! place, so a reader of another version of the message reads other fields.

use serde::{Deserialize, Serialize};

use crate::wire;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Flight {
    row: u64,
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    dep_time: Option<i64>,
    sched_dep_time: Option<i64>,
    dep_delay: Option<i64>,
    arr_time: Option<i64>,
    sched_arr_time: Option<i64>,
    arr_delay: Option<i64>,
    carrier: String,
    flight: Option<i64>,
    tailnum: String,
    origin: String,
    dest: String,
    air_time: Option<i64>,
    distance: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    time_hour: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Flights {
    flights: Vec<Flight>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kilobyte {
    kind: u32,
    #[serde(with = "serde_bytes")]
    payload: Vec<u8>,
    correlation: u64,
    source: String,
    target: String,
    type_name: String,
    version: u32,
    reply_to: String,
}

impl From<&wire::Flight> for Flight {
    fn from(f: &wire::Flight) -> Self {
        Self {
            row: f.row,
            year: f.year,
            month: f.month,
            day: f.day,
            dep_time: f.dep_time,
            sched_dep_time: f.sched_dep_time,
            dep_delay: f.dep_delay,
            arr_time: f.arr_time,
            sched_arr_time: f.sched_arr_time,
            arr_delay: f.arr_delay,
            carrier: f.carrier.clone(),
            flight: f.flight,
            tailnum: f.tailnum.clone(),
            origin: f.origin.clone(),
            dest: f.dest.clone(),
            air_time: f.air_time,
            distance: f.distance,
            hour: f.hour,
            minute: f.minute,
            time_hour: f.time_hour.clone(),
        }
    }
}

impl From<&wire::Flights> for Flights {
    fn from(f: &wire::Flights) -> Self {
        Self {
            flights: f.flights.iter().map(Flight::from).collect(),
        }
    }
}

impl From<&wire::Kilobyte> for Kilobyte {
    fn from(k: &wire::Kilobyte) -> Self {
        Self {
            kind: k.kind,
            payload: k.payload.to_vec(),
            correlation: k.correlation,
            source: k.source.clone(),
            target: k.target.clone(),
            type_name: k.type_name.clone(),
            version: k.version,
            reply_to: k.reply_to.clone(),
        }
    }
}
