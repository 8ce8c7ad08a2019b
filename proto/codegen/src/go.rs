//! Go types, by driving protoc-gen-go (a `tool` of the Go module) with a CodeGeneratorRequest.

use std::path::Path;
use std::process::Command;

use prost::Message;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

use crate::output::Output;
use crate::target::Target;
use crate::{decode, pipe};

/// The Go types of `target`, below its module's folder.
pub(crate) fn render(root: &Path, target: &Target, encoded: &[u8]) -> Result<Vec<Output>, String> {
    let (folder, module) = target.go;
    // protoc-gen-go needs the raw options, which prost-types drops: re-encode nothing, splice the raw set.
    let head = CodeGeneratorRequest {
        file_to_generate: target.files.iter().map(|f| (*f).to_owned()).collect(),
        parameter: Some(format!("module={module}")),
        ..Default::default()
    };
    let mut request = head.encode_to_vec();
    for file in raw_files(encoded)? {
        // CodeGeneratorRequest.proto_file = 15, length-delimited.
        request.push((15 << 3) | 2);
        prost::encoding::encode_varint(file.len() as u64, &mut request);
        request.extend_from_slice(file);
    }
    let mut tool = Command::new("go");
    tool.args(["tool", "protoc-gen-go"]).current_dir(root.join("go-client"));
    let response: CodeGeneratorResponse = decode(&pipe(&mut tool, &request)?)?;
    if let Some(error) = response.error {
        return Err(error);
    }
    Ok(response
        .file
        .into_iter()
        .map(|file| Output::new(Path::new(folder).join(file.name()), file.content()))
        .collect())
}

/// The encoded FileDescriptorProtos of an encoded FileDescriptorSet, options and all.
fn raw_files(mut set: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut files = Vec::new();
    while !set.is_empty() {
        let tag = prost::encoding::decode_varint(&mut set).map_err(|e| e.to_string())?;
        let len = prost::encoding::decode_varint(&mut set).map_err(|e| e.to_string())? as usize;
        if tag != 10 || len > set.len() {
            return Err("the descriptor set is not a list of files".into());
        }
        let (file, rest) = set.split_at(len);
        files.push(file);
        set = rest;
    }
    Ok(files)
}
