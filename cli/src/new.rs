//! `actorbridge new`: a project that runs, to begin with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

/// Make a project with a Go and a Rust actor, to begin with
#[derive(Args)]
pub(crate) struct New {
    /// The project's name: lower-case letters and digits, beginning with a letter. It becomes a folder, a Go module, a Rust
    /// crate and a proto package
    name: String,
    /// Folder to make it in
    #[arg(long, value_name = "DIR", default_value = ".")]
    parent: PathBuf,
}

/// Each file of a new project with its content. `{{name}}` stands for the project's name in both.
const FILES: &[(&str, &str)] = &[
    (".gitignore", include_str!("../template/gitignore")),
    ("Makefile", include_str!("../template/Makefile")),
    ("README.md", include_str!("../template/README.md")),
    ("actorbridge.toml", include_str!("../template/actorbridge.toml")),
    ("cart.go", include_str!("../template/cart.go.in")),
    ("cart_test.go", include_str!("../template/cart_test.go.in")),
    ("go.mod", include_str!("../template/go.mod.in")),
    ("go.sum", include_str!("../../go-client/go.sum")),
    ("main.go", include_str!("../template/main.go.in")),
    (
        "proto/{{name}}/v1/{{name}}.proto",
        include_str!("../template/proto/schema.proto"),
    ),
    ("rust/Cargo.lock", include_str!("../../Cargo.lock")),
    ("rust/Cargo.toml", include_str!("../template/rust/Cargo.toml.in")),
    ("rust/src/lib.rs", include_str!("../template/rust/src/lib.rs.in")),
    ("rust/src/main.rs", include_str!("../template/rust/src/main.rs.in")),
    ("rust/src/pricer.rs", include_str!("../template/rust/src/pricer.rs.in")),
];

/// The Go client's own requirements: the versions that a project begins with.
const GO_CLIENT: &str = include_str!("../../go-client/go.mod");

/// Words that would be no name for a Go package or a Rust module.
const KEYWORDS: &[&str] = &[
    "abstract",
    "async",
    "await",
    "become",
    "box",
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "crate",
    "default",
    "defer",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "fallthrough",
    "false",
    "final",
    "fn",
    "for",
    "func",
    "gen",
    "go",
    "goto",
    "if",
    "impl",
    "import",
    "in",
    "interface",
    "internal",
    "let",
    "loop",
    "macro",
    "main",
    "map",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "package",
    "priv",
    "pub",
    "range",
    "ref",
    "return",
    "rust",
    "rustcore",
    "select",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "switch",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "var",
    "vendor",
    "virtual",
    "where",
    "while",
    "yield",
    "actorbridge",
    "prost",
    "pricer",
    "cart",
    "core",
    "alloc",
];

impl New {
    /// Writes the project; says what to do next.
    pub(crate) fn run(&self) -> Result<String, String> {
        let name = valid(&self.name)?;
        let checkout = checkout()?;
        let program = env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
        let folder = self.parent.join(name);
        if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!(
                "{} is there already; take another name, or --parent DIR",
                folder.display()
            ));
        }
        for (path, content) in FILES {
            let fill = |text: &str| {
                text.replace("{{name}}", name)
                    .replace("{{requires}}", &requires())
                    .replace("{{program}}", &program.display().to_string())
                    .replace("{{checkout}}", &checkout.display().to_string())
            };
            write(&folder.join(fill(path)), &fill(content))?;
        }
        Ok(format!(
            "{}: a Go program with a Go and a Rust actor\n  cd {} && make run\n  make test   the tests of both languages",
            folder.display(),
            folder.display()
        ))
    }
}

fn valid(name: &str) -> Result<&str, String> {
    let letters = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !letters || name.len() > 40 {
        return Err(format!(
            "{name:?} is no project's name; take up to 40 lower-case letters and digits, such as shop"
        ));
    }
    match KEYWORDS.contains(&name) {
        true => Err(format!(
            "{name:?} means something in Go, Rust or this project; take another name, such as {name}app"
        )),
        false => Ok(name),
    }
}

/// Where this program was built: nothing is published yet, so a new project depends on the sources there.
fn checkout() -> Result<PathBuf, String> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(&built).ok().filter(|path| path.join("bridge/Cargo.toml").exists()).ok_or_else(|| {
        format!("{}, where this program was built, is gone, and a new project needs its sources; build it again from a checkout",
            built.display())
    })
}

/// The `require` blocks of the Go client: a project that depends on it needs them all.
fn requires() -> String {
    let inside = GO_CLIENT.split("require (").skip(1);
    let blocks = inside
        .filter_map(|rest| rest.split_once(')'))
        .map(|(block, _)| format!("require ({block})"));
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    let say = |e: std::io::Error| format!("{}: {e}", path.display());
    fs::create_dir_all(path.parent().expect("a file is in a folder")).map_err(say)?;
    fs::write(path, content).map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_language_would_not_take_are_refused_with_a_reason() {
        for good in ["shop", "a1", "orders2"] {
            assert_eq!(valid(good), Ok(good));
        }
        for bad in [
            "",
            "Shop",
            "1st",
            "my-shop",
            "my_shop",
            "../x",
            "läden",
            &"x".repeat(41),
        ] {
            assert!(valid(bad).expect_err("refused").contains("lower-case letters"), "{bad}");
        }
        assert!(valid("type").expect_err("refused").contains("take another name"));
    }

    #[test]
    fn every_place_holder_is_filled() {
        let parent = env::temp_dir().join(format!("actorbridge-new-{}", std::process::id()));
        let new = New {
            name: "orders".into(),
            parent: parent.clone(),
        };
        let said = new.run().expect("written");
        assert!(said.contains("make run"));
        for (path, _) in FILES {
            let path = parent.join("orders").join(path.replace("{{name}}", "orders"));
            let text = fs::read_to_string(&path).expect("written");
            assert!(!text.contains("{{"), "{}", path.display());
        }
        assert!(new.run().expect_err("refused").contains("there already"));
        fs::remove_dir_all(&parent).expect("removed");
    }
}
