//! Reads a lock file, line by line.

use super::{Enum, Field, Lock, Message, Version};
use crate::problem::{Place, Problem, Problems};

/// What the lines that follow belong to.
enum Under {
    Nothing,
    Message(String),
    Enum(String),
}

impl Lock {
    /// Reads the text of a lock file, and refuses entries that were changed by hand.
    pub(super) fn read(text: &str, file: &str) -> Result<Self, Problems> {
        let mut lock = Self::default();
        let mut under = Under::Nothing;
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            lock.line(line, number, &mut under).ok_or_else(|| {
                let mend = "take actorbridge.lock from version control, and run `actorbridge gen`";
                Problem::at(
                    place(file, number),
                    format!("`{}` is no line of a lock file", line.trim()),
                    mend,
                )
            })?;
        }
        lock.check(file).none()?;
        Ok(lock)
    }

    fn line(&mut self, line: &str, number: u32, under: &mut Under) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &*under) {
            (["message", name], _) => self.message(name, false, under),
            (["removed", "message", name], _) => self.message(name, true, under),
            (["enum", name], _) => self.enumeration(name, false, under),
            (["removed", "enum", name], _) => self.enumeration(name, true, under),
            (["version", version, "min_reader", min_reader, fingerprint], Under::Message(name)) => {
                let version = Version {
                    number: version.parse().ok()?,
                    min_reader: min_reader.parse().ok()?,
                    fingerprint: fingerprint.strip_prefix("sha256:")?.to_owned(),
                    fields: Default::default(),
                    line: number,
                };
                self.messages.get_mut(name)?.versions.push(version);
                Some(())
            }
            ([number, name, kind @ ..], Under::Message(message)) if !kind.is_empty() => {
                let (name, kind) = ((*name).to_owned(), kind.join(" "));
                let version = self.messages.get_mut(message)?.versions.last_mut()?;
                version.fields.insert(number.parse().ok()?, Field { name, kind });
                Some(())
            }
            ([number, name], Under::Enum(of)) => {
                self.enums
                    .get_mut(of)?
                    .values
                    .insert((number.parse().ok()?, (*name).to_owned()));
                Some(())
            }
            _ => None,
        }
    }

    /// `None` where an entry is there twice, as after a bad merge.
    fn message(&mut self, name: &str, removed: bool, under: &mut Under) -> Option<()> {
        *under = Under::Message(name.to_owned());
        let versions = Vec::new();
        self.messages
            .insert(name.to_owned(), Message { removed, versions })
            .is_none()
            .then_some(())
    }

    fn enumeration(&mut self, name: &str, removed: bool, under: &mut Under) -> Option<()> {
        *under = Under::Enum(name.to_owned());
        let values = Default::default();
        self.enums
            .insert(name.to_owned(), Enum { removed, values })
            .is_none()
            .then_some(())
    }

    fn check(&self, file: &str) -> Problems {
        let mut problems = Problems::default();
        for (name, message) in &self.messages {
            for version in message.versions.iter().filter(|v| v.fingerprint != v.computed(name)) {
                let what = format!(
                    "version {} of {name} is not what was released: its fingerprint differs",
                    version.number
                );
                let mend = format!(
                    "take actorbridge.lock from version control; if this version was not released, run \
                     `actorbridge gen --amend {name}` there"
                );
                problems.0.push(Problem::at(place(file, version.line), what, mend));
            }
        }
        problems
    }
}

fn place(file: &str, line: u32) -> Place {
    Place {
        file: file.to_owned(),
        line,
        column: 1,
    }
}
