//! The suite `codec` by messages: all languages and codecs in one plot, for encoding, decoding and bytes.

use std::fmt::Write as _;

use super::plot::{self, Row, shown};
use crate::figure::Figure;

/// The messages, small ones first, and what they are.
const MESSAGES: [(&str, &str); 4] = [
    ("flight", "A flight record"),
    ("kilobyte", "An envelope of 1 KB"),
    ("batch", "A batch of 100 flights"),
    ("snapshot", "A snapshot of 1 MiB"),
];

/// The plots of a message: the end of the case's name, and what it shows.
const ENCODE: (&str, &str) = ("encode", "to encode one");
const DECODE: (&str, &str) = ("decode", "to decode one");
const BYTES: [(&str, &str); 2] = [("size", "bytes"), ("gzip", "bytes after gzip")];

/// Is this a case that [`messages`] shows?
pub(super) fn is_of_a_message(figures: &[Figure], case: &str) -> bool {
    let mut parts = case.splitn(2, '_');
    let message = parts.next().unwrap_or_default();
    figures.iter().any(|f| f.suite == "codec") && MESSAGES.iter().any(|(name, _)| *name == message)
}

/// A section for each message that was measured.
pub(super) fn messages(figures: &[Figure]) -> String {
    let mut out = String::new();
    for (message, called) in MESSAGES {
        let plots = plots(figures, message);
        if plots.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "<h2>{}</h2>{KEY}<div class=\"plots\">",
            title(figures, message, called)
        );
        for (what, plot, _) in plots {
            let _ = writeln!(out, "<div><h3>{what}</h3>\n{plot}</div>");
        }
        out.push_str("</div>\n");
    }
    out
}

const KEY: &str = "<p class=\"note\">CPU time on an axis on which each line is ten times the one before, bytes on one from zero; less is better. \
    array: MessagePack without the numbers of fields, which no actor sends, for comparison.</p>\n";

/// The plots of one message: what each shows, the SVG, and how many pixels high that is.
fn plots(figures: &[Figure], message: &str) -> Vec<(&'static str, String, f64)> {
    let mut plots = Vec::new();
    for (end, what) in [ENCODE, DECODE] {
        let rows = rows(figures, &format!("{message}_{end}"));
        if !rows.is_empty() {
            plots.push((what, plot::dots(&rows), plot::height(rows.len())));
        }
    }
    for (end, what) in BYTES {
        // Bytes are the same in all languages, but for blanks and the gzip at hand.
        let mut rows = rows(figures, &format!("{message}_{end}"));
        rows.retain(|row| row.name.starts_with("rust "));
        rows.iter_mut()
            .for_each(|row| row.name = row.figure.codec.unwrap_or(row.name));
        if !rows.is_empty() {
            plots.push((what, plot::bars(&rows), plot::height(rows.len())));
        }
    }
    plots
}

/// What a picture shows: a small message and a large one.
#[cfg(feature = "png")]
const SHOWN: [usize; 2] = [0, 3];

/// The plots of a small and a large message as one SVG for a light page, with its colours in it.
#[cfg(feature = "png")]
pub(crate) fn picture(figures: &[Figure]) -> String {
    const WIDTH: f64 = 460.0;
    const STYLE: &str = "text{font:12px sans-serif;fill:#1b1f24}.tick{fill:#57606a}.title{font-size:15px;font-weight:bold}\
        .what{font-weight:bold}.grid{stroke:#d8dee4}.stem{stroke:#57606a;stroke-opacity:.5}.quartiles{stroke:#1b1f24}\
        .c0{fill:#2563c9}.c1{fill:#8c959f}.c2{fill:#c2622d}.c3{fill:#4d8f4d}.c4{fill:#8a63b8}";
    let (mut body, mut tallest) = (String::new(), 0.0_f64);
    for (column, (message, called)) in SHOWN.map(|at| MESSAGES[at]).into_iter().enumerate() {
        let x = 20.0 + column as f64 * (WIDTH + 20.0);
        let mut y = 28.0;
        let _ = write!(
            body,
            "<text class=\"title\" x=\"{x}\" y=\"{y}\">{}</text>",
            title(figures, message, called)
        );
        for (what, plot, height) in plots(figures, message) {
            let placed = plot.replacen(
                "<svg width=\"100%\"",
                &format!("<svg x=\"{x}\" y=\"{}\" width=\"{WIDTH}\"", y + 34.0),
                1,
            );
            let _ = write!(
                body,
                "<text class=\"what\" x=\"{x}\" y=\"{}\">{what}</text>{placed}",
                y + 24.0
            );
            y += height + 34.0;
        }
        tallest = tallest.max(y);
    }
    let (width, height) = (2.0 * WIDTH + 60.0, tallest + 16.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\"><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{body}</svg>"
    )
}

/// With the bytes that it has in protobuf.
fn title(figures: &[Figure], message: &str, called: &str) -> String {
    let case = format!("{message}_size");
    let size = figures.iter().find(|f| f.case == case && f.codec == Some("protobuf"));
    match size {
        Some(size) => format!("{called}, {} in protobuf", shown(size.value, size.unit)),
        None => called.to_owned(),
    }
}

/// In the colours of their codecs.
fn rows<'a>(figures: &'a [Figure], case: &str) -> Vec<Row<'a>> {
    let of = figures.iter().filter(|f| f.case == case);
    of.map(|figure| Row {
        name: figure.side,
        figure,
        colour: match figure.codec {
            Some("protobuf") => 0,
            Some("json") => 2,
            Some("array") => 4,
            Some(_) => 3,
            None => 1,
        },
    })
    .collect()
}
