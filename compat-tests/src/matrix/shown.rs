//! The fields of a message, apart from any encoding, and how those of two messages differ.

use std::collections::BTreeMap;

use compat_matrix_rust::peerpb::Field;
use compat_matrix_rust::peerpb::field::Value;

/// Fields by name, each with its values in order. Those that have their default are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown(BTreeMap<String, Vec<Value>>);

impl Shown {
    /// Adds a value.
    pub fn add(&mut self, name: &str, value: Value) {
        let value = match (name, value) {
            // Enums: some languages show a negative one as 64 bits, some as 32.
            ("kind" | "content_type" | "compression", Value::Number(n)) => Value::Number(n & 0xffff_ffff),
            (_, value) => value,
        };
        let is_default = match &value {
            Value::Number(1) => matches!(name, "type_version" | "min_reader_version"),
            // One of a list is told by its place.
            Value::Number(0) => !matches!(name, "expected_version" | "numbers" | "ask_path"),
            Value::Text(text) => text.is_empty(),
            Value::Data(bytes) => bytes.is_empty() && !name.starts_with("attributes."),
            Value::Number(_) => false,
        };
        if is_default {
            return;
        }
        let values = self.0.entry(name.to_owned()).or_default();
        // A map has an entry once: the last one counts.
        if name.starts_with("attributes.") {
            values.clear();
        }
        values.push(value);
    }

    /// What a peer says that it sees.
    pub fn of(fields: &[Field]) -> Self {
        let mut shown = Self::default();
        for field in fields {
            if let Some(value) = &field.value {
                shown.add(&field.name, value.clone());
            }
        }
        shown
    }

    /// Without the fields that the schema does not know.
    pub fn known(mut self) -> Self {
        self.0.retain(|name, _| !name.contains('?'));
        self
    }

    /// Only the fields whose name is accepted.
    pub fn retain(&mut self, mut accepts: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| accepts(name));
    }

    /// Is what came the same as what was meant?
    ///
    /// # Errors
    /// A sentence that names the first fields that differ.
    pub fn check(&self, came: &Self, what: &str) -> Result<(), String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(came.0.keys()).collect();
        let differences: Vec<String> = names
            .into_iter()
            .filter(|name| self.0.get(*name) != came.0.get(*name))
            .map(|name| {
                let (meant, came) = (self.0.get(name), came.0.get(name));
                let name = name.replace('?', "the unknown field ");
                format!("{name} is {}, not {}", brief(came), brief(meant))
            })
            .collect();
        match differences.len() {
            0 => Ok(()),
            _ => Err(format!("{what}: {}", differences.join("; "))),
        }
    }
}

fn brief(values: Option<&Vec<Value>>) -> String {
    let one = |value: &Value| match value {
        Value::Number(n) => n.to_string(),
        Value::Text(text) if text.len() <= 40 => format!("{text:?}"),
        Value::Text(text) => format!("a text of {} bytes", text.len()),
        Value::Data(bytes) if bytes.len() <= 40 => compat_peer::ops::to_hex(bytes),
        Value::Data(bytes) => format!("{} bytes", bytes.len()),
    };
    match values.map(Vec::as_slice) {
        None => "absent".into(),
        Some([value]) => one(value),
        Some(values) => format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}
