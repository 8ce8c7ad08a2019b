//! The writer encodes a message of versions.v1 in its version, the reader decodes it in its own.

use compat_matrix_rust::peerpb::order::Order;
use compat_matrix_rust::peerpb::{ReadMessage, WriteMessage};

use super::{Written, content_type, same, seen, versions};
use crate::matrix::axes::Cell;
use crate::matrix::run::Context;
use crate::matrix::shown::Shown;
use crate::matrix::values;

/// Bytes of text where the values say `fill`.
const FILL: usize = 40;

fn full_name(cell: &Cell) -> String {
    format!("versions.v1.{}", cell.value("type"))
}

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    let (schema, _) = versions(cell);
    let (name, set) = (cell.value("type"), cell.value("values"));
    let fields = match set {
        "empty" => Vec::new(),
        _ => {
            let sets = context.values.messages.get(name).ok_or("no values for this type")?;
            let descriptor = context.schemas.message(schema, &full_name(cell))?;
            values::fields(&descriptor, sets.get(set).ok_or("no such values")?, FILL)?
        }
    };
    let meant = Shown::of(&fields);
    let order = WriteMessage {
        r#type: name.to_owned(),
        fields,
        content_type: content_type(cell),
    };
    let bytes = context.peers.write(&cell.writer, schema, Order::WriteMessage(order))?;
    let came = context
        .schemas
        .show_in(content_type(cell), schema, &full_name(cell), &bytes)?;
    meant.check(&came, "what was written")?;
    Ok(Written {
        bytes,
        meant,
        ..Written::default()
    })
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let (_, schema) = versions(cell);
    let (reader, name) = (&cell.reader, full_name(cell));
    let order = Order::ReadMessage(ReadMessage {
        r#type: cell.value("type").to_owned(),
        message: written.bytes.clone().into(),
        content_type: content_type(cell),
    });
    let message = seen(context.peers.order(reader, schema, order)?, reader)?;
    let mut meant = written.meant.clone();
    let descriptor = context.schemas.message(schema, &name)?;
    meant.retain(|field| {
        descriptor
            .get_field_by_name(field.split('.').next().unwrap_or_default())
            .is_some()
    });
    meant.check(&Shown::of(&message.fields), &format!("{reader} read"))?;
    match &message.passed_on {
        Some(passed_on) => same(context, content_type(cell), schema, &name, &written.bytes, passed_on),
        None => Ok(()),
    }
}
