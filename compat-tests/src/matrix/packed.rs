//! Messages in MessagePack as the runner reads them itself, by rmpv and docs/CODECS.md.

use bytes::Bytes;
use compat_matrix_rust::peerpb::field::Value;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use rmpv::Value as Packed;

use super::shown::Shown;

/// The fields of a message, unknown ones as `?NUMBER`.
pub(super) fn show(of: &MessageDescriptor, mut bytes: &[u8], mut shown: Shown) -> Result<Shown, String> {
    let message = rmpv::decode::read_value(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.is_empty() {
        true => show_message(of, &message, "", &mut shown).map(|()| shown),
        false => Err("bytes follow its end".into()),
    }
}

fn show_message(of: &MessageDescriptor, message: &Packed, prefix: &str, shown: &mut Shown) -> Result<(), String> {
    let mut last = 0;
    for (key, value) in message.as_map().ok_or("a message is no map")? {
        let number = key
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or("a key is no number")?;
        if number <= last {
            return Err(format!("the key {number} follows {last}"));
        }
        last = number;
        let Some(field) = of.get_field(number) else {
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, value).map_err(|e| e.to_string())?;
            shown.add(&format!("{prefix}?{number}"), Value::Data(bytes.into()));
            continue;
        };
        let name = format!("{prefix}{}", field.name());
        match value {
            Packed::Array(values) if field.is_list() => {
                for value in values {
                    show_value(&field, &name, value, shown)?;
                }
            }
            value => show_value(&field, &name, value, shown)?,
        }
    }
    Ok(())
}

fn show_value(field: &FieldDescriptor, name: &str, value: &Packed, shown: &mut Shown) -> Result<(), String> {
    let value = match (field.kind(), value) {
        (Kind::Message(of), value) => return show_message(&of, value, &format!("{name}."), shown),
        (Kind::String, Packed::String(text)) => Value::Text(text.as_str().ok_or("a string is no text")?.to_owned()),
        (Kind::Bytes, Packed::Binary(bytes)) => Value::Data(Bytes::copy_from_slice(bytes)),
        // A negative number is its two's complement in 64 bits.
        (Kind::Uint32 | Kind::Int64 | Kind::Sint32, Packed::Integer(n)) => {
            let number = n.as_u64().or(n.as_i64().map(|n| n as u64));
            Value::Number(number.ok_or("an integer is beyond 64 bits")?)
        }
        (kind, other) => return Err(format!("{name} is {other}, not a {kind:?}")),
    };
    shown.add(name, value);
    Ok(())
}
