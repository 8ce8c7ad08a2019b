//! For programs: JSON, and JUnit XML.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Run;
use crate::matrix::Outcome;

fn status(outcome: &Outcome) -> &'static str {
    match (&outcome.failure, &outcome.known) {
        (None, _) => "passed",
        (Some(_), None) => "failed",
        (Some(_), Some(_)) => "known_failing",
    }
}

/// `{"summary": {…}, "cells": [{suite, case, writer, reader, status, failure, reason, ms}]}`.
pub fn json(run: &Run<'_>) -> Value {
    let peers: Vec<&str> = run.peers.iter().map(|p| p.name.as_str()).collect();
    let cell = |o: &Outcome| {
        json!({
            "suite": o.cell.suite,
            "case": o.cell.case.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "writer": o.cell.writer,
            "reader": o.cell.reader,
            "status": status(o),
            "failure": o.failure,
            "reason": o.known,
            "ms": o.ms,
        })
    };
    json!({
        "summary": {
            "passed": run.summary.passed,
            "failed": run.summary.failed,
            "known_failing": run.summary.known_failing,
            "skipped": run.summary.skipped,
            "peers": peers,
        },
        "cells": run.outcomes.iter().map(cell).collect::<Vec<_>>(),
    })
}

/// A test suite for each suite, a test case for each cell. A known failure is a skipped test.
pub fn junit(run: &Run<'_>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in run.suites() {
        let outcomes = run.of_suite(suite);
        let failures = outcomes.iter().filter(|o| o.is_bad()).count();
        let skipped = outcomes.iter().filter(|o| o.known.is_some()).count();
        let _ = writeln!(
            out,
            "<testsuite name=\"compat.{suite}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">",
            outcomes.len()
        );
        for outcome in outcomes {
            test_case(&mut out, outcome);
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn test_case(out: &mut String, outcome: &Outcome) {
    let cell = &outcome.cell;
    let name = match cell.writer.as_str() {
        "" => format!("{}: {}", cell.case_name(), cell.reader),
        writer => format!("{}: {writer} -> {}", cell.case_name(), cell.reader),
    };
    let seconds = outcome.ms as f64 / 1_000.0;
    let _ = write!(
        out,
        "<testcase classname=\"compat.{}\" name=\"{}\" time=\"{seconds:.3}\"",
        cell.suite,
        escaped(&name)
    );
    let text = |text: &Option<String>| escaped(text.as_deref().unwrap_or_default());
    let _ = match status(outcome) {
        "passed" => writeln!(out, "/>"),
        "failed" => writeln!(out, "><failure message=\"{}\"/></testcase>", text(&outcome.failure)),
        _ => writeln!(out, "><skipped message=\"{}\"/></testcase>", text(&outcome.known)),
    };
}

/// Text as XML and HTML have it, also between quotes. What no XML may hold becomes a question mark.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::axes::Cell;
    use crate::matrix::peers::brought;
    use crate::matrix::report::Summary;

    fn outcomes() -> Vec<Outcome> {
        let cell = |writer: &str| Cell {
            suite: "message".into(),
            case: vec![("type".into(), "Quote".into())],
            writer: writer.into(),
            reader: "go".into(),
        };
        [
            ("rust", None, None),
            ("java", Some("sku is \"A\u{1}\", not <absent>"), None),
            ("c", Some("wrong"), Some("C writes none")),
        ]
        .map(|(writer, failure, known)| Outcome {
            cell: cell(writer),
            failure: failure.map(str::to_owned),
            known: known.map(str::to_owned),
            ms: 1,
        })
        .into()
    }

    #[test]
    fn the_summary_counts_each_status_and_names_the_peers() {
        let (outcomes, peers) = (outcomes(), [brought("./mine")]);
        let run = Run {
            outcomes: &outcomes,
            summary: Summary::of(&outcomes, 4),
            peers: &peers,
        };
        let json = json(&run);
        assert_eq!(
            json["summary"],
            serde_json::json!({"passed": 1, "failed": 1, "known_failing": 1, "skipped": 4, "peers": ["mine"]})
        );
        assert_eq!(json["cells"][1]["status"], "failed");
        assert_eq!(json["cells"][1]["case"]["type"], "Quote");
        assert_eq!(json["cells"][2]["reason"], "C writes none");
    }

    #[test]
    fn junit_is_xml_whatever_a_failure_says() {
        let outcomes = outcomes();
        let run = Run {
            outcomes: &outcomes,
            summary: Summary::of(&outcomes, 0),
            peers: &[],
        };
        let xml = junit(&run);
        assert!(xml.contains("<testsuite name=\"compat.message\" tests=\"3\" failures=\"1\" skipped=\"1\">"));
        assert!(xml.contains("<failure message=\"sku is &quot;A?&quot;, not &lt;absent&gt;\"/>"));
        assert!(xml.contains("name=\"Quote: java -&gt; go\""));
    }
}
