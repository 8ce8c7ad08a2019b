//! What things are called in Go, as protoc-gen-go calls them.

use prost_reflect::{FileDescriptor, MessageDescriptor};

/// The Go package of a .proto file's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoPackage {
    /// Its import path.
    pub(crate) path: String,
    /// Its name.
    pub(crate) name: String,
}

impl GoPackage {
    /// What `go_package` says.
    pub(crate) fn of(file: &FileDescriptor) -> Option<Self> {
        let options = file.file_descriptor_proto().options.as_ref()?;
        Self::parse(options.go_package())
    }

    /// `example.com/shop/v1;shopv1`; without a name, the path's last part is the name.
    pub(crate) fn parse(said: &str) -> Option<Self> {
        let (path, name) = said.split_once(';').unwrap_or((said, ""));
        let name = if name.is_empty() {
            path.rsplit('/').next().unwrap_or(path)
        } else {
            name
        };
        let clean = |c: char| if c.is_alphanumeric() { c } else { '_' };
        let package = Self {
            path: path.to_owned(),
            name: name.chars().map(clean).collect(),
        };
        (!path.is_empty()).then_some(package)
    }

    /// The name, and the last part of the path, of the package with its actors.
    pub(crate) fn actors(&self) -> String {
        format!("{}ab", self.name)
    }
}

/// `shop/v1/shop.proto` → `shop.ab.go`.
pub(crate) fn file_name(proto: &str) -> String {
    let name = proto.rsplit('/').next().unwrap_or(proto);
    format!("{}.ab.go", name.strip_suffix(".proto").unwrap_or(name))
}

/// The name of a message's Go type: `Outer_Inner`.
pub(crate) fn message(message: &MessageDescriptor) -> String {
    let inside = message
        .full_name()
        .strip_prefix(message.package_name())
        .unwrap_or(message.full_name());
    camel(inside.trim_start_matches('.'))
}

/// protoc-gen-go's own rule: a dot or underscore before a small letter goes, and the letter is capitalised.
pub(crate) fn camel(name: &str) -> String {
    let mut text = String::new();
    let mut letters = name.chars().peekable();
    let mut before = '.';
    while let Some(c) = letters.next() {
        let small_next = letters.peek().is_some_and(char::is_ascii_lowercase);
        match c {
            '_' if before == '.' => text.push('X'),
            '.' | '_' if small_next => {}
            '.' => text.push('_'),
            _ => {
                text.push(c.to_ascii_uppercase());
                while let Some(small) = letters.next_if(|next| !c.is_ascii_digit() && next.is_ascii_lowercase()) {
                    text.push(small);
                }
            }
        }
        before = c;
    }
    text
}

/// With a small first letter, for what a package keeps to itself.
pub(crate) fn private(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}
