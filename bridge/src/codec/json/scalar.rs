//! Numbers, bytes, enums and the keys of maps.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost_reflect::{EnumDescriptor, Kind, MapKey, Value};

use super::text::Json;

/// Most digits of an integer of 64 bits.
const MOST_DIGITS: usize = 20;

/// A value that is no message; `None` for an enum value whose name is not known.
pub(super) fn scalar(json: &Json, of: &Kind) -> Result<Option<Value>, String> {
    Ok(Some(match of {
        Kind::Bool => match json {
            Json::Bool(v) => Value::Bool(*v),
            other => return Err(other.instead_of("a bool")),
        },
        Kind::String => match json {
            Json::Text(v) => Value::String(v.clone()),
            other => return Err(other.instead_of("a string")),
        },
        Kind::Bytes => match json {
            Json::Text(v) => Value::Bytes(bytes(v)?.into()),
            other => return Err(other.instead_of("a string of base64")),
        },
        Kind::Enum(of) => return Ok(enum_value(json, of)?.map(Value::EnumNumber)),
        Kind::Float => Value::F32(float32(json)?),
        Kind::Double => Value::F64(float(json)?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(int(json)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(int(json)?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(int(json)?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Message(_) => Value::I64(int(json)?),
    }))
}

/// A number, or a string with nothing but a number in it.
fn number(json: &Json) -> Result<String, String> {
    match json {
        Json::Number(text) => Ok(text.clone()),
        Json::Text(text) if text.trim() == text => match Json::parse(text.as_bytes()) {
            Ok(Json::Number(text)) => Ok(text),
            _ => Err(format!("{text:?} is no number")),
        },
        Json::Text(text) => Err(format!("{text:?} is no number")),
        other => Err(other.instead_of("a number")),
    }
}

fn int<T: TryFrom<i128>>(json: &Json) -> Result<T, String> {
    let text = number(json)?;
    let exact = exact(&text).ok_or_else(|| format!("{text} is no integer of 64 bits"))?;
    T::try_from(exact).map_err(|_| format!("{text} does not fit into {}", std::any::type_name::<T>()))
}

/// The integer that a number is, also one with a fraction or an exponent. It may be a little beyond 64 bits.
fn exact(text: &str) -> Option<i128> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let negative = digits.starts_with('-');
    let digits = digits.trim_start_matches('-').trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    // A power that is not even a number of 64 bits is far out of the range.
    let exponent = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let kept = digits.trim_end_matches('0');
    let zeros = exponent.checked_add(i64::try_from(digits.len() - kept.len()).ok()?)?;
    let zeros = usize::try_from(zeros)
        .ok()
        .filter(|zeros| kept.len() + zeros <= MOST_DIGITS)?;
    let size = kept.parse::<i128>().ok()? * 10_i128.pow(u32::try_from(zeros).ok()?);
    Some(if negative { -size } else { size })
}

/// The three that JSON has no numbers for.
fn not_finite(json: &Json) -> Option<f64> {
    match json {
        Json::Text(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn float(json: &Json) -> Result<f64, String> {
    if let Some(v) = not_finite(json) {
        return Ok(v);
    }
    let text = number(json)?;
    finite(&text)
}

fn float32(json: &Json) -> Result<f32, String> {
    if let Some(v) = not_finite(json) {
        return Ok(v as f32);
    }
    let text = number(json)?;
    let v: f32 = text.parse().map_err(|_| format!("{text} is no number"))?;
    match v.is_finite() {
        true => Ok(v),
        false => Err(format!("{text} is too large for a float 32")),
    }
}

/// The nearest float of a number.
pub(super) fn finite(text: &str) -> Result<f64, String> {
    let v: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    match v.is_finite() {
        true => Ok(v),
        false => Err(format!("{text} is too large for a float 64")),
    }
}

/// Base64 with either alphabet. Padding may be left out; line ends in it are passed over.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    let padding = match text.len() % 4 {
        0 => DecodePaddingMode::RequireCanonical,
        _ => DecodePaddingMode::RequireNone,
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(padding);
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    GeneralPurpose::new(alphabet, config)
        .decode(text)
        .map_err(|e| format!("a string is no base64: {e}"))
}

fn enum_value(json: &Json, of: &EnumDescriptor) -> Result<Option<i32>, String> {
    match json {
        Json::Null if of.full_name() == "google.protobuf.NullValue" => Ok(Some(0)),
        Json::Text(name) => Ok(of.get_value_by_name(name).map(|value| value.number())),
        Json::Number(_) => int(json).map(Some),
        other => Err(other.instead_of(&format!("a {}", of.full_name()))),
    }
}

/// A key of an object as the key of a map.
pub(super) fn map_key(text: &str, of: &Kind) -> Result<MapKey, String> {
    let wrong = || format!("{text:?} is no key of the map");
    Ok(match of {
        Kind::String => MapKey::String(text.to_owned()),
        Kind::Bool => MapKey::Bool(text.parse().map_err(|_| wrong())?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(text.parse().map_err(|_| wrong())?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(text.parse().map_err(|_| wrong())?),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(text.parse().map_err(|_| wrong())?),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(text.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    })
}
