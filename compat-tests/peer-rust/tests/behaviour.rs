//! The behaviour cases between two Rust nodes, over every door that needs no other language. `make compat` runs all.

use std::path::{Path, PathBuf};

use compat_tests::runner::pair::{Language, Pair};
use compat_tests::runner::{self, Programs, known, table};
use compat_tests::{cases, schema::Schema};

#[test]
fn every_case_holds_between_two_rust_nodes_over_every_door() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("compat-tests/cases");
    let cases = cases::load(&folder.join("behaviour.yaml")).expect("the cases are readable");
    let schema = Schema::load(&root).expect("the schema compiles");
    let rust = PathBuf::from(env!("CARGO_BIN_EXE_compat-peer-rust"));
    let programs = Programs {
        rust,
        ..Programs::default()
    };
    let mut pairs = Pair::all();
    pairs.retain(|p| (p.here, p.there) == (Language::Rust, Language::Rust));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut outcomes = runtime
        .block_on(runner::run(&programs, &schema, &cases, &pairs))
        .expect("the cases run");
    known::apply(
        &known::load(&folder.join("known-failures.yaml")).expect("the list is readable"),
        &mut outcomes,
    );
    let names: Vec<String> = cases.into_iter().map(|c| c.name).collect();
    println!("{}", table::render(&outcomes, &names));
    assert!(outcomes.len() > 100, "only {} outcomes", outcomes.len());
    assert!(
        outcomes.iter().all(|o| o.failure.is_none() || o.known.is_some()),
        "see the table"
    );
}
