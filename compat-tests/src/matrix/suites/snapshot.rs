//! The writer writes a snapshot; it is damaged, or not; the reader restores an actor from it, or refuses it.

use compat_matrix_rust::peerpb::answer::Result as Said;
use compat_matrix_rust::peerpb::order::Order;
use compat_matrix_rust::peerpb::{Field, ReadSnapshot, WriteSnapshot, field::Value};

use super::{Written, seen, size, versions};
use crate::matrix::axes::Cell;
use crate::matrix::peers::{Schema, brief};
use crate::matrix::run::Context;
use crate::matrix::shown::Shown;
use crate::matrix::values;

/// The actor's path.
const PATH: &str = "keeper/1";
/// Bytes before the header (docs/SNAPSHOT.md).
const PREFIX: usize = 24;

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    let (schema, _) = versions(cell);
    let name = cell.value("type");
    let full = format!("versions.v1.{name}");
    let sets = context.values.messages.get(name).ok_or("no values for this type")?;
    let fields = values::fields(&context.schemas.message(schema, &full)?, &sets["usual"], size(cell)?)?;
    let mut meant: Vec<Field> = fields
        .iter()
        .map(|f| Field {
            name: format!("state.{}", f.name),
            value: f.value.clone(),
        })
        .collect();
    let (version, _) = context.schemas.declared(schema, &full);
    for (name, value) in [
        ("actor", Value::Text(format!("ab:///{PATH}"))),
        ("type", Value::Text(full)),
        ("epoch", Value::Number(1)),
        ("version", Value::Number(version)),
    ] {
        meant.push(Field {
            name: name.into(),
            value: Some(value),
        });
    }
    let order = WriteSnapshot {
        path: PATH.into(),
        r#type: name.into(),
        fields,
    };
    let bytes = context.peers.write(&cell.writer, schema, Order::WriteSnapshot(order))?;
    Ok(Written {
        bytes: damaged(bytes, cell.value("damage"))?,
        meant: Shown::of(&meant),
        ..Written::default()
    })
}

fn damaged(mut bytes: Vec<u8>, damage: &str) -> Result<Vec<u8>, String> {
    let last = bytes.len() - 1;
    match damage {
        "none" => {}
        "first-bit" => bytes[0] ^= 1,
        "last-bit" => bytes[last] ^= 1,
        "header-bit" => bytes[PREFIX + 5] ^= 1,
        // In front of the last checksum.
        "state-bit" => bytes[last - 5] ^= 1,
        "line-ends" => bytes = [&bytes[..6], &bytes[7..]].concat(),
        "later" => bytes[12] = 2,
        "version-0" => bytes[8] = 0,
        "torn" => bytes.truncate(last),
        "half" => bytes.truncate(last / 2),
        "longer" => bytes.push(0),
        "empty" => bytes.clear(),
        other => return Err(format!("no damage is named {other}")),
    }
    Ok(bytes)
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let (_, schema) = versions(cell);
    let reader = &cell.reader;
    let order = ReadSnapshot {
        path: PATH.into(),
        snapshot: written.bytes.clone().into(),
    };
    let said = context.peers.order(reader, schema, Order::ReadSnapshot(order))?;
    match (refused(cell), said) {
        (Some(code), Said::Refused(said)) if said == code => Ok(()),
        (Some(code), said) => Err(format!(
            "{reader} should have refused it with {code}, and {}",
            brief(&said)
        )),
        (None, said) => {
            let seen = seen(said, reader)?;
            written
                .meant
                .check(&Shown::of(&seen.fields), &format!("{reader} read"))?;
            match &seen.passed_on {
                Some(again) if again[..] != written.bytes[..] => {
                    Err(format!("{reader} writes other bytes of what it has read"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// The code that docs/SNAPSHOT.md has for this damage, or version.
fn refused(cell: &Cell) -> Option<&'static str> {
    match cell.value("damage") {
        "later" | "version-0" => Some("UNSUPPORTED_VERSION"),
        "none" if versions(cell) == (Schema::V2, Schema::V1) => Some("UNSUPPORTED_VERSION"),
        "none" => None,
        _ => Some("UNDECODABLE"),
    }
}
