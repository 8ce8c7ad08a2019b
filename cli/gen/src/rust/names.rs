//! What things are called in Rust, as prost calls them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::MessageDescriptor;

use crate::config::Rust;
use crate::model::Actor;
use crate::schema::Schema;

/// Longer imports are broken.
const IMPORT_WIDTH: usize = 100;

/// The names of one package, and the paths from it to others.
pub(crate) struct Names<'a> {
    rust: &'a Rust,
    package: String,
    /// Types that prost declares in the package's module, with their names in protobuf.
    declared: BTreeMap<String, String>,
    /// The traits beside them.
    traits: BTreeSet<String>,
    /// What the file imports, by module.
    imports: RefCell<BTreeMap<String, BTreeSet<&'static str>>>,
}

/// A name of generated code that is a message's or an enum's too.
pub(crate) struct Taken {
    rust: String,
    proto: String,
}

impl Taken {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.rust
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.proto)
    }
}

impl<'a> Names<'a> {
    pub(crate) fn new(schema: &Schema, rust: &'a Rust, package: &str) -> Self {
        let (mut declared, mut traits) = (BTreeMap::new(), BTreeSet::new());
        for file in schema.targets().filter(|f| f.package_name() == package) {
            let enums = file.enums().map(|e| (camel(e.name()), e.full_name().to_owned()));
            let messages = file.messages().map(|m| (camel(m.name()), m.full_name().to_owned()));
            declared.extend(enums.chain(messages));
            traits.extend(file.services().map(|s| camel(s.name())));
        }
        Self {
            rust,
            package: package.to_owned(),
            declared,
            traits,
            imports: RefCell::default(),
        }
    }

    /// The path of the crate that generated code uses.
    pub(crate) fn runtime(&self) -> &str {
        &self.rust.runtime
    }

    /// A name of Rust's prelude, in full where the package has a type of that name.
    pub(crate) fn std(&self, name: &str) -> String {
        let module = match name {
            "Option" => "option",
            "Result" => "result",
            "Fn" => "ops",
            _ => "marker",
        };
        if self.is_taken(name) {
            format!("::core::{module}::{name}")
        } else {
            name.to_owned()
        }
    }

    /// A name of the runtime's crate, imported.
    pub(crate) fn ab(&self, name: &'static str) -> String {
        self.import(self.runtime(), name)
    }

    /// A name of a module, imported; in full where the package has a type of that name.
    pub(crate) fn import(&self, module: &str, name: &'static str) -> String {
        if self.is_taken(name) {
            return format!("{module}::{name}");
        }
        let mut imports = self.imports.borrow_mut();
        imports.entry(module.to_owned()).or_default().insert(name);
        name.to_owned()
    }

    fn is_taken(&self, name: &str) -> bool {
        self.declared.contains_key(name) || self.traits.contains(name)
    }

    /// What is imported, as declarations with an empty line behind them; empty if nothing is.
    pub(crate) fn imports(&self) -> String {
        let imports = self.imports.borrow();
        // The standard library is first, as people have it.
        let (standard, others): (Vec<_>, Vec<_>) = imports.iter().partition(|(module, _)| module.starts_with("::core"));
        let group = |modules: Vec<(&String, &BTreeSet<&'static str>)>| -> String {
            let text: String = modules
                .into_iter()
                .map(|(module, names)| import(module, names))
                .collect();
            if text.is_empty() { text } else { text + "\n" }
        };
        group(standard) + &group(others)
    }

    /// Does prost declare a type that an actor's code declares too?
    pub(crate) fn check(&self, actor: &Actor) -> Result<(), Taken> {
        let name = camel(&actor.name);
        let own = [name.clone(), format!("{name}Actor"), format!("{name}Ref")];
        let taken = own
            .into_iter()
            .find_map(|rust| Some((self.declared.get(&rust)?.clone(), rust)));
        match taken {
            Some((proto, rust)) => Err(Taken { rust, proto }),
            None => Ok(()),
        }
    }

    /// The path of a message's type, from the package's module.
    pub(crate) fn message(&self, message: &MessageDescriptor) -> String {
        let package = message.package_name();
        let full = format!(".{}", message.full_name());
        let inside = full.trim_start_matches('.').strip_prefix(package).unwrap_or_default();
        let mut parts: Vec<String> = inside.trim_start_matches('.').split('.').map(str::to_owned).collect();
        let last = parts.pop().expect("a message has a name");
        let mut path: Vec<String> = parts.iter().map(|outer| snake(outer)).collect();
        path.push(camel(&last));
        match self.outside(&full) {
            Some(outside) => outside,
            None => self.way_to(package) + &path.join("::"),
        }
    }

    /// The path of a type of another crate, by the longest entry that fits.
    fn outside(&self, full: &str) -> Option<String> {
        let schema = (
            ".actorbridge.v1".to_owned(),
            format!("{}::proto::v1", self.rust.runtime),
        );
        let ours = (self.rust.runtime != super::INSIDE).then_some(schema);
        let entries = self.rust.external.clone().into_iter().chain(ours);
        let fits = |proto: &str| full == proto || full.strip_prefix(proto).is_some_and(|rest| rest.starts_with('.'));
        let (proto, path) = entries
            .filter(|(proto, _)| fits(proto))
            .max_by_key(|(proto, _)| proto.len())?;
        let rest: Vec<&str> = full[proto.len()..].split('.').filter(|p| !p.is_empty()).collect();
        let Some((last, outer)) = rest.split_last() else {
            return Some(path);
        };
        let outer: String = outer.iter().map(|part| format!("::{}", snake(part))).collect();
        Some(format!("{path}{outer}::{}", camel(last)))
    }

    /// From the package's module to another one's: up to what both have in common, and down again.
    fn way_to(&self, package: &str) -> String {
        if package == self.package {
            return String::new();
        }
        let here: Vec<&str> = self.package.split('.').collect();
        let there: Vec<&str> = package.split('.').collect();
        let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
        let down: String = there[common..]
            .iter()
            .map(|part| format!("{}::", snake(part)))
            .collect();
        "super::".repeat(here.len() - common) + &down
    }
}

/// One declaration, as rustfmt lays it out.
fn import(module: &str, names: &BTreeSet<&str>) -> String {
    let names = Vec::from_iter(names.iter().copied()).join(", ");
    let line = if names.contains(", ") {
        format!("use {module}::{{{names}}};\n")
    } else {
        format!("use {module}::{names};\n")
    };
    if line.len() <= IMPORT_WIDTH {
        line
    } else {
        format!("use {module}::{{\n    {names},\n}};\n")
    }
}

/// `AddRequest`.
pub(crate) fn camel(name: &str) -> String {
    sanitized(name.to_upper_camel_case())
}

/// `add_request`.
pub(crate) fn snake(name: &str) -> String {
    sanitized(name.to_snake_case())
}

/// A keyword becomes a raw identifier, or has an underscore behind it where it cannot be one.
fn sanitized(name: String) -> String {
    const RAW: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
        "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
        "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type",
        "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    ];
    match name.as_str() {
        raw if RAW.contains(&raw) => format!("r#{name}"),
        "self" | "Self" | "super" | "extern" | "crate" => format!("{name}_"),
        _ => name,
    }
}
