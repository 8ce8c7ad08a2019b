//! Makes the generated sources that are committed: Rust and Go types, without protoc.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use prost::Message;

mod go;
mod rust;

/// One set of schema files with one place for each language's output.
pub struct Target {
    /// Files, relative to their include folder.
    pub files: &'static [&'static str],
    /// Include folders, the files' own first.
    pub includes: &'static [&'static str],
    /// Where the Rust types go.
    pub rust: &'static str,
    /// Where the Go module that holds the Go types starts, and its import path.
    pub go: (&'static str, &'static str),
    /// Paths of types that live in another crate, for prost.
    pub extern_paths: &'static [(&'static str, &'static str)],
}

const TARGETS: &[Target] = &[
    Target {
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
    },
    Target {
        files: &["actorbridge/test/v1/test.proto"],
        includes: &["compat-tests/proto", "proto"],
        rust: "compat-tests/src/generated",
        go: ("go-client", "github.com/actorbridge/actorbridge/go-client"),
        extern_paths: &[(".actorbridge.v1", "::actorbridge_proto::v1")],
    },
    Target {
        files: &["flights/v1/flights.proto"],
        includes: &["examples/handover/proto", "proto"],
        rust: "examples/handover/rust/src/generated",
        go: (
            "examples/handover",
            "github.com/actorbridge/actorbridge/examples/handover",
        ),
        extern_paths: &[(".actorbridge.v1", "::actorbridge_proto::v1")],
    },
];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for target in TARGETS {
        if let Err(problem) = generate(&root, target) {
            eprintln!("generate: {}: {problem}", target.files[0]);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn generate(root: &Path, target: &Target) -> Result<(), String> {
    let includes: Vec<PathBuf> = target.includes.iter().map(|i| root.join(i)).collect();
    let mut compiler = protox::Compiler::new(&includes).map_err(|e| e.to_string())?;
    compiler.include_imports(true).include_source_info(true);
    for file in target.files {
        compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
    }
    let encoded = compiler.encode_file_descriptor_set();
    rust::write(root, target, &encoded)?;
    go::write(root, target, &encoded)
}

/// Runs a command with `input` on its standard input and returns its standard output.
pub fn pipe(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{command:?} does not start: {e}"))?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    writer.join().expect("writer thread").map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("{command:?} failed with {}", output.status));
    }
    Ok(output.stdout)
}

/// Decodes any protobuf message with a readable error.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, String> {
    M::decode(bytes).map_err(|e| format!("{} does not decode: {e}", std::any::type_name::<M>()))
}
