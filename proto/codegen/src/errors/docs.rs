//! `docs/ERRORS.md`: the tables a person reads.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::{MADE, Row, Table};

const HEAD: &str = "
# Errors

Every failure has a code or a status from this page, says what happened, to what, and what to do. **Effect** says whether
the handler's effect happened: NONE = certainly not, retry freely; MAYBE = nobody can know, retry only what is idempotent;
DONE = certainly, do not retry.

| where | how a code looks | how a status looks |
|---|---|---|
| wire | `Code`, its number | never |
| Go | `CodeMailboxFull`; `errors.Is(err, ErrMailboxFull)` | `StatusLinkDown` |
| Rust | `Code::MailboxFull` | `Status::LinkDown` |
| C | `AB_MAILBOX_FULL` = -100 - number | `AB_LINK_DOWN` |
| unary gRPC calls | the gRPC column | the gRPC column |

A number that a build does not know has effect MAYBE.
";

/// The bands of `Code` and of `Status`, each with its title.
const CODE_BANDS: &[(&str, RangeInclusive<i32>)] = &[
    ("Codes 0 to 31: handled, or certainly refused", 0..=31),
    ("Codes 32 to 63: the handler began", 32..=63),
    ("Codes 64 to 95: nobody can know", 64..=95),
];
const STATUS_BANDS: &[(&str, RangeInclusive<i32>)] = &[
    ("Statuses 0 to 99: not errors", 0..=99),
    ("Statuses -1 to -99: misuse", -99..=-1),
    ("Statuses -200 and below: node and link", i32::MIN..=-200),
];

pub(super) fn render(table: &Table) -> String {
    let mut out = format!("<!-- {MADE} -->\n{HEAD}");
    for (title, band) in CODE_BANDS {
        let status = |r: &Row| if r.number == 0 { 0 } else { -100 - r.number };
        section(&mut out, title, &table.codes, band, status);
    }
    for (title, band) in STATUS_BANDS {
        section(&mut out, title, &table.statuses, band, |r| r.number);
    }
    out
}

fn section(out: &mut String, title: &str, rows: &[Row], band: &RangeInclusive<i32>, status: impl Fn(&Row) -> i32) {
    writeln!(out, "\n## {title}\n").expect("writing to a string");
    out.push_str("| name | number | C | gRPC | effect | what happened | what to do |\n|---|---|---|---|---|---|---|\n");
    for row in rows.iter().filter(|r| band.contains(&r.number)) {
        let Row {
            name,
            number,
            effect,
            means,
            mend,
            grpc,
        } = row;
        let c = format!("`AB_{name}` {}", status(row));
        writeln!(
            out,
            "| {name} | {number} | {c} | {grpc} | {effect} | {means} | {mend} |"
        )
        .expect("writing to a string");
    }
}
