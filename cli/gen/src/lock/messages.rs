//! The rules for messages: docs/VERSIONS.md has them as a table.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::MessageDescriptor;

use super::{Field, Lock, Message, Version, now};
use crate::problem::{Problem, Problems};
use crate::schema::Schema;

/// Brings what the schema says into the lock, or says why it may not. `amended` are the types that may begin with any version.
pub(super) fn merge(lock: &mut Lock, schema: &Schema, amended: &[String], problems: &mut Problems) {
    let mut present = BTreeSet::new();
    for file in schema.targets() {
        for message in schema.messages(&file) {
            let name = message.full_name().to_owned();
            let entry = lock.messages.entry(name.clone()).or_default();
            let now = now::version(schema, &message);
            let check = Check {
                schema,
                message: &message,
                entry,
                now: &now,
                amended: amended.contains(&name),
                problems: &mut *problems,
            };
            if check.all() && entry.versions.last().is_none_or(|v| v.number < now.number) {
                entry.versions.push(now);
            }
            present.insert(name);
        }
    }
    for (name, entry) in &mut lock.messages {
        entry.removed |= !present.contains(name);
    }
}

struct Check<'a> {
    schema: &'a Schema,
    message: &'a MessageDescriptor,
    entry: &'a Message,
    now: &'a Version,
    amended: bool,
    problems: &'a mut Problems,
}

impl Check<'_> {
    /// True if nothing was found.
    fn all(mut self) -> bool {
        let before = self.problems.0.len();
        if self.entry.removed {
            let what = format!("{} was removed, and its name cannot be used again", self.name());
            let mend = "call the new message something else; if it was removed by mistake, take actorbridge.lock from version control";
            self.refuse(None, what, mend);
        } else if let Some(latest) = self.entry.versions.last() {
            self.fields();
            self.version(latest);
        } else if self.now.number > 1 && !self.amended {
            self.unknown();
        }
        self.problems.0.len() == before
    }

    /// Without the versions before it, nothing can be compared: they would be lost for good.
    fn unknown(&mut self) {
        let (name, number) = (self.name(), self.now.number);
        let what = format!("{name} has version: {number}, and actorbridge.lock has no version of it");
        let mend = format!(
            "take actorbridge.lock from version control; for a new message write version: 1; to begin anew with version \
             {number}, as if none before it was released, run `actorbridge gen --amend {name}`"
        );
        self.refuse(None, what, mend);
    }

    fn version(&mut self, latest: &Version) {
        let (name, now, then) = (self.name(), self.now.number, latest.number);
        if now < then {
            let what = format!("{name} has version: {now}, and version {then} was released");
            self.refuse(
                None,
                what,
                format!(
                    "versions only go up: write version: {then}, or {} for a change",
                    then + 1
                ),
            );
        } else if now > then + 1 {
            let what = format!("{name} has version: {now}, and the latest that was released is {then}");
            self.refuse(None, what, format!("versions are counted: write version: {}", then + 1));
        } else if now == then {
            self.same_version(latest);
        } else if self.now.min_reader < latest.min_reader {
            let what = format!(
                "{name} has min_reader: {}, and version {then} had {}",
                self.now.min_reader, latest.min_reader
            );
            self.refuse(
                None,
                what,
                format!(
                    "what old readers could not read they cannot read now: write min_reader: {}",
                    latest.min_reader
                ),
            );
        }
    }

    /// Nothing of a released version may change.
    fn same_version(&mut self, latest: &Version) {
        let (name, number) = (self.name(), latest.number);
        let raise = format!(
            "raise it: option (actorbridge.v1.message) = {{ version: {}, min_reader: {} }};",
            number + 1,
            latest.min_reader
        );
        let unreleased =
            format!("{raise} or, if version {number} was not released, run `actorbridge gen --amend {name}`");
        let added = self
            .now
            .fields
            .iter()
            .filter(|(number, _)| !latest.fields.contains_key(number));
        for (number, field) in added {
            let what = format!(
                "{name} has a new field {} = {number} and still version: {}",
                field.name, latest.number
            );
            self.refuse(Some(*number), what, unreleased.clone());
        }
        let gone = latest
            .fields
            .iter()
            .filter(|(number, _)| !self.now.fields.contains_key(number));
        for (number, field) in gone {
            let what = format!(
                "{name} lost its field {} = {number} and still has version: {}",
                field.name, latest.number
            );
            self.refuse(None, what, unreleased.clone());
        }
        if self.now.min_reader != latest.min_reader {
            let what = format!(
                "{name} has min_reader: {}, and version {number} was released with {}",
                self.now.min_reader, latest.min_reader
            );
            self.refuse(
                None,
                what,
                format!("write min_reader: {}, or raise the version", latest.min_reader),
            );
        }
    }

    /// A number means for ever what it meant once.
    fn fields(&mut self) {
        let mut ever: BTreeMap<u32, &Field> = BTreeMap::new();
        self.entry
            .versions
            .iter()
            .for_each(|v| ever.extend(v.fields.iter().map(|(number, field)| (*number, field))));
        for (number, then) in ever {
            match self.now.fields.get(&number) {
                Some(now) if now == then => {}
                Some(now) => self.changed(number, then, now),
                None => self.gone(number, then),
            }
        }
    }

    fn changed(&mut self, number: u32, then: &Field, now: &Field) {
        let name = self.name();
        let what = if then.kind == now.kind {
            format!("field {number} of {name} was {} and is {}", then.name, now.name)
        } else {
            format!("field {number} of {name} was {then} and is {now}")
        };
        let free = self
            .now
            .fields
            .keys()
            .chain(self.entry.versions.iter().flat_map(|v| v.fields.keys()))
            .max();
        let mut mend = format!(
            "old readers take it for the old one: put back `{then}` and give the new field another number, such as {}",
            free.map_or(1, |n| n + 1)
        );
        if let Some(latest) = self.only_in_latest(number) {
            mend += &format!("; or, if version {latest} was not released, run `actorbridge gen --amend {name}`");
        }
        self.refuse(Some(number), what, mend);
    }

    /// The schema's version, if it is in the lock file and no version before it had the field: amending it is enough.
    fn only_in_latest(&self, field: u32) -> Option<u32> {
        let (latest, earlier) = self.entry.versions.split_last()?;
        let known = earlier.iter().any(|version| version.fields.contains_key(&field));
        (latest.number == self.now.number && !known).then_some(latest.number)
    }

    fn gone(&mut self, number: u32, then: &Field) {
        let name = self.name();
        if let Some((moved, _)) = self.now.fields.iter().find(|(_, now)| now.name == then.name) {
            let what = format!("field {} of {name} was number {number} and is {moved}", then.name);
            self.refuse(
                Some(*moved),
                what,
                format!("old readers look for it at {number}: give it that number, or another name"),
            );
            return;
        }
        let number_reserved = self.message.reserved_ranges().any(|range| range.contains(&number));
        let name_reserved = self.message.reserved_names().any(|reserved| reserved == then.name);
        if !number_reserved || !name_reserved {
            let what = format!(
                "{name} no longer has field {} = {number}, and does not reserve it",
                then.name
            );
            let mend = format!(
                "add `reserved {number}; reserved \"{}\";` so that neither is used again",
                then.name
            );
            self.refuse(None, what, mend);
        }
    }

    fn name(&self) -> String {
        self.message.full_name().to_owned()
    }

    /// A problem of a field, by its number, or of the message.
    fn refuse(&mut self, field: Option<u32>, what: String, mend: impl Into<String>) {
        let field = field.and_then(|number| self.message.get_field(number));
        let path = field.as_ref().map_or(self.message.path(), |f| f.path());
        let place = self.schema.place(&self.message.parent_file(), path);
        self.problems.0.push(Problem::at(place, what, mend));
    }
}
