//! The rules for enums: a number means for ever what it meant once.

use std::collections::BTreeSet;

use prost_reflect::EnumDescriptor;

use super::Lock;
use crate::problem::{Problem, Problems};
use crate::schema::Schema;

/// Brings what the schema says into the lock, or says why it may not.
pub(super) fn merge(lock: &mut Lock, schema: &Schema, problems: &mut Problems) {
    let mut present = BTreeSet::new();
    for file in schema.targets() {
        let nested = schema
            .messages(&file)
            .into_iter()
            .flat_map(|m| m.child_enums().collect::<Vec<_>>());
        for of in file.enums().chain(nested) {
            let entry = lock.enums.entry(of.full_name().to_owned()).or_default();
            if entry.removed {
                let what = format!("{} was removed, and its name cannot be used again", of.full_name());
                let place = schema.place(&file, of.path());
                let mend = "call the new enum something else; if it was removed by mistake, take actorbridge.lock from version control";
                problems.0.push(Problem::at(place, what, mend));
            }
            for (number, name) in &entry.values {
                problems.0.extend(check(schema, &of, *number, name));
            }
            entry
                .values
                .extend(of.values().map(|v| (v.number(), v.name().to_owned())));
            present.insert(of.full_name().to_owned());
        }
    }
    for (name, entry) in &mut lock.enums {
        entry.removed |= !present.contains(name);
    }
}

/// What became of a value that there once was?
fn check(schema: &Schema, of: &EnumDescriptor, number: i32, name: &str) -> Option<Problem> {
    let full = of.full_name();
    let at =
        |path: &[i32], what: String, mend: String| Some(Problem::at(schema.place(&of.parent_file(), path), what, mend));
    if let Some(value) = of.get_value_by_name(name) {
        if value.number() == number {
            return None;
        }
        let what = format!("{name} of {full} was {number} and is {}", value.number());
        return at(
            value.path(),
            what,
            format!("old readers take it for another value: write {name} = {number}"),
        );
    }
    if let Some(value) = of.get_value(number) {
        let what = format!("{number} of {full} was {name} and is {}", value.name());
        let mend = format!("put {name} = {number} back, and give the new value a number that was never used");
        return at(value.path(), what, mend);
    }
    let reserved = of.reserved_ranges().any(|r| r.contains(&number)) && of.reserved_names().any(|r| r == name);
    if reserved {
        return None;
    }
    let what = format!("{full} no longer has {name} = {number}, and does not reserve it");
    at(
        of.path(),
        what,
        format!("add `reserved {number}; reserved \"{name}\";` so that neither is used again"),
    )
}
