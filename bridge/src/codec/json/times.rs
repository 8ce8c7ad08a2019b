//! Times that JSON has no text for: prost-reflect would write another one.

use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

/// From the year 1 to 9999, in seconds before and after 1970.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// 10,000 years.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;
const NANOS_IN_SECOND: i32 = 1_000_000_000;

/// Looks at each time in a message.
///
/// # Errors
/// A sentence that names the type.
pub(super) fn check(message: &DynamicMessage) -> Result<(), String> {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let (seconds, nanos) = parts(message);
            let is_time = TIMESTAMP_SECONDS.contains(&seconds) && (0..NANOS_IN_SECOND).contains(&nanos);
            return is_time.then_some(()).ok_or_else(|| wrong("Timestamp", seconds, nanos));
        }
        "google.protobuf.Duration" => {
            let (seconds, nanos) = parts(message);
            let is_one_way = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
            let is_in_range =
                seconds.unsigned_abs() <= MAX_DURATION_SECONDS && nanos.unsigned_abs() < NANOS_IN_SECOND.unsigned_abs();
            let is_time = is_one_way && is_in_range;
            return is_time.then_some(()).ok_or_else(|| wrong("Duration", seconds, nanos));
        }
        _ => {}
    }
    message.fields().try_for_each(|(_, value)| check_value(value))
}

fn check_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Message(message) => check(message),
        Value::List(values) => values.iter().try_for_each(check_value),
        Value::Map(entries) => entries.values().try_for_each(check_value),
        _ => Ok(()),
    }
}

fn parts(time: &DynamicMessage) -> (i64, i32) {
    let number = |n| time.get_field_by_number(n);
    let seconds = number(1).and_then(|v| v.as_i64()).unwrap_or_default();
    (seconds, number(2).and_then(|v| v.as_i32()).unwrap_or_default())
}

fn wrong(name: &str, seconds: i64, nanos: i32) -> String {
    format!("a {name} of {seconds} s and {nanos} ns is no time")
}
