//! What the lock file and the generated code say of a message.

use std::fs;
use std::path::Path;

use actorbridge_gen::Config;

use crate::project::Project;

#[test]
fn the_lock_file_is_readable_and_sorted_by_name() {
    let project = Project::of(
        "message B { map<string, int64> prices = 1; repeated A as = 2; optional bool set = 3; oneof x { string y = 4; } }
message A { bytes raw = 1; C c = 2; }
enum C { C_UNSPECIFIED = 0; C_RED = 5; }
",
    );
    assert_eq!(project.run(), "");
    let lock = project.read("actorbridge.lock");
    let shown: Vec<&str> = lock
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split(" sha256:").next().unwrap_or(l))
        .collect();
    assert_eq!(
        shown.join("\n"),
        "
message shop.v1.A
  version 1 min_reader 1
    1 raw bytes
    2 c shop.v1.C

message shop.v1.B
  version 1 min_reader 1
    1 prices map<string, int64>
    2 as repeated shop.v1.A
    3 set optional bool
    4 y string in oneof x

enum shop.v1.C
    0 C_UNSPECIFIED
    5 C_RED"
    );
}

#[test]
fn every_message_has_its_version_in_rust_nested_ones_too() {
    let project = Project::of(
        "message Outer { message Inner { option (actorbridge.v1.message) = { version: 3, min_reader: 2 }; } Inner i = 1; }\n",
    );
    assert_eq!(project.generate(&project.config().amend("shop.v1.Outer.Inner")), "");
    let rust = project.read("gen/shop.v1.rs");
    let inner = "impl ::actorbridge::Versioned for outer::Inner {\n    const VERSION: u32 = 3;\n    const MIN_READER: u32 = 2;\n";
    assert!(rust.contains(inner), "{rust}");
}

#[test]
fn a_build_script_writes_into_its_own_folder_and_needs_no_lock_file() {
    let project = Project::of("message Item { string sku = 1; }\n");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("out-dir-{}", std::process::id()));
    let config = Config::new(&project.config().root).include("proto").rust(&out);
    assert_eq!(project.generate(&config), "");
    // A crate includes mod.rs, which includes what is beside it.
    let modules = fs::read_to_string(out.join("mod.rs")).expect("it is written");
    assert!(
        modules.contains("pub mod shop {\n    pub mod v1 {\n        include!(\"shop.v1.rs\");\n"),
        "{modules}"
    );
    assert!(out.join("shop.v1.rs").is_file());
    let _ = fs::remove_dir_all(out);
}
