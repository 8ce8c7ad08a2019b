//! Schemas in memory, for tests.

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// One schema file.
struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "memory.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The encoded descriptor set of one file, `memory.proto`.
pub(crate) fn compile(source: &str, include_imports: bool) -> Vec<u8> {
    let mut files = ChainFileResolver::new();
    files.add(Source(source.to_owned()));
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(include_imports);
    compiler.open_file("memory.proto").expect("the test's schema compiles");
    compiler.encode_file_descriptor_set()
}
