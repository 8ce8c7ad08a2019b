//! JSON without a schema, with its numbers as they were written.

use json_event_parser::{JsonEvent, SliceJsonParser};

use crate::codec::{MAX_DEPTH, too_deep};

pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// Keys may be there twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err("it begins with a byte order mark".into());
        }
        let mut parser = Parser(SliceJsonParser::new(text));
        let first = parser.next()?;
        let json = parser.value(first, 0)?;
        match parser.next()? {
            JsonEvent::Eof => Ok(json),
            _ => Err("more follows its end".into()),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The error of a value that stands where another one belongs.
    pub(super) fn instead_of(&self, other: &str) -> String {
        format!("{} stands where {other} belongs", self.name())
    }
}

struct Parser<'a>(SliceJsonParser<'a>);

impl<'a> Parser<'a> {
    fn next(&mut self) -> Result<JsonEvent<'a>, String> {
        self.0.parse_next().map_err(|e| e.to_string())
    }

    /// The value that begins with `event`, and lies in `depth` containers.
    fn value(&mut self, event: JsonEvent<'a>, depth: usize) -> Result<Json, String> {
        Ok(match event {
            JsonEvent::Null => Json::Null,
            JsonEvent::Boolean(v) => Json::Bool(v),
            JsonEvent::Number(v) => Json::Number(v.into_owned()),
            JsonEvent::String(v) => Json::Text(v.into_owned()),
            JsonEvent::StartArray | JsonEvent::StartObject if depth >= MAX_DEPTH => return Err(too_deep()),
            JsonEvent::StartArray => {
                let mut values = Vec::new();
                loop {
                    match self.next()? {
                        JsonEvent::EndArray => break Json::Array(values),
                        event => values.push(self.value(event, depth + 1)?),
                    }
                }
            }
            JsonEvent::StartObject => {
                let mut pairs = Vec::new();
                loop {
                    match self.next()? {
                        JsonEvent::EndObject => break Json::Object(pairs),
                        JsonEvent::ObjectKey(key) => {
                            let event = self.next()?;
                            pairs.push((key.into_owned(), self.value(event, depth + 1)?));
                        }
                        other => return Err(format!("{other:?} stands where a key belongs")),
                    }
                }
            }
            other => return Err(format!("{other:?} stands where a value belongs")),
        })
    }
}
