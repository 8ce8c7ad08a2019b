//! What a row of errors.proto must have, and that a row reaches every output.

use super::render;
use crate::memory::compile;

/// The real table, with one thing changed.
fn rendered(from: &str, to: &str) -> Result<Vec<(String, String)>, String> {
    let source = include_str!("../../../actorbridge/v1/errors.proto");
    assert_eq!(source.matches(from).count(), 1, "{from} is there once");
    let outputs = render(&compile(&source.replace(from, to), true))?;
    Ok(outputs
        .into_iter()
        .map(|o| {
            (
                o.path.display().to_string(),
                String::from_utf8(o.content).expect("text"),
            )
        })
        .collect())
}

fn refusal(from: &str, to: &str) -> String {
    rendered(from, to).expect_err("the table is refused")
}

const UNKNOWN: &str = "CODE_STATE_LOST = 65 [(code_info)";

#[test]
fn a_new_code_reaches_rust_go_c_and_the_docs() {
    let new =
        r#"CODE_ON_FIRE = 66 [(code_info) = { effect: EFFECT_MAYBE means: "it burns" mend: "run" grpc: "INTERNAL" }];"#;
    let files = rendered(UNKNOWN, &format!("{new}\n  {UNKNOWN}")).expect("the table is accepted");
    for (path, says) in [
        ("proto/src/generated/errors.rs", "66 => Self::OnFire"),
        ("go-client/codes_gen.go", "CodeOnFire"),
        ("ffi/src/generated/status.rs", "pub const AB_ON_FIRE: i32 = -166;"),
        (
            "docs/ERRORS.md",
            "| ON_FIRE | 66 | `AB_ON_FIRE` -166 | INTERNAL | MAYBE | it burns | run |",
        ),
    ] {
        let (_, text) = files.iter().find(|(p, _)| p == path).expect(path);
        assert!(text.contains(says), "{path} lacks {says}");
    }
}

#[test]
fn a_code_without_its_facts_is_refused_by_name() {
    let said = refusal(UNKNOWN, &format!("CODE_BARE = 66;\n  {UNKNOWN}"));
    assert_eq!(said, "errors.proto: CODE_BARE: has no option (code_info)");
}

#[test]
fn an_unknown_grpc_code_is_refused_by_name() {
    let said = refusal(r#"grpc: "DATA_LOSS""#, r#"grpc: "DATA_LOST""#);
    assert_eq!(
        said,
        "errors.proto: CODE_STATE_LOST: `grpc` is not a name of google.rpc.Code"
    );
}

#[test]
fn a_text_that_would_break_an_output_is_refused() {
    let said = refusal("state or cursors were lost", "state | cursors were lost");
    assert!(
        said.starts_with("errors.proto: CODE_STATE_LOST: `means` must be one line"),
        "{said}"
    );
}

#[test]
fn two_statuses_of_one_c_name_are_refused() {
    let twin = r#"STATUS_MOVED = -9 [(code_info) = { effect: EFFECT_NONE means: "m" mend: "m" grpc: "OK" }];"#;
    let said = refusal("STATUS_NODE_STOPPED =", &format!("{twin}\n  STATUS_NODE_STOPPED ="));
    assert_eq!(said, "AB_MOVED = -118 is in errors.proto twice");
}
