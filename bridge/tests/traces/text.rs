//! The lines of a trace: events in, answers out, and bytes that one can read.

use std::fmt::Write as _;

/// Equal bytes from this many on are written once, with their number.
const LONG: usize = 16;

/// Bytes in quotes: ASCII as it is, `\xNN` for the rest, `\{NN*count}` for many equal bytes.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        let count = rest.iter().take_while(|b| **b == byte).count();
        if count >= LONG {
            write!(out, "\\{{{byte:02x}*{count}}}").expect("a String has room");
            rest = &rest[count..];
            continue;
        }
        match byte {
            b'"' | b'\\' => out.extend(['\\', byte as char]),
            b' '..=b'~' => out.push(byte as char),
            _ => write!(out, "\\x{byte:02x}").expect("a String has room"),
        }
        rest = &rest[1..];
    }
    out.push('"');
    out
}

/// Reads what [`quote`] wrote, and gives what follows it.
fn unquote(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut out = Vec::new();
    loop {
        let at = rest.find(['"', '\\'])?;
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (mark, after) = rest[at..].split_at(1);
        if mark == "\"" {
            return Some((out, after));
        }
        rest = match after.chars().next()? {
            'x' => {
                out.push(u8::from_str_radix(after.get(1..3)?, 16).ok()?);
                &after[3..]
            }
            '{' => {
                let (many, after) = after[1..].split_once('}')?;
                let (byte, count) = many.split_once('*')?;
                let byte = u8::from_str_radix(byte, 16).ok()?;
                out.resize(out.len() + count.parse::<usize>().ok()?, byte);
                after
            }
            c => {
                out.push(c as u8);
                &after[1..]
            }
        };
    }
}

/// One event: a verb and its arguments, `key=value` or a quoted value alone (key "").
pub(crate) struct Event<'a> {
    pub(crate) verb: &'a str,
    args: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Event<'a> {
    /// Reads the line after its `> `.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (verb, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut args = Vec::new();
        while !rest.is_empty() {
            let (key, value) = match rest.strip_prefix('"') {
                Some(_) => ("", rest),
                None => rest.split_once('=')?,
            };
            let (value, after) = match unquote(value) {
                Some(read) => read,
                None => {
                    let end = value.find(' ').unwrap_or(value.len());
                    (value.as_bytes()[..end].to_vec(), &value[end..])
                }
            };
            args.push((key, value));
            rest = after.trim_start_matches(' ');
        }
        Some(Self { verb, args })
    }

    /// The bytes of an argument; none if it is not there.
    pub(crate) fn bytes(&self, key: &str) -> &[u8] {
        self.args.iter().find(|(k, _)| *k == key).map_or(&[], |(_, v)| v)
    }

    /// An argument that is text.
    pub(crate) fn text(&self, key: &str) -> &str {
        std::str::from_utf8(self.bytes(key)).expect("the trace's text is UTF-8")
    }

    /// An argument that is a number; `or` if it is not there.
    pub(crate) fn number(&self, key: &str, or: u64) -> u64 {
        match self.text(key) {
            "" => or,
            text => text.parse().unwrap_or_else(|_| panic!("{key}={text} is not a number")),
        }
    }

    /// A number of 32 bits, 0 if it is not there.
    pub(crate) fn small(&self, key: &str) -> u32 {
        u32::try_from(self.number(key, 0)).expect("the trace's number has 32 bits")
    }

    /// An argument that is numbers with commas.
    pub(crate) fn list(&self, key: &str) -> Vec<u32> {
        let numbers = self.text(key).split(',').filter(|n| !n.is_empty());
        numbers.map(|n| n.parse().expect("the trace's number")).collect()
    }
}

/// One line of an answer. Zeros and what is empty are left out.
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new(word: &str) -> Self {
        Self(format!("< {word}"))
    }

    /// A line of what is inside the one before it.
    pub(crate) fn inner(word: &str) -> Self {
        Self(format!("<   {word}"))
    }

    pub(crate) fn number(self, key: &str, value: impl Into<u64>) -> Self {
        match value.into() {
            0 => self,
            value => self.word(key, &value.to_string()),
        }
    }

    pub(crate) fn quoted(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        match value.as_ref() {
            [] => self,
            value => self.word(key, &quote(value)),
        }
    }

    pub(crate) fn list<T: ToString>(self, key: &str, values: &[T]) -> Self {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.word(key, &values.join(","))
    }

    pub(crate) fn word(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            write!(self.0, " {key}={value}").expect("a String has room");
        }
        self
    }

    pub(crate) fn end(self) -> String {
        self.0
    }
}
