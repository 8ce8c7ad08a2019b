//! The cases: each runs once and says of how many bytes that was.

use std::cell::RefCell;
use std::error::Error;
use std::io::Write as _;

use actorbridge::proto::v1::{self, Kind};
use actorbridge::proto::view::EnvelopeView;
use actorbridge::proto::writer::{self, BodyFields};
use actorbridge::{Codec, Payload};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Run;
use crate::array;
use crate::wire::{Flight, Flights, Kilobyte};

pub(crate) type Case = (String, Run);

const CODECS: [(&str, Codec); 3] = [
    ("protobuf", Codec::Protobuf),
    ("json", Codec::Json),
    ("msgpack", Codec::MessagePack),
];
const BATCH: usize = 100;
/// What the suite `door` sends beside the first flight: that one so many times.
const REPEATED: [(&str, usize); 2] = [("1k", 12), ("16k", 184)];
const SNAPSHOT: usize = 1 << 20;
/// The payload of an envelope of 1 KB.
const PAYLOAD: usize = 900;

pub(crate) fn all(flights: &[Flight]) -> Result<Vec<Case>, Box<dyn Error>> {
    let first = flights.first().ok_or("there are no flights")?;
    let (mut size, mut rows) = (0, Vec::new());
    for flight in flights {
        size += flight.encoded_len() + 2;
        if size > SNAPSHOT {
            break;
        }
        rows.push(flight.clone());
    }
    let batch = flights.iter().take(BATCH).cloned().collect();
    let (batch, snapshot) = (Flights { flights: batch }, Flights { flights: rows });
    let mut cases = envelope();
    for (name, codec) in CODECS {
        of(&mut cases, (name, codec), "kilobyte", kilobyte())?;
        of(&mut cases, (name, codec), "flight", first.clone())?;
        of(&mut cases, (name, codec), "batch", batch.clone())?;
        of(&mut cases, (name, codec), "snapshot", snapshot.clone())?;
        for (message, flights) in REPEATED {
            let flights = vec![first.clone(); flights];
            of(&mut cases, (name, codec), message, Flights { flights })?;
        }
    }
    array_of(&mut cases, "kilobyte", array::Kilobyte::from(&kilobyte()))?;
    array_of(&mut cases, "flight", array::Flight::from(first))?;
    array_of(&mut cases, "batch", array::Flights::from(&batch))?;
    array_of(&mut cases, "snapshot", array::Flights::from(&snapshot))?;
    Ok(cases)
}

fn of<T: Payload + Clone + 'static>(
    cases: &mut Vec<Case>,
    (codec_name, codec): (&str, Codec),
    name: &str,
    message: T,
) -> Result<(), Box<dyn Error>> {
    let encoded = codec.encode(&message).map_err(|fault| format!("{fault:?}"))?;
    let zipped = zipped(&encoded)?;
    let mut add = |what: &str, run: Run| cases.push((format!("{codec_name}/{name}/{what}"), run));
    add("gzip", Box::new(move || Ok(zipped)));
    let bytes = Bytes::from(encoded.clone());
    add("encode", {
        let encode = move || Ok(codec.encode(&message).map_err(|f| format!("{f:?}"))?.len() as u64);
        Box::new(encode)
    });
    add("decode", {
        let len = bytes.len() as u64;
        let decode = move || {
            std::hint::black_box(codec.decode::<T>(bytes.clone()).map_err(|f| format!("{f:?}"))?);
            Ok(len)
        };
        Box::new(decode)
    });
    if codec == Codec::Protobuf {
        let copy = RefCell::new(Vec::with_capacity(encoded.len()));
        let run = move || {
            let mut copy = copy.borrow_mut();
            copy.clear();
            copy.extend_from_slice(&encoded);
            Ok(std::hint::black_box(&*copy).len() as u64)
        };
        cases.push((format!("memcpy/{name}/copy"), Box::new(run)));
    }
    Ok(())
}

/// MessagePack by rmp-serde, which writes a struct as an array.
fn array_of<T: Serialize + DeserializeOwned + 'static>(
    cases: &mut Vec<Case>,
    name: &str,
    message: T,
) -> Result<(), Box<dyn Error>> {
    let encoded = rmp_serde::to_vec(&message)?;
    let (len, zipped) = (encoded.len() as u64, zipped(&encoded)?);
    let encode = move || Ok(rmp_serde::to_vec(&message)?.len() as u64);
    let decode = move || {
        std::hint::black_box(rmp_serde::from_slice::<T>(&encoded)?);
        Ok(len)
    };
    cases.push((format!("array/{name}/gzip"), Box::new(move || Ok(zipped))));
    cases.push((format!("array/{name}/encode"), Box::new(encode)));
    cases.push((format!("array/{name}/decode"), Box::new(decode)));
    Ok(())
}

fn zipped(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(bytes)?;
    Ok(zip.finish()?.len() as u64)
}

const SOURCE: &str = "ab:///orders/eu/4711";
const TARGET: &str = "ab:///pricing/eu";
const TYPE: &str = "shop.v1.QuoteRequest";
const REPLY_TO: &str = "ab://shop-go/orders/eu/4711";
const CORRELATION: u64 = 17 << 20 | 3;

fn kilobyte() -> Kilobyte {
    Kilobyte {
        kind: Kind::Ask as u32,
        payload: vec![7; PAYLOAD].into(),
        correlation: CORRELATION,
        source: SOURCE.into(),
        target: TARGET.into(),
        type_name: TYPE.into(),
        version: 2,
        reply_to: REPLY_TO.into(),
    }
}

/// The envelope of 1 KB: as this library reads and writes it, and as prost does.
fn envelope() -> Vec<Case> {
    let who = writer::who(SOURCE, TARGET, REPLY_TO);
    let what = writer::what(Kind::Ask, TYPE, 2, 1);
    let payload = vec![7; PAYLOAD];
    let fields = || BodyFields {
        correlation: CORRELATION,
        ..BodyFields::default()
    };
    let whole = writer::join(&who.bytes, &what.bytes, &writer::body(fields(), &payload));
    let decoded = v1::Envelope::decode(whole.clone()).expect("it is an envelope");
    let len = whole.len() as u64;
    let (read, parsed) = (whole.clone(), whole);
    let (out, prost_out) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let view = move || {
        let view = EnvelopeView::read(&read).map_err(|refusal| refusal.to_string())?;
        std::hint::black_box(&view);
        Ok(len)
    };
    let texts = [SOURCE, TARGET, REPLY_TO, TYPE].map(|text| text.as_bytes().to_vec());
    let utf8 = move || {
        for text in &texts {
            std::hint::black_box(std::str::from_utf8(std::hint::black_box(text))?);
        }
        Ok(len)
    };
    let prost_decode = move || {
        std::hint::black_box(&v1::Envelope::decode(parsed.clone())?);
        Ok(len)
    };
    let encode = move || {
        let mut out = out.borrow_mut();
        out.clear();
        out.extend_from_slice(&who.bytes);
        out.extend_from_slice(&what.bytes);
        writer::append_body(&mut out, fields(), std::hint::black_box(&payload));
        Ok(std::hint::black_box(&*out).len() as u64)
    };
    let prost_encode = move || {
        let mut out = prost_out.borrow_mut();
        out.clear();
        decoded.encode(&mut *out)?;
        Ok(std::hint::black_box(&*out).len() as u64)
    };
    vec![
        ("envelope/view".into(), Box::new(view)),
        ("envelope/utf8".into(), Box::new(utf8)),
        ("envelope/prost_decode".into(), Box::new(prost_decode)),
        ("envelope/encode".into(), Box::new(encode)),
        ("envelope/prost_encode".into(), Box::new(prost_encode)),
    ]
}
