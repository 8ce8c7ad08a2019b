//! The imports of one Go file, each under a name of its own.

use std::collections::BTreeMap;

use prost_reflect::MessageDescriptor;

use super::names::{self, GoPackage};

/// Names that generated code uses for something else.
const TAKEN: &[&str] = &[
    "a", "ab", "actor", "at", "context", "ctx", "emptypb", "err", "fmt", "init", "m", "make", "node", "ok", "options",
    "path", "proto", "r", "ref", "reply", "req", "state", "time", "loaded",
];

/// What a file imports, by import path.
#[derive(Default)]
pub(crate) struct Imports(BTreeMap<String, String>);

impl Imports {
    /// Imports a package whose name is its path's last part.
    pub(crate) fn add(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0.insert(path.to_owned(), name.to_owned());
    }

    /// Imports a package under a name of ours.
    pub(crate) fn add_as(&mut self, path: &str, name: &str) {
        self.0.insert(path.to_owned(), name.to_owned());
    }

    /// A message's Go type, its package imported.
    pub(crate) fn message(&mut self, message: &MessageDescriptor) -> String {
        let Some(package) = GoPackage::of(&message.parent_file()) else {
            return names::message(message);
        };
        let name = match self.0.get(&package.path) {
            Some(name) => name.clone(),
            None => self.import(package),
        };
        format!("{name}.{}", names::message(message))
    }

    fn import(&mut self, package: GoPackage) -> String {
        let free = |name: &String| !TAKEN.contains(&name.as_str()) && !self.0.values().any(|used| used == name);
        let more = (2..).map(|n| format!("{}{n}", package.name));
        let name = std::iter::once(package.name.clone())
            .chain(more)
            .find(free)
            .expect("numbers do not end");
        self.0.insert(package.path, name.clone());
        name
    }

    /// The import declaration, the standard library first.
    pub(crate) fn text(&self) -> String {
        let group = |standard: bool| -> String {
            let here = self
                .0
                .iter()
                .filter(|(path, _)| standard != path.split('/').next().unwrap_or("").contains('.'));
            here.map(|(path, name)| {
                let alias = if path.rsplit('/').next() == Some(name) {
                    String::new()
                } else {
                    format!("{name} ")
                };
                format!("\t{alias}\"{path}\"\n")
            })
            .collect()
        };
        let (standard, others) = (group(true), group(false));
        let gap = if standard.is_empty() || others.is_empty() {
            ""
        } else {
            "\n"
        };
        format!("import (\n{standard}{gap}{others})\n")
    }
}
