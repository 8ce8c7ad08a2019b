//! The writer encodes a message and an envelope around it; the reader reads both, and passes them on.

use compat_matrix_rust::peerpb::field::Value;
use compat_matrix_rust::peerpb::order::Order;
use compat_matrix_rust::peerpb::{Field, ReadEnvelope, ReadMessage, WriteEnvelope, WriteMessage};
use compat_peer::ops::from_hex;

use super::{Written, content_type, same, seen, size, versions};
use crate::matrix::axes::Cell;
use crate::matrix::peers::Schema;
use crate::matrix::run::Context;
use crate::matrix::schemas::ENVELOPE;
use crate::matrix::shown::Shown;
use crate::matrix::values;

/// The message whose text has the size.
const NAME: &str = "Forwarded";
const MESSAGE: &str = "versions.v1.Forwarded";

pub(super) fn write(context: &Context, cell: &Cell) -> Result<Written, String> {
    let (schema, _) = versions(cell);
    let later = cell.value("version") == "future-minor";
    let kind = match cell.value("version") {
        "unknown-kind" => "unknown-kind",
        _ => cell.value("kind"),
    };
    let mut written = Written::default();
    payload(context, cell, schema, later, &mut written)?;
    let envelope = context.schemas.message(schema, ENVELOPE)?;
    let kinds = &context.values.kinds;
    let mut fields = values::fields(&envelope, kinds.get(kind).ok_or("no such kind")?, 0)?;
    if kind != "failure" {
        fields.extend(what(context, cell, schema));
    }
    if !written.message.is_empty() {
        fields.push(field("payload", Value::Data(written.message.clone().into())));
    }
    written.meant = Shown::of(&fields);
    let order = WriteEnvelope {
        fields,
        later: match later {
            true => from_hex(&context.values.later.envelope)?.into(),
            false => Vec::new().into(),
        },
    };
    written.bytes = context.peers.write(&cell.writer, schema, Order::WriteEnvelope(order))?;
    // The runner reads it too: a writer and a reader that are wrong in the same way are wrong.
    let came = context.schemas.show(schema, ENVELOPE, &written.bytes)?;
    written.meant.check(&came.known(), "what was written")?;
    Ok(written)
}

/// Has the message written, if there is one.
fn payload(context: &Context, cell: &Cell, schema: Schema, later: bool, written: &mut Written) -> Result<(), String> {
    let size = size(cell)?;
    if cell.value("content") == "raw" {
        written.message = values::raw(size);
        return Ok(());
    }
    if size == 0 {
        return Ok(());
    }
    let content = content_type(cell);
    let descriptor = context.schemas.message(schema, MESSAGE)?;
    let fields = values::fields(&descriptor, &context.values.messages[NAME]["usual"], size)?;
    written.message_meant = Shown::of(&fields);
    let order = WriteMessage {
        r#type: NAME.into(),
        fields,
        content_type: content,
    };
    written.message = context.peers.write(&cell.writer, schema, Order::WriteMessage(order))?;
    let came = context.schemas.show_in(content, schema, MESSAGE, &written.message)?;
    written
        .message_meant
        .check(&came.known(), "the message that was written")?;
    if later {
        written.message.extend(from_hex(&context.values.later.message)?);
    }
    Ok(())
}

/// What the message is.
fn what(context: &Context, cell: &Cell, schema: Schema) -> Vec<Field> {
    if cell.value("content") == "raw" {
        return vec![
            field("type", Value::Text("https://example.com/bytes".into())),
            field("content_type", Value::Number(3)),
        ];
    }
    let (version, min_reader) = context.schemas.declared(schema, MESSAGE);
    let mut fields = vec![
        field("type", Value::Text(MESSAGE.into())),
        field("type_version", Value::Number(version)),
        field("min_reader_version", Value::Number(min_reader)),
    ];
    if content_type(cell) > 0 {
        fields.push(field("content_type", Value::Number(content_type(cell).into())));
    }
    fields
}

fn field(name: &str, value: Value) -> Field {
    Field {
        name: name.to_owned(),
        value: Some(value),
    }
}

pub(super) fn read(context: &Context, cell: &Cell, written: &Written) -> Result<(), String> {
    let (_, schema) = versions(cell);
    let reader = &cell.reader;
    let order = Order::ReadEnvelope(ReadEnvelope {
        envelope: written.bytes.clone().into(),
    });
    let envelope = seen(context.peers.order(reader, schema, order)?, reader)?;
    written
        .meant
        .check(&Shown::of(&envelope.fields), &format!("{reader} read"))?;
    if let Some(passed_on) = &envelope.passed_on {
        same(context, 0, schema, ENVELOPE, &written.bytes, passed_on)?;
    }
    let has_message = written.message_meant != Shown::default();
    if !has_message || !context.peers.does(reader, "message") {
        return Ok(());
    }
    let order = Order::ReadMessage(ReadMessage {
        r#type: NAME.into(),
        message: written.message.clone().into(),
        content_type: content_type(cell),
    });
    let message = seen(context.peers.order(reader, schema, order)?, reader)?;
    let mut meant = written.message_meant.clone();
    let descriptor = context.schemas.message(schema, MESSAGE)?;
    meant.retain(|name| {
        descriptor
            .get_field_by_name(name.split('.').next().unwrap_or_default())
            .is_some()
    });
    meant.check(&Shown::of(&message.fields), &format!("the message that {reader} read"))?;
    match &message.passed_on {
        Some(passed_on) => same(
            context,
            content_type(cell),
            schema,
            MESSAGE,
            &written.message,
            passed_on,
        ),
        None => Ok(()),
    }
}
