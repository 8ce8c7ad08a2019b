//! `actorbridge.h`, from the sources of `ffi/`, where C finds it and where Go's `native` package does.

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config, DocumentationLength, EnumConfig, ExportConfig, Language, Style};

use actorbridge_gen::Output;

/// What C users include, and the copy that goes with the Go module.
const PATHS: [&str; 2] = ["ffi/include/actorbridge.h", "go-client/native/actorbridge.h"];
/// The table of statuses, which is generated too.
pub(crate) const STATUS: &str = "ffi/src/generated/status.rs";
/// In the header's order.
const SOURCES: [&str; 10] = [
    "types.rs",
    "generated/status.rs",
    "info.rs",
    "node.rs",
    "logs.rs",
    "signals.rs",
    "link.rs",
    "ask.rs",
    "map.rs",
    "envelope.rs",
];
const NAMES: [(&str, &str); 9] = [
    ("Node", "ab_node"),
    ("Link", "ab_link"),
    ("NodeOpts", "ab_node_opts"),
    ("Error", "ab_error"),
    ("Span", "ab_span"),
    ("Desc", "ab_desc"),
    ("LaneMap", "ab_lane"),
    ("NodeStatus", "ab_node_status"),
    ("Log", "ab_log"),
];
const TOP: &str = "/* Made by `make generate` from ffi/src. Do not edit.
 *
 * actorbridge's C ABI. docs/C_ABI.md has the conventions: no function waits until something comes; ab_link_ask may run a handler; all
 * may be called from any thread; results below zero are errors; offsets are into the arena of the call. What is new since 1.0
 * says so. */";

/// `status` is [`STATUS`] as it is to be, which may not be there yet.
pub(crate) fn render(root: &Path, status: &[u8]) -> Result<Vec<Output>, String> {
    let made = root.join("target/tmp/status.rs");
    fs::create_dir_all(root.join("target/tmp"))
        .and_then(|()| fs::write(&made, status))
        .map_err(|e| format!("{}: {e}", made.display()))?;
    let mut builder = Builder::new().with_config(config());
    for source in SOURCES {
        let source = root.join("ffi/src").join(source);
        builder = builder.with_src(if source.ends_with(STATUS) { &made } else { &source });
    }
    let bindings = builder.generate().map_err(|e| format!("actorbridge.h: {e}"))?;
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header).map_err(|e| format!("actorbridge.h: {e}"))?;
    let header = in_words_of_c(&header);
    Ok(PATHS.map(|path| Output::new(path, header.clone())).into())
}

/// What is Rust's way to write documentation.
fn in_words_of_c(header: &str) -> String {
    let header = header.replace("# Safety\n * ", "Pointers: ");
    header.replace("[`", "").replace("`]", "").replace('`', "")
}

fn config() -> Config {
    Config {
        language: Language::C,
        header: Some(TOP.into()),
        include_guard: Some("ACTORBRIDGE_H".into()),
        cpp_compat: true,
        usize_is_size_t: true,
        style: Style::Type,
        tab_width: 4,
        line_length: 100,
        documentation_length: DocumentationLength::Full,
        export: ExportConfig {
            rename: NAMES.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
            ..ExportConfig::default()
        },
        enumeration: EnumConfig::default(),
        ..Config::default()
    }
}
