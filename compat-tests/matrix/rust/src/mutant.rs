//! Mistakes that a peer makes when it is told to: the runner must see each of them.

use crate::peerpb::{WriteEnvelope, field::Value};

/// One mistake; the environment variable `COMPAT_MUTANT` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The first field of a message or envelope is written with the next field's number.
    WrongTag,
    /// What is passed on lacks the fields that this peer does not know.
    DropUnknown,
    /// A correlation is written once more, as text; in MessagePack, a small number is text.
    IntAsString,
}

impl Mutant {
    /// The mistake that the environment asks for.
    ///
    /// # Errors
    /// A sentence: there is no such mistake.
    pub fn of_environment() -> Result<Option<Self>, String> {
        match std::env::var("COMPAT_MUTANT").unwrap_or_default().as_str() {
            "" => Ok(None),
            "wrong-tag" => Ok(Some(Self::WrongTag)),
            "drop-unknown" => Ok(Some(Self::DropUnknown)),
            "int-as-string" => Ok(Some(Self::IntAsString)),
            other => Err(format!("COMPAT_MUTANT={other} is no mistake that is known here")),
        }
    }

    /// Spoils a message: its first field is the first byte in protobuf, `{"NAME` in JSON, and behind the map's head in
    /// MessagePack.
    pub(crate) fn message(self, mut bytes: Vec<u8>, content_type: u32) -> Vec<u8> {
        let (at, step) = [(0, 8), (2, 1), (1, 1)][content_type as usize];
        match self {
            Self::WrongTag if bytes.len() > at => bytes[at] += step,
            Self::IntAsString if content_type == 2 && bytes.get(2).is_some_and(|n| *n < 10) => {
                bytes.splice(2..3, [0xa1, b'0' + bytes[2]]);
            }
            _ => {}
        }
        bytes
    }

    pub(crate) fn envelope(self, bytes: Vec<u8>, order: &WriteEnvelope) -> Vec<u8> {
        let mut bytes = self.message(bytes, 0);
        let correlation = order.fields.iter().find_map(|f| match (&*f.name, &f.value) {
            ("correlation", Some(Value::Number(n))) => Some(n.to_string()),
            _ => None,
        });
        if let (Self::IntAsString, Some(text)) = (self, correlation) {
            bytes.extend([3 << 3 | 2, text.len() as u8]);
            bytes.extend(text.bytes());
        }
        bytes
    }
}
