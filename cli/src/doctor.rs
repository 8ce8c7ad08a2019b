//! `actorbridge doctor`: is this machine, and the project in it, fit to build and run?

mod signals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use actorbridge_gen::{Config, install};
use clap::Args;
use serde::Serialize;

use crate::{capture, print, project};

/// Check this machine and the project: a line each, with the command that mends it
#[derive(Args)]
pub(crate) struct Doctor {
    /// Folder of the project, with its actorbridge.toml; this one if it is not given
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Print JSON: a list of {check, state, finding, mend}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Bad,
}

/// One line of the report.
#[derive(Serialize, Debug)]
struct Finding {
    check: &'static str,
    state: State,
    finding: String,
    /// The command that mends it; empty if nothing is wrong.
    mend: String,
}

impl Finding {
    fn good(check: &'static str, finding: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Good,
            finding: finding.into(),
            mend: String::new(),
        }
    }

    fn bad(check: &'static str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Bad,
            finding: finding.into(),
            mend: mend.into(),
        }
    }

    fn warning(check: &'static str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Warning,
            finding: finding.into(),
            mend: mend.into(),
        }
    }

    fn line(&self) -> String {
        let sign = match self.state {
            State::Good => "ok  ",
            State::Warning => "note",
            State::Bad => "BAD ",
        };
        let mend = if self.mend.is_empty() {
            String::new()
        } else {
            format!("; {}", self.mend)
        };
        format!("{sign}  {:<14} {}{mend}", self.check, self.finding)
    }
}

/// The C header that this program's version goes with.
const HEADER: &str = include_str!("../../ffi/include/actorbridge.h");
const OLDEST_RUST: [u32; 2] = [1, 90];
const OLDEST_GO: [u32; 2] = [1, 26];

impl Doctor {
    /// Prints the report; the error says how many findings are bad.
    pub(crate) fn run(&self) -> Result<String, String> {
        let findings = self.findings();
        let report = if self.json {
            serde_json::to_string_pretty(&findings).map_err(|e| e.to_string())?
        } else {
            findings.iter().map(Finding::line).collect::<Vec<_>>().join("\n")
        };
        print(&report)?;
        match findings.iter().filter(|finding| finding.state == State::Bad).count() {
            0 => Ok(String::new()),
            1 => Err("one thing has to be mended".into()),
            n => Err(format!("{n} things have to be mended")),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let (rust, go, compiler) = (rust(), go(), compiler());
        let (has_go, cgo) = (go.state != State::Bad, cgo(&go, &compiler));
        let mut findings = vec![rust, go, compiler, cgo, threads(), glibc()];
        let folder = self.project.as_deref().unwrap_or(Path::new("."));
        match project(folder) {
            Ok(config) => findings.extend(of_project(folder, &config, has_go)),
            Err(_) if self.project.is_none() && !folder.join("actorbridge.toml").exists() => {
                let finding = "none here: only the machine was looked at";
                findings.push(Finding::warning(
                    "project",
                    finding,
                    "go to a project's folder, or say --project DIR",
                ));
            }
            Err(why) => findings.push(Finding::bad("project", why, "")),
        }
        findings
    }
}

fn of_project(folder: &Path, config: &Config, has_go: bool) -> [Finding; 4] {
    let rust_crate = config.root.join(&config.build.rust_crate);
    let package = config.root.join(&config.build.go_package);
    let build = build_command(&config.root);
    let c_abi = match has_go {
        true => c_abi(folder),
        false => Finding::warning("C ABI", "not looked at without a fit go", mend_of("go")),
    };
    [
        versions(&rust_crate, &build),
        signals::check(&rust_crate, &package),
        c_abi,
        archive(&package, &build),
    ]
}

/// How the project is built: its own Makefile knows the profile, with which nothing is compiled twice.
fn build_command(root: &Path) -> String {
    let makefile = fs::read_to_string(root.join("Makefile")).unwrap_or_default();
    let own = makefile.lines().any(|line| line.starts_with("build:"));
    let command = if own { "`make build`" } else { "`actorbridge build`" };
    match root.as_os_str().is_empty() || root == Path::new(".") {
        true => command.to_owned(),
        false => format!("{command} in {}", root.display()),
    }
}

/// What to do where a program of Rust or Go is missing.
fn mend_of(program: &str) -> &'static str {
    install(program).unwrap_or_default()
}

fn at_least(version: &str, oldest: [u32; 2]) -> bool {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    [parts.next().unwrap_or(0), parts.next().unwrap_or(0)] >= oldest
}

fn rust() -> Finding {
    const MEND: &str = "`rustup update stable`";
    let Ok(said) = capture(Command::new("rustc").arg("--version")) else {
        return Finding::bad("rust", "rustc is missing", mend_of("rustc"));
    };
    let version = said.split_whitespace().nth(1).unwrap_or_default();
    match at_least(version, OLDEST_RUST) {
        true => Finding::good("rust", version),
        false => Finding::bad("rust", format!("{version} is older than 1.90"), MEND),
    }
}

fn go() -> Finding {
    let Ok(said) = capture(Command::new("go").args(["env", "GOVERSION"])) else {
        return Finding::bad("go", "go is missing", mend_of("go"));
    };
    let version = said.trim().trim_start_matches("go");
    match at_least(version, OLDEST_GO) {
        true => Finding::good("go", version),
        false => Finding::bad(
            "go",
            format!("{version} is older than 1.26"),
            "install a newer one from https://go.dev/dl",
        ),
    }
}

const COMPILER: &str = "`apt-get install build-essential`, or set CC";

fn compiler() -> Finding {
    let name = capture(Command::new("go").args(["env", "CC"])).unwrap_or_else(|_| "cc".into());
    let mut words = name.split_whitespace();
    let said = capture(Command::new(words.next().unwrap_or("cc")).args(words).arg("--version"));
    match said {
        Ok(said) => Finding::good("compiler", said.lines().next().unwrap_or_default()),
        Err(_) => Finding::bad("compiler", format!("{} does not run", name.trim()), COMPILER),
    }
}

/// Where nothing was said, Go turns cgo off if it finds no C compiler.
fn cgo(go: &Finding, compiler: &Finding) -> Finding {
    const OFF: &str = "only the remote and the sidecar door work";
    if go.state == State::Bad {
        return Finding::warning("cgo", "not looked at without a fit go", go.mend.as_str());
    }
    if compiler.state == State::Bad {
        return Finding::warning("cgo", format!("off without a C compiler: {OFF}"), COMPILER);
    }
    match capture(Command::new("go").args(["env", "CGO_ENABLED"])) {
        Ok(said) if said.trim() == "1" => Finding::good("cgo", "on: the native door works"),
        _ if std::env::var_os("CGO_ENABLED").is_some() => {
            Finding::warning("cgo", format!("off: {OFF}"), "`unset CGO_ENABLED`")
        }
        _ => Finding::warning("cgo", format!("off: {OFF}"), "`go env -w CGO_ENABLED=1`"),
    }
}

fn threads() -> Finding {
    let cores = available_parallelism().map_or(1, usize::from);
    let said = std::env::var("GOMAXPROCS").ok().and_then(|text| text.parse().ok());
    let (go, workers) = (said.unwrap_or(cores), cores.min(4));
    let finding = format!("{cores} cores: GOMAXPROCS {go}, and {workers} workers of the native door");
    match go > 2 * cores {
        true => Finding::warning(
            "threads",
            finding,
            "unset GOMAXPROCS, or choose the workers with native.Workers(n)",
        ),
        false => Finding::good("threads", finding),
    }
}

/// A program runs where the C library is at least the one that it was linked with.
fn glibc() -> Finding {
    let said = capture(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let version = said.as_deref().ok().and_then(|said| said.split_whitespace().nth(1));
    match version {
        Some(version) => Finding::good(
            "glibc",
            format!("what is linked here needs glibc {version} or newer where it runs"),
        ),
        None => Finding::good("glibc", "no glibc here: nothing to watch"),
    }
}

/// The version of a crate in a Cargo.lock.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let at = lock.find(&format!("name = \"{name}\"\n"))?;
    lock[at..]
        .lines()
        .nth(1)?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}

fn versions(folder: &Path, build: &str) -> Finding {
    let path = folder.join("Cargo.lock");
    let Ok(lock) = fs::read_to_string(&path) else {
        let finding = format!("there is no {} before the first build", path.display());
        return Finding::warning("versions", finding, build);
    };
    let mine = env!("CARGO_PKG_VERSION");
    match locked(&lock, "actorbridge-ffi") {
        Some(version) if version == mine => {
            Finding::good("versions", format!("actorbridge-ffi {version}, as this program"))
        }
        Some(version) => {
            let finding = format!("actorbridge-ffi is {version}, this program {mine}");
            Finding::bad(
                "versions",
                finding,
                format!("`cargo update -p actorbridge-ffi` in {}", folder.display()),
            )
        }
        None => {
            let finding = format!("{} has no actorbridge-ffi", path.display());
            Finding::bad(
                "versions",
                finding,
                format!(
                    "`cargo add actorbridge-ffi` in {}, then `cargo check`",
                    folder.display()
                ),
            )
        }
    }
}

/// Major and minor of the C ABI that a header describes: `#define AB_ABI_VERSION ((1 << 16) | 2)`.
fn abi(header: &str) -> Option<(u32, u32)> {
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix("#define AB_ABI_VERSION "))?;
    let (major, minor) = line.split_once('|').unwrap_or((line, "0"));
    let number = |text: &str| {
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    };
    Some((number(major)?, number(minor)?))
}

/// The Go client's header against the library's.
fn c_abi(project: &Path) -> Finding {
    const MODULE: &str = "github.com/actorbridge/actorbridge/go-client/native";
    let mut list = Command::new("go");
    list.args(["list", "-m", "-f", "{{.Dir}}", MODULE]).current_dir(project);
    let header = capture(&mut list)
        .ok()
        .and_then(|dir| fs::read_to_string(Path::new(dir.trim()).join("actorbridge.h")).ok());
    match (header.as_deref().and_then(abi), abi(HEADER)) {
        (Some(go), Some(rust)) if go.0 == rust.0 && rust.1 >= go.1 => {
            Finding::good("C ABI", format!("{}.{}, Go needs {}.{}", rust.0, rust.1, go.0, go.1))
        }
        (Some(go), Some(rust)) => {
            let finding = format!(
                "the Rust library has {}.{}, the Go client needs {}.{}",
                rust.0, rust.1, go.0, go.1
            );
            Finding::bad(
                "C ABI",
                finding,
                format!("`go get {MODULE}@v{}`", env!("CARGO_PKG_VERSION")),
            )
        }
        _ => Finding::warning(
            "C ABI",
            "this Go module has no native door",
            format!("`go get {MODULE}`"),
        ),
    }
}

fn archive(package: &Path, build: &str) -> Finding {
    match package.join("only.c").exists() {
        true => Finding::good("archive", format!("{} is there", package.display())),
        false => Finding::warning("archive", format!("{} is not built", package.display()), build),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, good) in [
            ("1.90.0", true),
            ("1.100.0-nightly", true),
            ("2.0", true),
            ("1.89.9", false),
            ("", false),
        ] {
            assert_eq!(at_least(version, [1, 90]), good, "{version}");
        }
    }

    #[test]
    fn the_header_says_its_abi_and_a_lock_its_versions() {
        assert!(abi(HEADER).is_some());
        assert_eq!(abi("#define AB_ABI_VERSION (1 << 16)\n"), Some((1, 0)));
        assert_eq!(abi("#define AB_ABI_VERSION ((2 << 16) | 13)\n"), Some((2, 13)));
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n";
        assert_eq!((locked(lock, "a"), locked(lock, "b")), (Some("1.2.3"), None));
    }

    #[test]
    fn a_finding_is_one_line_with_the_command_that_mends_it() {
        let line = Finding::bad("go", "1.20 is older than 1.26", "install a newer one").line();
        assert_eq!(
            line,
            "BAD   go             1.20 is older than 1.26; install a newer one"
        );
    }
}
