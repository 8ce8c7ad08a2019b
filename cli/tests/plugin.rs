//! `protoc-gen-actorbridge-go` as protoc and buf run it.

use std::io::Write;
use std::process::{Command, Stdio};

use prost::Message;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse, code_generator_response::Feature};

/// What the plugin answers for the example's schema with a parameter.
fn answer(parameter: &str) -> CodeGeneratorResponse {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let includes = [format!("{root}/examples/shop/proto"), format!("{root}/proto")];
    let mut compiler = protox::Compiler::new(includes).expect("the folders are there");
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file("shop/v1/shop.proto").expect("the schema compiles");
    let head = CodeGeneratorRequest {
        file_to_generate: vec!["shop/v1/shop.proto".into()],
        parameter: Some(parameter.into()),
        ..Default::default()
    };
    let mut request = head.encode_to_vec();
    // A FileDescriptorSet's files are field 1, a request's are field 15; prost's own types would drop the custom options.
    let set = compiler.encode_file_descriptor_set();
    let mut rest = &set[..];
    while let Some((_, after)) = rest.split_first() {
        let mut after = after;
        let length = prost::encoding::decode_varint(&mut after).expect("a length") as usize;
        request.push(15 << 3 | 2);
        prost::encoding::encode_varint(length as u64, &mut request);
        request.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_protoc-gen-actorbridge-go"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the plugin starts");
    plugin
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&request)
        .expect("it reads all");
    let output = plugin.wait_with_output().expect("it ends");
    assert!(output.status.success());
    CodeGeneratorResponse::decode(&output.stdout[..]).expect("a response")
}

#[test]
fn the_plugin_writes_what_the_program_writes() {
    const FILE: &str = "gen/shop/v1/shopv1ab/shop.ab.go";
    let response = answer("module=github.com/actorbridge/actorbridge/examples/shop");
    assert_eq!(response.error, None);
    assert_eq!(response.supported_features, Some(Feature::Proto3Optional as u64));
    let [file] = &response.file[..] else {
        panic!("{} files", response.file.len())
    };
    assert_eq!(file.name(), FILE);
    let path = format!("{}/../examples/shop/{FILE}", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(file.content(), std::fs::read_to_string(path).expect("it is committed"));
}

#[test]
fn output_goes_where_the_parameter_says_or_the_error_says_why_not() {
    let names = |parameter| {
        answer(parameter)
            .file
            .iter()
            .map(|file| file.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("paths=source_relative"), ["shop/v1/shopv1ab/shop.ab.go"]);
    assert_eq!(
        names(""),
        ["github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1/shopv1ab/shop.ab.go"]
    );
    assert!(answer("colour=blue").error().contains("`colour=blue` is not known"));
    assert!(
        answer("module=example.com/other")
            .error()
            .contains("not in the module example.com/other")
    );
}
