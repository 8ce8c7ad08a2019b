//! Log lines of all nodes of the process, for a caller that has a logger of its own.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use actorbridge::{Level, LogLine, Node};

use crate::border::{Fail, border, border_with};
use crate::host::{NODES, lock};
use crate::node::text;
use crate::pointers::{place, slice_mut};
use crate::status::{AB_BAD_ARGUMENT, AB_MORE, AB_OK, AB_SHORT_BUFFER};
use crate::types::{AB_LOG_ERROR, AB_LOG_INFO, AB_LOG_WARN, Error, Log, Span};

/// The most lines that wait here; the oldest go first.
const MOST: usize = 1024;

/// Lines that were taken from their nodes, with the node's name.
static LINES: Mutex<VecDeque<(String, LogLine)>> = Mutex::new(VecDeque::new());
/// Lines of a higher number are dropped when they are drained.
static LEVEL: AtomicU32 = AtomicU32::new(AB_LOG_INFO);

fn number(level: Level) -> u32 {
    match level {
        Level::Error => AB_LOG_ERROR,
        Level::Warn => AB_LOG_WARN,
        Level::Info => AB_LOG_INFO,
    }
}

/// A line of the library itself.
pub(crate) fn add(node: &str, level: Level, message: &str) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_nanos = since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
    let line = LogLine {
        level,
        unix_nanos,
        actor: String::new(),
        message: message.to_owned(),
        peer: String::new(),
        link: 0,
        code: String::new(),
    };
    let mut lines = lock(&LINES);
    if lines.len() == MOST
        && let Some((loser, _)) = lines.pop_front()
    {
        let hosts = NODES.all();
        let host = hosts.iter().find(|(_, host)| host.node.name() == loser);
        host.iter().for_each(|(_, host)| host.drop_line());
    }
    lines.push_back((node.to_owned(), line));
}

/// Keeps the lines of a node that goes.
pub(crate) fn keep(node: &Node) {
    take(&mut lock(&LINES), node);
}

/// Takes lines of a node as long as there is room; it counts what it drops of the others.
fn take(lines: &mut VecDeque<(String, LogLine)>, node: &Node) {
    let news = node.logs(MOST.saturating_sub(lines.len())).0;
    lines.extend(news.into_iter().map(|line| (node.name().to_owned(), line)));
}

/// The rest of what a line is about, as a JSON object; empty = there is nothing more.
fn fields_json(line: &LogLine) -> String {
    let mut fields = serde_json::Map::new();
    if line.link != 0 {
        fields.insert("link".into(), line.link.into());
    }
    for (name, value) in [("peer", &line.peer), ("code", &line.code)] {
        if !value.is_empty() {
            fields.insert(name.into(), value.as_str().into());
        }
    }
    match fields.is_empty() {
        true => String::new(),
        false => serde_json::Value::Object(fields).to_string(),
    }
}

/// Takes log lines of all nodes, at most `cap`; `n` is set to how many. AB_MORE: there are more. AB_SHORT_BUFFER: not even
/// the next line fits into the arena; it waits, and `n` is the bytes that it takes.
///
/// # Safety
/// `out` is null or has `cap` elements, `arena` is null or has `arena_cap` bytes, `n` is null or valid; nobody else uses them
/// meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_logs_drain(out: *mut Log, cap: u32, arena: *mut u8, arena_cap: usize, n: *mut u32) -> i32 {
    border(|| {
        let arena_cap = arena_cap.min(u32::MAX as usize);
        // SAFETY: the caller's promise, for all three.
        let (out, arena, n) = unsafe {
            (
                slice_mut(out, cap as usize, "out")?,
                slice_mut(arena, arena_cap, "arena")?,
                place(n, "n")?,
            )
        };
        *n = 0;
        let mut lines = lock(&LINES);
        NODES.all().iter().for_each(|(_, host)| take(&mut lines, &host.node));
        let most = LEVEL.load(Relaxed);
        lines.retain(|(_, line)| number(line.level) <= most);
        let mut at = 0;
        while let Some((node, line)) = lines.front() {
            let fields = fields_json(line);
            let texts = [node, &line.message, &line.actor, &fields];
            let size: usize = texts.iter().map(|t| t.len()).sum();
            let count = *n as usize;
            if count == out.len() {
                return Ok(AB_MORE);
            }
            if at + size > arena.len() {
                let short = count == 0;
                *n = if short { size as u32 } else { *n };
                return Ok(if short { AB_SHORT_BUFFER } else { AB_MORE });
            }
            let [target, message, actor, fields_json] = texts.map(|text| {
                arena[at..][..text.len()].copy_from_slice(text.as_bytes());
                let span = Span {
                    off: at as u32,
                    len: text.len() as u32,
                };
                at += text.len();
                span
            });
            out[count] = Log {
                level: number(line.level),
                unix_nanos: line.unix_nanos,
                target,
                message,
                actor,
                fields_json,
            };
            *n += 1;
            lines.pop_front();
        }
        Ok(AB_OK)
    })
}

/// Chooses which log lines are kept: "off", "error", "warn" or "info" (the default), for all nodes of the process.
///
/// # Safety
/// `directive` is null or has `len` bytes, `error` is null or valid; nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_log_filter(directive: *const c_char, len: u32, error: *mut Error) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let level = match unsafe { text(directive, len as usize, "directive")? } {
            "off" => 0,
            "error" => AB_LOG_ERROR,
            "warn" => AB_LOG_WARN,
            "info" => AB_LOG_INFO,
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(Fail::new(
                    AB_BAD_ARGUMENT,
                    format_args!("{shown:?} is not a filter; use off, error, warn or info"),
                ));
            }
        };
        LEVEL.store(level, Relaxed);
        Ok(AB_OK)
    };
    // SAFETY: the caller's promise.
    unsafe { border_with(error, call) }
}
