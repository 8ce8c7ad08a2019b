//! `actorbridge gen` as people and CI run it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const PROTO: &str = "syntax = \"proto3\";
package shop.v1;
import \"actorbridge/v1/options.proto\";
message Item {
  option (actorbridge.v1.message) = { version: 1 };
  string sku = 1;
}
";

/// A project in a folder of its own; it goes when the test ends.
struct Project(PathBuf);

impl Project {
    fn new(name: &str) -> Self {
        let folder = format!("cli-{}-{name}", std::process::id());
        let project = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder));
        fs::create_dir_all(project.0.join("proto")).expect("a folder");
        project.write(
            "actorbridge.toml",
            "[proto]\ninclude = [\"proto\"]\n[rust]\nout = \"gen\"\n",
        );
        project.write("proto/shop.proto", PROTO);
        project
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).expect("the file can be written");
    }

    fn gen_with(&self, arguments: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_actorbridge"));
        program.arg("gen").args(arguments).current_dir(&self.0);
        program.output().expect("the program starts")
    }

    /// What it says when it succeeds.
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.gen_with(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// What it says when it fails.
    fn bad(&self, arguments: &[&str]) -> String {
        let output = self.gen_with(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What is left behind is in the build folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_check_writes_nothing_and_names_what_is_stale() {
    let project = Project::new("check");
    let stale = "stale, run `actorbridge gen` and commit:\n  actorbridge.lock\n  gen/mod.rs\n  gen/shop.v1.rs\n\
                 actorbridge.lock is not there: if version control has it, take it from there first";
    assert_eq!(project.bad(&["--check"]), stale);
    assert_eq!(project.bad(&["--check"]), stale, "it wrote nothing");
    let wrote = project.good(&[]);
    assert_eq!(
        wrote,
        "wrote 3 of 3 generated files:\n  actorbridge.lock\n  gen/mod.rs\n  gen/shop.v1.rs"
    );
    assert_eq!(project.good(&["--check"]), "3 generated files are up to date");
    fs::remove_file(project.0.join("gen/mod.rs")).expect("removed");
    assert_eq!(
        project.bad(&["--check"]),
        "stale, run `actorbridge gen` and commit:\n  gen/mod.rs"
    );
}

#[test]
fn a_change_of_a_released_version_fails_and_an_unreleased_one_is_amended() {
    let project = Project::new("amend");
    project.good(&[]);
    project.write(
        "proto/shop.proto",
        &PROTO.replace("sku = 1;", "sku = 1; uint32 qty = 2;"),
    );
    for arguments in [&["--check"][..], &[]] {
        let said = project.bad(arguments);
        assert!(
            said.starts_with("proto/shop.proto:6:19: shop.v1.Item has a new field qty = 2"),
            "{said}"
        );
    }
    project.good(&["--amend", "shop.v1.Item"]);
    project.good(&["--check"]);
}

#[test]
fn a_lost_lock_file_is_said_to_be_in_version_control() {
    let project = Project::new("lost");
    project.good(&[]);
    project.write(
        "proto/shop.proto",
        &PROTO
            .replace("version: 1", "version: 2")
            .replace("sku = 1;", "sku = 1; uint32 qty = 2;"),
    );
    project.good(&[]);
    fs::remove_file(project.0.join("actorbridge.lock")).expect("removed");
    for arguments in [&["--check"][..], &[]] {
        let said = project.bad(arguments);
        assert!(said.contains("take actorbridge.lock from version control"), "{said}");
        assert!(!project.0.join("actorbridge.lock").exists());
    }
    project.good(&["--amend", "shop.v1.Item"]);
    project.good(&["--check"]);
}

#[test]
fn the_configuration_may_be_elsewhere_and_its_paths_are_relative_to_it() {
    let project = Project::new("config");
    let elsewhere = project.0.join("proto");
    let mut program = Command::new(env!("CARGO_BIN_EXE_actorbridge"));
    let config = program
        .args(["gen", "--config", "../actorbridge.toml"])
        .current_dir(elsewhere);
    let output = config.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(project.0.join("gen/shop.v1.rs").is_file());
}

#[test]
fn without_a_configuration_it_is_said_where_one_is_looked_for() {
    let project = Project::new("nowhere");
    let said = project.bad(&["--config", "other.toml"]);
    assert!(said.starts_with("other.toml: No such file"), "{said}");
    assert!(said.ends_with("or say where it is with --config"), "{said}");
}
