//! What the program says where a tool, a project or its reader is missing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROTO: &str = "syntax = \"proto3\";
package shop.v1;
option go_package = \"example.com/shop/gen/shop/v1;shopv1\";
message Item { string sku = 1; }
";

/// A folder with a project, and a PATH of its own with nothing on it; it goes when the test ends.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = format!("tools-{}-{name}", std::process::id());
        let place = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder));
        place.write("path/README", "");
        place.write(
            "actorbridge.toml",
            "[proto]\ninclude = [\"proto\"]\n[go]\nout = \"gen\"\n",
        );
        place.write("go.mod", "module example.com/shop\n");
        place.write("proto/shop.proto", PROTO);
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Puts a program on the PATH: a shell script.
    fn tool(&self, name: &str, script: &str) {
        let path = format!("path/{name}");
        self.write(&path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(0o755)).expect("it can be run");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_actorbridge"));
        program.args(arguments).current_dir(&self.0).env_remove("CGO_ENABLED");
        program.env("PATH", self.0.join("path"));
        program
    }

    /// What it prints, and says when it fails.
    fn run(&self, arguments: &[&str]) -> (String, String) {
        let Output { stdout, stderr, .. } = self.command(arguments).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").trim_end().to_owned();
        (text(stdout), text(stderr))
    }

    /// The report's line of a check, without the check's name.
    fn doctor(&self, check: &str) -> String {
        let (report, _) = self.run(&["doctor"]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines = report.lines().map(words);
        let found = lines.find_map(|line| {
            let (state, rest) = line.split_once(' ')?;
            Some(format!("{state} {}", rest.strip_prefix(check)?.trim_start()))
        });
        found.unwrap_or_else(|| panic!("no line of {check}:\n{report}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind is in the build folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_missing_tool_is_named_with_where_to_get_it_by_every_command() {
    let place = Place::new("none");
    let (rust, go) = (
        "rustc is missing; install Rust from https://rustup.rs",
        "go is missing; install Go 1.26 or newer from https://go.dev/dl",
    );
    assert_eq!(place.run(&["build"]).1, rust);
    assert_eq!(place.run(&["gen"]).1, go);
    assert_eq!(place.doctor("rust"), format!("BAD {rust}"));
    assert_eq!(place.doctor("go"), format!("BAD {go}"));
    for check in ["cgo", "C ABI"] {
        assert_eq!(
            place.doctor(check),
            "note not looked at without a fit go; install Go 1.26 or newer from https://go.dev/dl"
        );
    }
}

#[test]
fn cgo_that_is_off_only_for_want_of_a_c_compiler_is_mended_by_one() {
    let place = Place::new("no-gcc");
    let go = "case $2 in GOVERSION) echo go1.26.0;; CC) echo gcc;; CGO_ENABLED) echo 0;; esac";
    place.tool("go", go);
    assert_eq!(
        place.doctor("compiler"),
        "BAD gcc does not run; `apt-get install build-essential`, or set CC"
    );
    assert_eq!(
        place.doctor("cgo"),
        "note off without a C compiler: only the remote and the sidecar door work; `apt-get install build-essential`, or set CC"
    );
    place.tool("gcc", "echo gcc 12");
    assert_eq!(
        place.doctor("cgo"),
        "note off: only the remote and the sidecar door work; `go env -w CGO_ENABLED=1`"
    );
}

#[test]
fn a_package_that_is_not_built_is_built_as_the_project_does() {
    let place = Place::new("archive");
    assert_eq!(
        place.doctor("archive"),
        "note ./rustcore is not built; `actorbridge build`"
    );
    place.write("Makefile", "build: gen ## the Go package\n");
    assert_eq!(place.doctor("archive"), "note ./rustcore is not built; `make build`");
    assert_eq!(
        place.doctor("versions"),
        "note there is no ./rust/Cargo.lock before the first build; `make build`"
    );
}

#[test]
fn a_project_that_is_not_there_is_bad_where_it_was_named() {
    let place = Place::new("nowhere");
    let said = "there is no nowhere/actorbridge.toml; go to a project's folder, or say --project DIR";
    assert_eq!(place.run(&["build", "--project", "nowhere"]).1, said);
    let (report, _) = place.run(&["doctor", "--project", "nowhere"]);
    assert!(report.contains(&format!("BAD   project        {said}")), "{report}");
    fs::remove_file(place.0.join("actorbridge.toml")).expect("removed");
    assert_eq!(
        place.doctor("project"),
        "note none here: only the machine was looked at; go to a project's folder, or say --project DIR"
    );
    place.write("actorbridge.toml", "speed = 3\n");
    assert!(
        place
            .doctor("project")
            .starts_with("BAD ./actorbridge.toml:1:1: unknown"),
        "one that is not understood is no missing one"
    );
}

#[test]
fn a_reader_that_has_gone_ends_nothing_in_a_panic() {
    let place = Place::new("pipe");
    for arguments in [&["doctor"][..], &["doctor", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.ends_with("have to be mended\n"), "{said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
    }
}
