//! For people: a page with a matrix for each suite, each cell a square that says what became of it.

use std::fmt::Write as _;

use super::files::escaped;
use super::{Run, each};
use crate::matrix::Outcome;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --good: #2e9e5b; --bad: #d43d3d; --known: #d9a400; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 90rem; }
summary { font-size: 1.4rem; font-weight: 600; margin: 2rem 0 .5rem; cursor: pointer; } .scroll { overflow-x: auto; }
summary small { font-size: 1rem; font-weight: 400; opacity: .7; margin-left: .5rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; padding: 2px 8px; white-space: nowrap; }
thead th { vertical-align: bottom; font-weight: 600; }
thead .reader { writing-mode: vertical-rl; transform: rotate(180deg); padding: 6px 2px; font-weight: 400; }
th.writer { border-bottom: 1px solid var(--line); text-align: center; }
td { padding: 1px; border-left: 1px solid transparent; } td.first { border-left: 1px solid var(--line); }
tbody tr:hover { background: #8881; }
i { display: block; width: 14px; height: 14px; border-radius: 3px; box-sizing: border-box; }
.passed { background: var(--good); } .failed { background: var(--bad); } .known { background: var(--known); }
.none { border: 1px dotted #8888; }
.key i { display: inline-block; vertical-align: -2px; margin: 0 4px 0 12px; }
li { margin: .3rem 0; white-space: pre-line; } code { font-size: 13px; }
@media (max-width: 40rem) { body { margin: 1rem auto; } table { font-size: 11px; } th { padding: 1px 3px; }
  i { width: 10px; height: 10px; } thead .reader { padding: 3px 0; } .long { white-space: normal; min-width: 10rem; } }";

/// Longer values of an axis are sentences.
const LONG: usize = 24;

/// Failures above the matrices.
const MAX_FAILURES: usize = 20;

/// The page, complete in itself.
pub fn html(run: &Run<'_>) -> String {
    let summary = run.summary;
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>actorbridge: compat matrix</title>\n<style>{STYLE}</style>\n<h1>Compat matrix</h1>\n"
    );
    let peers: Vec<String> = run.peers.iter().map(|p| escaped(&p.name)).collect();
    let _ = writeln!(
        out,
        "<p>{} cells: {} passed, {} failed, {} known to fail, {} skipped. Peers: {}.</p>\n\
         <p class=\"key\">A row is a case, a column a writer and a reader.\
         <i class=\"passed\"></i>passed<i class=\"failed\"></i>failed<i class=\"known\"></i>known to fail<i class=\"none\"></i>left out by a rule of axes.yaml</p>",
        run.outcomes.len(),
        summary.passed,
        summary.failed,
        summary.known_failing,
        summary.skipped,
        peers.join(", ")
    );
    failures(&mut out, run);
    for suite in run.suites() {
        matrix(&mut out, suite, &run.of_suite(suite));
    }
    out.push_str("</html>\n");
    out
}

fn failures(out: &mut String, run: &Run<'_>) {
    let failed: Vec<&Outcome> = run.outcomes.iter().filter(|o| o.failure.is_some()).collect();
    if failed.is_empty() {
        return;
    }
    out.push_str("<details open><summary>What failed</summary>\n<ul>\n");
    for outcome in failed.iter().take(MAX_FAILURES) {
        let why = outcome.known.as_ref().or(outcome.failure.as_ref());
        let _ = writeln!(
            out,
            "<li><code>{}</code><br>{}</li>",
            escaped(&outcome.cell.to_string()),
            escaped(why.map_or("", String::as_str))
        );
    }
    if failed.len() > MAX_FAILURES {
        let more = failed.len() - MAX_FAILURES;
        let _ = writeln!(out, "<li>and {more} more: each square below has its own sentence</li>");
    }
    out.push_str("</ul></details>\n");
}

fn matrix(out: &mut String, suite: &str, outcomes: &[&Outcome]) {
    let writers = each(outcomes, |o| o.cell.writer.clone());
    let readers = each(outcomes, |o| o.cell.reader.clone());
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    // What is the same in all cells needs no column.
    let (axes, same): (Vec<String>, Vec<String>) = axes(outcomes)
        .into_iter()
        .partition(|axis| each(outcomes, |o| o.cell.value(axis).to_owned()).len() > 1);
    let value = |axis: &String| format!("; {axis} {}", shown(axis, outcomes[0].cell.value(axis)));
    let same: Vec<String> = same.iter().map(|axis| escaped(&value(axis))).collect();
    let _ = write!(
        out,
        "<details open><summary>{suite}<small>{} cells, {failed} failed{}</small></summary>\n\
         <div class=\"scroll\"><table>",
        outcomes.len(),
        same.concat()
    );
    head(out, &axes, &writers, &readers);
    for case in each(outcomes, |o| o.cell.case_name()) {
        let of_case: Vec<&&Outcome> = outcomes.iter().filter(|o| o.cell.case_name() == case).collect();
        out.push_str("<tr>");
        for axis in &axes {
            let value = shown(axis, of_case[0].cell.value(axis));
            let class = if value.len() > LONG { " class=\"long\"" } else { "" };
            let _ = write!(out, "<th{class}>{}</th>", escaped(&value));
        }
        for writer in &writers {
            for (column, reader) in readers.iter().enumerate() {
                let found = of_case
                    .iter()
                    .find(|o| &o.cell.writer == writer && &o.cell.reader == reader);
                square(out, found.map(|o| **o), column == 0);
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></details>\n");
}

/// The names of the axes that any of these cells has.
fn axes(outcomes: &[&Outcome]) -> Vec<String> {
    let mut axes: Vec<String> = Vec::new();
    for (axis, _) in outcomes.iter().flat_map(|o| &o.cell.case) {
        if !axes.contains(axis) {
            axes.push(axis.clone());
        }
    }
    axes
}

/// A column for each axis, then for each writer one for each reader.
fn head(out: &mut String, axes: &[String], writers: &[String], readers: &[String]) {
    let _ = write!(out, "<thead><tr><th colspan=\"{}\"></th>", axes.len());
    for writer in writers {
        let of = if writer.is_empty() { "committed bytes" } else { writer };
        let _ = write!(
            out,
            "<th class=\"writer\" colspan=\"{}\">{}</th>",
            readers.len(),
            escaped(of)
        );
    }
    out.push_str("</tr><tr>");
    for axis in axes {
        let _ = write!(out, "<th>{}</th>", escaped(axis));
    }
    for _ in writers {
        for reader in readers {
            let _ = write!(out, "<th class=\"reader\">{}</th>", escaped(reader));
        }
    }
    out.push_str("</tr></thead><tbody>\n");
}

/// A value as people read it: a size with its unit.
fn shown(axis: &str, value: &str) -> String {
    match value.parse::<u64>() {
        Ok(n) if axis == "size" && n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        Ok(n) if axis == "size" && n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        Ok(n) if axis == "size" => format!("{n} B"),
        _ => value.to_owned(),
    }
}

fn square(out: &mut String, outcome: Option<&Outcome>, first: bool) {
    out.push_str(if first { "<td class=\"first\">" } else { "<td>" });
    let Some(outcome) = outcome else {
        out.push_str("<i class=\"none\"></i>");
        return;
    };
    let class = match (&outcome.failure, &outcome.known) {
        (None, _) => "passed",
        (Some(_), None) => "failed",
        (Some(_), Some(_)) => "known",
    };
    let why = outcome.failure.as_deref().unwrap_or("passed");
    let title = escaped(&format!("{}: {why}", outcome.cell));
    let _ = write!(out, "<i class=\"{class}\" title=\"{title}\"></i>");
}
