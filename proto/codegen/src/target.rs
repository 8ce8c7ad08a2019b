//! Which schema files are compiled, and where their output goes.

use std::path::{Path, PathBuf};

/// One set of schema files with one place for each language's output.
pub(crate) struct Target {
    /// Files, relative to their include folder.
    pub(crate) files: &'static [&'static str],
    /// Include folders, the files' own first.
    pub(crate) includes: &'static [&'static str],
    /// Where the Rust types go.
    pub(crate) rust: &'static str,
    /// Where the Go module that holds the Go types starts, and its import path.
    pub(crate) go: (&'static str, &'static str),
    /// Paths of types that live in another crate, for prost.
    pub(crate) extern_paths: &'static [(&'static str, &'static str)],
}

/// The project's own schema: the one whose changes are watched, and the source of the error tables.
pub(crate) const SCHEMA: &Target = &Target {
    files: &[
        "actorbridge/v1/envelope.proto",
        "actorbridge/v1/errors.proto",
        "actorbridge/v1/frame.proto",
        "actorbridge/v1/options.proto",
        "actorbridge/v1/system.proto",
    ],
    includes: &["proto"],
    rust: "proto/src/generated",
    go: ("go-client", "github.com/actorbridge/actorbridge/go-client"),
    extern_paths: &[],
};

/// Everything that is generated from schema files.
pub(crate) const ALL: &[&Target] = &[
    SCHEMA,
    &Target {
        files: &["actorbridge/test/v1/test.proto"],
        includes: &["compat-tests/proto", "proto"],
        rust: "compat-tests/peer-rust/src/generated",
        go: ("go-client", "github.com/actorbridge/actorbridge/go-client"),
        extern_paths: &[(".actorbridge.v1", "::actorbridge_proto::v1")],
    },
    &Target {
        files: &["flights/v1/flights.proto"],
        includes: &["examples/handover/proto", "proto"],
        rust: "examples/handover/rust/src/generated",
        go: (
            "examples/handover",
            "github.com/actorbridge/actorbridge/examples/handover",
        ),
        extern_paths: &[(".actorbridge.v1", "::actorbridge_proto::v1")],
    },
    &Target {
        files: &["hello/v1/hello.proto"],
        includes: &["examples/hello/proto", "proto"],
        rust: "examples/hello/rust/src/generated",
        go: ("examples/hello", "github.com/actorbridge/actorbridge/examples/hello"),
        extern_paths: &[(".actorbridge.v1", "::actorbridge_proto::v1")],
    },
];

impl Target {
    /// The encoded descriptor set with imports and comments, for generators.
    pub(crate) fn compile(&self, root: &Path) -> Result<Vec<u8>, String> {
        self.encode(root, true)
    }

    /// The encoded descriptor set without imports and comments: what the breaking check keeps.
    pub(crate) fn fingerprint(&self, root: &Path) -> Result<Vec<u8>, String> {
        self.encode(root, false)
    }

    fn encode(&self, root: &Path, whole: bool) -> Result<Vec<u8>, String> {
        let includes: Vec<PathBuf> = self.includes.iter().map(|i| root.join(i)).collect();
        let mut compiler = protox::Compiler::new(&includes).map_err(|e| e.to_string())?;
        compiler.include_imports(whole).include_source_info(whole);
        for file in self.files {
            compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
        }
        Ok(compiler.encode_file_descriptor_set())
    }
}
