//! `actorbridge.lock`: every message type with the revisions that readers elsewhere may still speak.
//!
//! It is text that one can read and merge. A type that is gone stays in it, so that its name is not used again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::output::Output;
use crate::problem::{Problem, Problems};
use crate::schema::Schema;

mod enums;
mod messages;
mod now;
mod read;

const TOP: &str =
    "# Every message type and the revisions of it that readers elsewhere may still speak. `actorbridge gen` writes it,
# `actorbridge gen --check` compares with it; commit it. docs/VERSIONS.md has the rules.
";

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    messages: BTreeMap<String, Message>,
    enums: BTreeMap<String, Enum>,
}

/// A message type.
#[derive(Debug, Default)]
struct Message {
    /// It is in the schema no more.
    removed: bool,
    /// From the first to the latest.
    versions: Vec<Version>,
}

/// One revision of a message type.
#[derive(Debug, Clone)]
struct Version {
    number: u32,
    min_reader: u32,
    fingerprint: String,
    fields: BTreeMap<u32, Field>,
    /// The line of the lock file.
    line: u32,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    /// Cardinality, type and presence, in the words of a .proto file: `repeated string`.
    kind: String,
}

/// An enum. It has no versions: readers keep numbers that they do not know.
#[derive(Debug, Default)]
struct Enum {
    removed: bool,
    /// Every value that there ever was.
    values: BTreeSet<(i32, String)>,
}

/// The lock file as it must be, if what changed since it was written may change.
pub(crate) fn render(schema: &Schema, config: &Config, path: &Path) -> Result<Output, Problems> {
    let file = config.root.join(path);
    let mut lock = match std::fs::read_to_string(&file) {
        Ok(text) => Lock::read(&text, &file.display().to_string())?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Lock::default(),
        Err(e) => return Err(Problem::new(format!("{}: {e}", file.display()), "").into()),
    };
    for name in &config.amend {
        lock.amend(name, schema)?;
    }
    let mut problems = Problems::default();
    messages::merge(&mut lock, schema, &config.amend, &mut problems);
    enums::merge(&mut lock, schema, &mut problems);
    problems.none()?;
    Ok(Output::new(path, lock.text()))
}

impl Lock {
    /// Forgets the latest revision of a type. Where there is none, the type begins anew with the one of the schema.
    fn amend(&mut self, name: &str, schema: &Schema) -> Result<(), Problem> {
        let message = self.messages.get_mut(name).map(|m| m.versions.pop().is_some());
        let mut declared = schema.targets().flat_map(|file| schema.messages(&file));
        if message == Some(true) || self.enums.remove(name).is_some() || declared.any(|m| m.full_name() == name) {
            return Ok(());
        }
        let mend = "--amend takes the full name of a message of the schema, or of an enum that the lock file has";
        Err(Problem::new(
            format!("{name} is not in the lock file, nor a message of the schema"),
            mend,
        ))
    }

    fn text(&self) -> String {
        let messages = self.messages.iter().map(|(name, m)| (name, m.text(name)));
        let enums = self.enums.iter().map(|(name, e)| (name, e.text(name)));
        let entries: BTreeMap<&String, String> = messages.chain(enums).collect();
        TOP.to_owned() + &entries.into_values().collect::<String>()
    }
}

impl Message {
    fn text(&self, name: &str) -> String {
        let removed = if self.removed { "removed " } else { "" };
        format!("\n{removed}message {name}\n") + &self.versions.iter().map(Version::text).collect::<String>()
    }
}

impl Version {
    fn new(name: &str, number: u32, min_reader: u32, fields: BTreeMap<u32, Field>) -> Self {
        let mut version = Self {
            number,
            min_reader,
            fingerprint: String::new(),
            fields,
            line: 0,
        };
        version.fingerprint = version.computed(name);
        version
    }

    /// The fingerprint that the entry must have: of what it says, so that neither can be changed alone.
    fn computed(&self, name: &str) -> String {
        let canonical = format!(
            "message {name} version {} min_reader {}\n{}",
            self.number,
            self.min_reader,
            self.fields()
        );
        let digest = Sha256::digest(canonical.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn fields(&self) -> String {
        let line = |(number, field): (&u32, &Field)| format!("    {number} {} {}\n", field.name, field.kind);
        self.fields.iter().map(line).collect()
    }

    fn text(&self) -> String {
        format!(
            "  version {} min_reader {} sha256:{}\n{}",
            self.number,
            self.min_reader,
            self.fingerprint,
            self.fields()
        )
    }
}

/// As it is in a .proto file: `int64 cents`, and the oneof behind it.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.split_once(" in oneof ") {
            Some((kind, oneof)) => write!(f, "{kind} {} in oneof {oneof}", self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

impl Enum {
    fn text(&self, name: &str) -> String {
        let removed = if self.removed { "removed " } else { "" };
        let values = self
            .values
            .iter()
            .map(|(number, name)| format!("    {number} {name}\n"));
        format!("\n{removed}enum {name}\n") + &values.collect::<String>()
    }
}
