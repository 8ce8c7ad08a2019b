//! The machines answer the recorded traces of `compat-tests/traces` alike in both languages.
//!
//! A trace is text: `# comment`, `> event`, `< answer`. Rust records those that the modules under `scenes` write, Go
//! records `go-*.trace`; both replay all. A trace that is not what its recorder writes today fails the tests, until
//! `make traces` records it again.

mod link;
mod mover;
mod packets;
mod player;
mod scenes;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use player::Player;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../compat-tests/traces")
}

/// Every trace, by its file's name.
fn recorded() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).expect("compat-tests/traces is there");
    let paths = files.map(|f| f.expect("a file").path());
    let traces = paths.filter(|p| p.extension().is_some_and(|e| e == "trace"));
    traces
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

/// The first line in which a trace is not what the machines answer to its events, as `file:line: …`.
fn difference(name: &str, trace: &str) -> Option<String> {
    let mut player = Player::new();
    for line in trace.lines().filter(|l| !l.starts_with('<')) {
        player.line(line);
    }
    compare(name, trace, &player.lines)
}

fn compare(name: &str, trace: &str, now: &[String]) -> Option<String> {
    let said: Vec<&str> = trace.lines().collect();
    let at = (0..said.len().max(now.len())).find(|i| said.get(*i).copied() != now.get(*i).map(String::as_str))?;
    let side = |line: Option<&str>| line.unwrap_or("the end").to_owned();
    Some(format!(
        "compat-tests/traces/{name}:{}:\n  the trace says   {}\n  the machine says {}",
        at + 1,
        side(said.get(at).copied()),
        side(now.get(at).map(String::as_str))
    ))
}

#[test]
fn the_machines_answer_every_trace_of_both_languages() {
    let traces = recorded();
    assert!(traces.len() >= 16, "only {} traces are there", traces.len());
    assert!(traces.keys().any(|name| name.starts_with("go-")), "none is Go's");
    let wrong: Vec<String> = traces.iter().filter_map(|(name, t)| difference(name, t)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_traces_are_what_rust_records_today() {
    let record = std::env::var_os("TRACES").is_some_and(|v| v == "record");
    let mut recorded = recorded();
    recorded.retain(|name, _| !name.starts_with("go-"));
    for (name, player) in scenes::all() {
        let name = format!("{name}.trace");
        let trace = recorded.remove(&name).unwrap_or_default();
        if record {
            let text = player.lines.join("\n") + "\n";
            std::fs::write(folder().join(&name), text).expect("compat-tests/traces can be written");
        } else if let Some(stale) = compare(&name, &trace, &player.lines) {
            panic!("stale, or a change of behaviour; `make traces` records again.\n{stale}");
        }
    }
    let left: Vec<_> = recorded.keys().collect();
    assert!(left.is_empty(), "no scene records {left:?}; delete them");
}

#[test]
fn a_changed_answer_is_named_by_file_and_line() {
    let trace = &recorded()["supervisor.trace"];
    let line = trace
        .lines()
        .position(|l| l == "< stop restarts=2")
        .expect("it stops once");
    let changed = trace.replacen("< stop restarts=2", "< restart restarts=3", 1);
    let said = difference("supervisor.trace", &changed).expect("it differs");
    assert_eq!(
        said,
        format!(
            "compat-tests/traces/supervisor.trace:{}:\n  the trace says   < restart restarts=3\n  \
             the machine says < stop restarts=2",
            line + 1
        )
    );
    assert_eq!(difference("supervisor.trace", trace), None);
    let cut = trace.lines().take(line).collect::<Vec<_>>().join("\n");
    assert!(
        difference("supervisor.trace", &cut).is_some_and(|s| s.contains("the trace says   the end")),
        "a missing answer differs too"
    );
}
