//! Rust: methods of `Code` and `Status`, included beside the enums.

use std::fmt::Write as _;

use super::{MADE, Row, Table, capitalised};

pub(super) fn render(table: &Table) -> String {
    let mut out = format!("// {MADE}\n\nimpl Code {{\n");
    out.push_str(
        "    /// The code of a number from the wire. One that this build does not know is OutcomeUnknown: it may have had\n\
        \x20   /// an effect, and only the newer peer could say.\n\
        \x20   pub const fn from_wire(number: i32) -> Self {\n        match number {\n",
    );
    for row in &table.codes {
        writeln!(out, "            {} => Self::{},", row.number, row.camel()).expect("writing to a string");
    }
    out.push_str("            _ => Self::OutcomeUnknown,\n        }\n    }\n\n");
    out.push_str(
        "    /// The status with which the C library answers this code.\n\
        \x20   pub const fn c_status(self) -> i32 {\n        match self {\n\
        \x20           Self::Ok => 0,\n            code => -100 - code as i32,\n        }\n    }\n",
    );
    methods(&mut out, &table.codes);
    out.push_str("}\n\nimpl Status {");
    methods(&mut out, &table.statuses);
    out.push_str("}\n");
    out
}

fn methods(out: &mut String, rows: &[Row]) {
    let effect = |r: &Row| format!("Effect::{}", capitalised(&r.effect));
    method(
        out,
        rows,
        "Did the handler's effect happen?",
        "effect",
        "Effect",
        effect,
    );
    let quoted = |text: &str| format!("\"{text}\"");
    let text = "&'static str";
    method(out, rows, "What happened.", "means", text, |r| quoted(&r.means));
    method(out, rows, "What to do about it.", "mend", text, |r| quoted(&r.mend));
    let number = |r: &Row| r.grpc_number().to_string();
    method(out, rows, "The number of the google.rpc.Code.", "grpc", "i32", number);
}

fn method(out: &mut String, rows: &[Row], doc: &str, name: &str, kind: &str, value: impl Fn(&Row) -> String) {
    writeln!(
        out,
        "\n    /// {doc}\n    pub const fn {name}(self) -> {kind} {{\n        match self {{"
    )
    .expect("writing to a string");
    for row in rows {
        writeln!(out, "            Self::{} => {},", row.camel(), value(row)).expect("writing to a string");
    }
    out.push_str("        }\n    }\n");
}
