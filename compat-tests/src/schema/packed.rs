//! Messages of cases in MessagePack, by rmpv and docs/CODECS.md: fields with text, bytes and whole numbers, one of each.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value as Reflected};
use rmpv::Value as Packed;

/// A map from fields' numbers to their values.
pub(super) fn write(message: &DynamicMessage) -> Result<Vec<u8>, String> {
    let mut fields: Vec<(FieldDescriptor, &Reflected)> = message.fields().collect();
    fields.sort_by_key(|(field, _)| field.number());
    let entry = |(field, value): (FieldDescriptor, &Reflected)| {
        let value = match value {
            Reflected::String(text) => Packed::from(text.as_str()),
            Reflected::Bytes(bytes) => Packed::from(bytes.as_ref()),
            Reflected::I64(n) => Packed::from(*n),
            Reflected::U64(n) => Packed::from(*n),
            _ => {
                return Err(format!(
                    "{} is not text, bytes or a number of 64 bits",
                    field.full_name()
                ));
            }
        };
        Ok((Packed::from(field.number()), value))
    };
    let entries = fields.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Packed::Map(entries)).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// The other way round.
pub(super) fn read(of: &MessageDescriptor, mut bytes: &[u8]) -> Result<DynamicMessage, String> {
    let map = rmpv::decode::read_value(&mut bytes).map_err(|e| e.to_string())?;
    let mut message = DynamicMessage::new(of.clone());
    for (key, value) in map.as_map().ok_or("it is no map")? {
        let field = key.as_u64().and_then(|n| of.get_field(u32::try_from(n).ok()?));
        let field = field.ok_or_else(|| format!("no field has the number {key}"))?;
        let read = match (field.kind(), value) {
            (Kind::String, Packed::String(text)) => text.as_str().map(|text| Reflected::String(text.to_owned())),
            (Kind::Bytes, Packed::Binary(bytes)) => Some(Reflected::Bytes(bytes.clone().into())),
            (Kind::Int64, value) => value.as_i64().map(Reflected::I64),
            (Kind::Uint64, value) => value.as_u64().map(Reflected::U64),
            _ => None,
        };
        let wrong = || format!("{} is {value}", field.full_name());
        message.set_field(&field, read.ok_or_else(wrong)?);
    }
    Ok(message)
}
