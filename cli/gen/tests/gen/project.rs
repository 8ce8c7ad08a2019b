//! A project in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use actorbridge_gen::Config;

/// A folder with a schema; it goes when the test ends.
pub(crate) struct Project {
    root: PathBuf,
}

/// What stands above the declarations of a test.
pub(crate) const HEAD: &str = "syntax = \"proto3\";
package shop.v1;
import \"actorbridge/v1/options.proto\";
import \"google/protobuf/empty.proto\";
";

impl Project {
    /// A project whose one file is `proto/shop.proto`.
    pub(crate) fn new(proto: &str) -> Self {
        Self::at("proto/shop.proto", proto)
    }

    /// A project with one file.
    pub(crate) fn at(path: &str, proto: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gen-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let project = Self {
            root: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
        };
        project.write(path, proto);
        project
    }

    /// The same with [`HEAD`] above it, which is four lines.
    pub(crate) fn of(declarations: &str) -> Self {
        Self::new(&format!("{HEAD}{declarations}"))
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    /// A file's text.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Rust output and a lock file.
    pub(crate) fn config(&self) -> Config {
        Config::new(&self.root)
            .include("proto")
            .rust("gen")
            .lock("actorbridge.lock")
    }

    /// What is said to be wrong, without the folder's own path; empty = it was generated and written.
    pub(crate) fn generate(&self, config: &Config) -> String {
        let done = config.generate().and_then(|generated| generated.write());
        let said = done.err().map_or_else(String::new, |problems| problems.to_string());
        self.shown(&said)
    }

    /// The same with [`Project::config`].
    pub(crate) fn run(&self) -> String {
        self.generate(&self.config())
    }

    /// What the program says to a configuration file.
    pub(crate) fn run_toml(&self, toml: &str) -> String {
        self.write("actorbridge.toml", toml);
        match Config::read(self.root.join("actorbridge.toml")) {
            Ok(config) => self.generate(&config),
            Err(problems) => self.shown(&problems.to_string()),
        }
    }

    fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.display()), "")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What is left behind is in the build folder.
        let _ = fs::remove_dir_all(&self.root);
    }
}
