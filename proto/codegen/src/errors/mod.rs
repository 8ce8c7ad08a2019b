//! The one error table, read from `errors.proto`, and a file for each place that needs it.

use std::collections::BTreeSet;
use std::process::Command;

use prost_reflect::{DescriptorPool, DynamicMessage, EnumValueDescriptor, Value};

use actorbridge_gen::Output;

mod c;
mod docs;
mod golang;
mod rust;
#[cfg(test)]
mod tests;

const MADE: &str = "Made by `make generate` from proto/actorbridge/v1/errors.proto. Do not edit.";

/// One value of `Code` or `Status` with what `option (code_info)` says of it.
struct Row {
    /// Without the enum's prefix: `MAILBOX_FULL`.
    name: String,
    number: i32,
    /// `NONE`, `MAYBE` or `DONE`.
    effect: String,
    means: String,
    mend: String,
    grpc: String,
}

/// Both enums.
struct Table {
    codes: Vec<Row>,
    statuses: Vec<Row>,
}

/// The names of google.rpc.Code; the index is the number.
const GRPC: &[&str] = &[
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Every file that is made from the error table.
pub(crate) fn render(encoded: &[u8]) -> Result<Vec<Output>, String> {
    let table = Table::read(encoded)?;
    Ok(vec![
        Output::new("proto/src/generated/errors.rs", rustfmt(&rust::render(&table))?),
        Output::new(
            "go-client/codes_gen.go",
            pipe(&mut Command::new("gofmt"), &golang::render(&table))?,
        ),
        Output::new("ffi/src/generated/status.rs", rustfmt(&c::render(&table))?),
        Output::new("docs/ERRORS.md", docs::render(&table)),
    ])
}

fn pipe(tool: &mut Command, source: &str) -> Result<Vec<u8>, String> {
    actorbridge_gen::pipe(tool, source.as_bytes(), "install it").map_err(|e| e.to_string())
}

fn rustfmt(source: &str) -> Result<Vec<u8>, String> {
    let mut tool = Command::new("rustfmt");
    tool.args(["--edition", "2024", "--config", "max_width=120"]);
    pipe(&mut tool, source)
}

impl Table {
    fn read(encoded: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(encoded).map_err(|e| e.to_string())?;
        let rows = |name: &str, prefix: &str| -> Result<Vec<Row>, String> {
            let values = pool
                .get_enum_by_name(name)
                .ok_or_else(|| format!("the schema has no enum {name}"))?;
            let mut rows: Vec<Row> = values
                .values()
                .map(|value| Row::read(&pool, &value, prefix))
                .collect::<Result<_, _>>()?;
            // From zero outwards, so that each band reads in the order in which it grew.
            rows.sort_by_key(|r| (r.number < 0, r.number.unsigned_abs()));
            Ok(rows)
        };
        let table = Self {
            codes: rows("actorbridge.v1.Code", "CODE_")?,
            statuses: rows("actorbridge.v1.Status", "STATUS_")?,
        };
        table.check()?;
        Ok(table)
    }

    /// The C constants of both enums share one space of names and one of numbers.
    fn check(&self) -> Result<(), String> {
        let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for (row, status) in self.c_rows() {
            if !names.insert(&row.name) || !numbers.insert(status) {
                return Err(format!("AB_{} = {status} is in errors.proto twice", row.name));
            }
        }
        Ok(())
    }

    /// Each row with its C status. Both enums have an OK: it is one status.
    fn c_rows(&self) -> impl Iterator<Item = (&Row, i32)> {
        let codes = self.codes.iter().filter(|r| r.number != 0);
        self.statuses
            .iter()
            .map(|r| (r, r.number))
            .chain(codes.map(|r| (r, -100 - r.number)))
    }
}

impl Row {
    fn read(pool: &DescriptorPool, value: &EnumValueDescriptor, prefix: &str) -> Result<Self, String> {
        let full = value.name();
        let problem = |what: &str| format!("errors.proto: {full}: {what}");
        let extension = pool
            .get_extension_by_name("actorbridge.v1.code_info")
            .ok_or_else(|| problem("the schema has no option (code_info)"))?;
        let options = value.options();
        if !options.has_extension(&extension) {
            return Err(problem("has no option (code_info)"));
        }
        let info = options.get_extension(&extension);
        let Value::Message(info) = info.as_ref() else {
            return Err(problem("option (code_info) is not a message"));
        };
        let text = |field: &str| -> Result<String, String> {
            let text = info.get_field_by_name(field);
            let text = text.as_ref().and_then(|v| v.as_str()).unwrap_or_default();
            if text.is_empty() || text.contains(['"', '\\', '\n', '|']) {
                return Err(problem(&format!(
                    "`{field}` must be one line without quotes, backslashes and bars"
                )));
            }
            Ok(text.to_owned())
        };
        let row = Self {
            name: full
                .strip_prefix(prefix)
                .ok_or_else(|| problem("lacks the enum's prefix"))?
                .to_owned(),
            number: value.number(),
            effect: effect(info).ok_or_else(|| problem("`effect` must be NONE, MAYBE or DONE"))?,
            means: text("means")?,
            mend: text("mend")?,
            grpc: text("grpc")?,
        };
        if !GRPC.contains(&row.grpc.as_str()) {
            return Err(problem("`grpc` is not a name of google.rpc.Code"));
        }
        Ok(row)
    }

    /// The number of the google.rpc.Code.
    fn grpc_number(&self) -> usize {
        GRPC.iter().position(|n| *n == self.grpc).expect("checked when read")
    }

    /// `MAILBOX_FULL` → `MailboxFull`.
    fn camel(&self) -> String {
        self.name.split('_').map(capitalised).collect()
    }
}

fn effect(info: &DynamicMessage) -> Option<String> {
    let number = info.get_field_by_name("effect")?.as_enum_number()?;
    ["NONE", "MAYBE", "DONE"]
        .get(usize::try_from(number).ok()?.checked_sub(1)?)
        .map(|name| (*name).to_owned())
}

/// `FULL` → `Full`.
fn capitalised(word: &str) -> String {
    sentence(&word.to_lowercase())
}

/// The first letter in upper case.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}
