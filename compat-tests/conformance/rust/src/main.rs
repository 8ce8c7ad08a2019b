//! A program that protobuf's conformance suite tests: each message goes through the codecs of the Rust node, and, if it is
//! protobuf, under the eyes of its envelope view. The suite's orders come on stdin, its answers go to stdout; at the end,
//! stderr has what the view did. `compat-tests/conformance/README.md` says how it is run.

mod envelope;
mod generated;

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::ExitCode;

use actorbridge::proto::v1::Code;
use actorbridge::{Codec, Fault};
use prost::Message as _;

use generated::conformance::conformance_request::Payload;
use generated::conformance::conformance_response::Result as Said;
use generated::conformance::{ConformanceRequest, ConformanceResponse, FailureSet, WireFormat};
use generated::protobuf_test_messages::proto3::TestAllTypesProto3;

/// The way of a message from its first bytes to its last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Decoded into its Rust type, and encoded again, as in an actor.
    Typed,
    /// By `Codec::convert` into MessagePack, and from there, as in a gateway.
    MessagePack,
}

fn main() -> ExitCode {
    let way = match std::env::args().nth(1).as_deref() {
        None | Some("typed") => Way::Typed,
        Some("msgpack") => Way::MessagePack,
        Some(other) => {
            eprintln!("a message goes by way of its type (typed) or by msgpack, not by {other}");
            return ExitCode::FAILURE;
        }
    };
    let mut seen = envelope::Seen::default();
    match answer_all(way, &mut seen) {
        Ok(()) => {
            eprintln!("{seen}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Answers orders, each behind its length (4 bytes, the least significant first), until there are no more.
fn answer_all(way: Way, seen: &mut envelope::Seen) -> std::io::Result<()> {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    loop {
        let mut length = [0; 4];
        match stdin.read_exact(&mut length) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            came => came?,
        }
        let mut order = vec![0; u32::from_le_bytes(length) as usize];
        stdin.read_exact(&mut order)?;
        let request = ConformanceRequest::decode(&*order).map_err(std::io::Error::other)?;
        let result = match request.payload.as_ref() {
            Some(Payload::ProtobufPayload(bytes)) => seen.look_at(bytes).map_err(Said::RuntimeError),
            _ => Ok(()),
        };
        let result = result.map_or_else(|disagrees| disagrees, |()| answer(way, request));
        let answer = ConformanceResponse { result: Some(result) }.encode_to_vec();
        stdout.write_all(&u32::try_from(answer.len()).unwrap_or(u32::MAX).to_le_bytes())?;
        stdout.write_all(&answer)?;
        stdout.flush()?;
    }
}

fn answer(way: Way, request: ConformanceRequest) -> Said {
    if request.message_type == "conformance.FailureSet" {
        return Said::ProtobufPayload(FailureSet::default().encode_to_vec().into());
    }
    if request.message_type != "protobuf_test_messages.proto3.TestAllTypesProto3" {
        return Said::Skipped("messages of actors are proto3".into());
    }
    let (from, payload) = match request.payload {
        Some(Payload::ProtobufPayload(bytes)) => (Codec::Protobuf, bytes.to_vec()),
        Some(Payload::JsonPayload(text)) => (Codec::Json, text.into_bytes()),
        _ => return Said::Skipped("there is no such codec".into()),
    };
    let to = match WireFormat::try_from(request.requested_output_format) {
        Ok(WireFormat::Protobuf) => Codec::Protobuf,
        Ok(WireFormat::Json) => Codec::Json,
        _ => return Said::Skipped("there is no such codec".into()),
    };
    match carry(way, from, payload, to) {
        Ok(bytes) if to == Codec::Protobuf => Said::ProtobufPayload(bytes.into()),
        Ok(bytes) => String::from_utf8(bytes).map_or_else(|e| Said::RuntimeError(e.to_string()), Said::JsonPayload),
        Err(fault) if fault.code() == Code::InvalidArgument => Said::SerializeError(format!("{fault:?}")),
        Err(fault) => Said::ParseError(format!("{fault:?}")),
    }
}

fn carry(way: Way, from: Codec, payload: Vec<u8>, to: Codec) -> Result<Vec<u8>, Fault> {
    match way {
        Way::Typed => to.encode(&from.decode::<TestAllTypesProto3>(payload)?),
        Way::MessagePack => {
            let packed = from.convert::<TestAllTypesProto3>(&payload, Codec::MessagePack)?;
            Codec::MessagePack.convert::<TestAllTypesProto3>(&packed, to)
        }
    }
}
