//! `actorbridge build`: the user's Rust actors as a Go package that links them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use actorbridge_gen::not_started;
use clap::Args;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{capture, project};

/// Build the Rust actors, and the Go package that links them
#[derive(Args)]
pub(crate) struct Build {
    /// Folder of the project, with its actorbridge.toml
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Cargo profile to build with
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    /// Rust target to build for, such as aarch64-unknown-linux-gnu; this machine's if it is not given
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// A Go platform, and what a program on it links beside the archive.
struct Platform {
    go: &'static str,
    link: &'static str,
}

const LINUX: &str = "-lm -ldl -lpthread";
/// Rust targets and their Go platforms.
const PLATFORMS: &[(&str, Platform)] = &[
    (
        "x86_64-unknown-linux-gnu",
        Platform {
            go: "linux_amd64",
            link: LINUX,
        },
    ),
    (
        "aarch64-unknown-linux-gnu",
        Platform {
            go: "linux_arm64",
            link: LINUX,
        },
    ),
    (
        "x86_64-unknown-linux-musl",
        Platform {
            go: "linux_amd64",
            link: LINUX,
        },
    ),
    (
        "aarch64-unknown-linux-musl",
        Platform {
            go: "linux_arm64",
            link: LINUX,
        },
    ),
    (
        "x86_64-apple-darwin",
        Platform {
            go: "darwin_amd64",
            link: "-lm",
        },
    ),
    (
        "aarch64-apple-darwin",
        Platform {
            go: "darwin_arm64",
            link: "-lm",
        },
    ),
];

/// Two archives in one program would link silently, and one's actors would be missing: this makes the linker say so.
const ONLY_C: &str = "\
//go:build cgo

/* Made by `actorbridge build`. Two archives in one program would link silently, and one's actors would be missing: this
   makes the linker say so. */
int ab_exactly_one_library_package_may_be_imported = 1;
";

impl Build {
    /// Builds the crate and writes the package; says where it is.
    pub(crate) fn run(&self) -> Result<String, String> {
        let config = project(&self.project)?;
        let (rust_crate, go_package) = (
            config.root.join(&config.build.rust_crate),
            config.root.join(&config.build.go_package),
        );
        let triple = match &self.target {
            Some(triple) => triple.clone(),
            None => host()?,
        };
        let platform = platform_of(&triple)?;
        let library = library_of(&rust_crate)?;
        let archive = self.compile(&rust_crate, &library)?;
        let package = package_name(&go_package)?;
        let file = format!("lib/{}/lib{}.a", platform.go, library.name);
        let (size, sum) = install(&archive, &go_package.join(&file))?;
        for (name, content) in files(&package, platform, &file, &sum) {
            write_if_new(&go_package.join(name), content.as_bytes())?;
        }
        let path = go_package.display();
        Ok(format!(
            "{path}: Rust actors for {} ({:.1} MB)",
            platform.go,
            size as f64 / 1e6
        ))
    }

    fn compile(&self, manifest: &Path, library: &Library) -> Result<PathBuf, String> {
        let mut cargo = Command::new("cargo");
        // The static library alone: beside an `rlib` cargo leaves out the optimisation across crates that the profile asks for.
        cargo.args([
            "rustc",
            "--lib",
            "--crate-type",
            "staticlib",
            "--profile",
            &self.profile,
            "--manifest-path",
        ]);
        cargo.arg(manifest.join("Cargo.toml"));
        let mut folder = library.target.clone();
        if let Some(triple) = &self.target {
            cargo.args(["--target", triple]);
            folder.push(triple);
        }
        let status = cargo.status().map_err(|e| not_started(&cargo, &e, "").to_string())?;
        if !status.success() {
            return Err("the Rust crate does not build; what cargo says is above".into());
        }
        folder.push(if self.profile == "dev" { "debug" } else { &self.profile });
        Ok(folder.join(format!("lib{}.a", library.name)))
    }
}

fn host() -> Result<String, String> {
    let said = capture(Command::new("rustc").arg("-vV"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".into())
}

fn platform_of(triple: &str) -> Result<&'static Platform, String> {
    let known = PLATFORMS.iter().find(|(name, _)| *name == triple);
    known.map(|(_, platform)| platform).ok_or_else(|| {
        let names: Vec<&str> = PLATFORMS.iter().map(|(name, _)| *name).collect();
        format!(
            "no Go package is made for the target {triple}; choose one of {}",
            names.join(", ")
        )
    })
}

/// The static library that a crate makes.
struct Library {
    name: String,
    target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

fn library_of(folder: &Path) -> Result<Library, String> {
    let manifest = folder.join("Cargo.toml");
    let manifest = fs::canonicalize(&manifest).map_err(|e| {
        format!(
            "{}: {e}; say in actorbridge.toml where the Rust crate is: [build] crate = \"rust\"",
            manifest.display()
        )
    })?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(&manifest);
    let metadata: Metadata = serde_json::from_str(&capture(&mut cargo)?).map_err(|e| format!("cargo metadata: {e}"))?;
    let package = metadata
        .packages
        .into_iter()
        .find(|package| package.manifest_path == manifest);
    let targets = package.map(|package| package.targets).unwrap_or_default();
    let library = targets
        .into_iter()
        .find(|target| target.crate_types.iter().any(|kind| kind == "staticlib"));
    let library = library.ok_or_else(|| {
        format!(
            "{} makes no static library; add [lib] crate-type = [\"staticlib\", \"rlib\"]",
            manifest.display()
        )
    })?;
    Ok(Library {
        name: library.name.replace('-', "_"),
        target: metadata.target_directory,
    })
}

/// Puts the archive, without debug lines, where the package links it; an equal one is left alone, so that Go does not link
/// anew. Returns its size and its SHA-256.
fn install(archive: &Path, to: &Path) -> Result<(u64, String), String> {
    let say = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| format!("{path}: {e}")
    };
    let folder = to.parent().expect("an archive is in a folder");
    fs::create_dir_all(folder).map_err(say(folder))?;
    let stripped = to.with_extension("new");
    let strip = Command::new("strip")
        .arg("-S")
        .arg("-o")
        .arg(&stripped)
        .arg(archive)
        .status();
    if !strip.is_ok_and(|status| status.success()) {
        fs::copy(archive, &stripped).map_err(say(archive))?; // strip knows another platform's objects only by luck
    }
    let new = fs::read(&stripped).map_err(say(&stripped))?;
    if fs::read(to).ok().as_deref() == Some(&new) {
        fs::remove_file(&stripped).map_err(say(&stripped))?;
    } else {
        fs::rename(&stripped, to).map_err(say(to))?;
    }
    let sum = Sha256::digest(&new).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((new.len() as u64, sum))
}

fn package_name(folder: &Path) -> Result<String, String> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    match valid {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "{name:?} is not a Go package's name; take lower-case letters and digits"
        )),
    }
}

/// The package around the archive: its documentation, the guard against a second one, the platform's linker flags, and what the
/// archive is now. Only the last changes with the Rust code.
fn files(package: &str, platform: &Platform, archive: &str, sum: &str) -> [(String, String); 4] {
    let doc = format!(
        "// Package {package} links this project's Rust actors into the Go program that imports it. Exactly one such package
\
         // may be imported. Made by `actorbridge build`.
package {package}
"
    );
    let flags = format!(
        "//go:build cgo\n\npackage {package}\n\n// #cgo LDFLAGS: ${{SRCDIR}}/{archive} {}\nimport \"C\"\n",
        platform.link
    );
    let sum = format!(
        "//go:build cgo\n\npackage {package}\n\n// sum is what the library in lib is now: Go looks at none that it links, and would not \
         notice a new one.\nvar sum = \"{sum}\"\n"
    );
    [
        (format!("{package}.go"), doc),
        ("only.c".into(), ONLY_C.into()),
        (format!("{package}_{}.go", platform.go), flags),
        (format!("sum_{}.go", platform.go), sum),
    ]
}

fn write_if_new(path: &Path, content: &[u8]) -> Result<(), String> {
    if fs::read(path).ok().as_deref() == Some(content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|e| format!("{}: {e}", path.display()))
}
