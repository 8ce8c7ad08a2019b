//! What is generated for names that are taken in one language or the other: the files of `tests/golden`, which compile.
//! ACTORBRIDGE_WRITE_GOLDEN=1 writes them anew.

use std::path::Path;

use actorbridge_gen::{Config, plugin};
use prost::Message as _;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

use crate::project::Project;

/// The two files in a project, and its configuration.
fn edges() -> (Project, Config) {
    let project = Project::at("proto/edge/v1/edge.proto", include_str!("../golden/edge.proto"));
    project.write("proto/other/v1/other.proto", include_str!("../golden/other.proto"));
    let config = project.config();
    (project, config)
}

/// Compares with a committed file, or writes it.
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("ACTORBRIDGE_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("it is committed");
    let differs = golden.lines().zip(text.lines()).position(|(then, now)| then != now);
    assert!(
        golden == text,
        "{name} differs, first in line {:?}; `make golden` writes it anew:\n{text}",
        differs.map(|n| n + 1)
    );
}

#[test]
fn rust_names_that_are_taken_are_written_so_that_they_compile() {
    let (project, config) = edges();
    assert_eq!(project.generate(&config), "");
    compare("edge.v1.rs", &project.read("gen/edge.v1.rs"));
    compare("other.v1.rs", &project.read("gen/other.v1.rs"));
    compare("mod.rs", &project.read("gen/mod.rs"));
}

#[test]
fn go_names_that_are_taken_are_written_so_that_they_compile() {
    let (_project, config) = edges();
    let set = config.generate().expect("the schema is good").descriptors;
    let head = CodeGeneratorRequest {
        file_to_generate: vec!["edge/v1/edge.proto".into()],
        ..Default::default()
    };
    let mut request = head.encode_to_vec();
    // Each file is field 1 of the set and field 15 of the request; prost's own types would drop our options.
    let mut rest = &set[..];
    while let Some((_, mut file)) = rest.split_first() {
        let length = prost::encoding::decode_varint(&mut file).expect("a length");
        request.push((15 << 3) | 2);
        prost::encoding::encode_varint(length, &mut request);
        let (file, after) = file.split_at(usize::try_from(length).expect("a length"));
        request.extend_from_slice(file);
        rest = after;
    }
    let response = CodeGeneratorResponse::decode(plugin::answer(&request).as_slice()).expect("a response");
    assert_eq!(response.error, None);
    assert_eq!(response.file[0].name(), "example.com/edge/v1/edgev1ab/edge.ab.go");
    compare("edge.ab.go", response.file[0].content());
}
