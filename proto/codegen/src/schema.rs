//! The schemas of the repository: its own, and those of tests and examples, which have an `actorbridge.toml` as users have.

use std::path::Path;

use actorbridge_gen::{Config, Rust};

/// The project's own schema: the one whose changes are watched, and the source of the error tables.
const OWN: [&str; 7] = [
    "actorbridge/v1/envelope.proto",
    "actorbridge/v1/errors.proto",
    "actorbridge/v1/frame.proto",
    "actorbridge/v1/options.proto",
    "actorbridge/v1/status.proto",
    "actorbridge/v1/system.proto",
    "actorbridge/v1/tap.proto",
];

/// Where there is an `actorbridge.toml`, below the repository's root.
pub(crate) const FOLDERS: [&str; 11] = [
    "bench/codec",
    "bench/go/ffi",
    "compat-tests",
    "compat-tests/conformance",
    "compat-tests/matrix",
    "compat-tests/versions/v1",
    "compat-tests/versions/v2",
    "examples/handover",
    "examples/hello",
    "examples/shop",
    "examples/trace",
];

/// What is made from the own schema.
pub(crate) fn own(root: &Path) -> Config {
    let config = Config::new(root).include("proto").go("go-client/gen");
    Config {
        files: OWN.map(str::to_owned).into(),
        rust: Some(Rust {
            out: "proto/src/generated".into(),
            runtime: "crate".into(),
            external: Default::default(),
            // Unboxed, it would make every Move, and so every action of a link, several times as large.
            boxed: vec![".actorbridge.v1.Offer.meta".into()],
        }),
        ..config
    }
}

/// The own schema's descriptor set with all that it imports, without comments: what gRPC reflection answers.
pub(crate) fn complete(root: &Path) -> Result<Vec<u8>, String> {
    let mut compiler = protox::Compiler::new([root.join("proto")]).map_err(|e| e.to_string())?;
    compiler.include_imports(true);
    for file in OWN {
        compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
    }
    Ok(compiler.encode_file_descriptor_set())
}

/// The own schema's descriptor set without imports and comments: what the breaking check keeps.
pub(crate) fn accepted(root: &Path) -> Result<Vec<u8>, String> {
    let mut compiler = protox::Compiler::new([root.join("proto")]).map_err(|e| e.to_string())?;
    for file in OWN {
        compiler.open_file(file).map_err(|e| format!("{e:?}"))?;
    }
    Ok(compiler.encode_file_descriptor_set())
}
