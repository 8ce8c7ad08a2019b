//! What protox refuses, with its place, and with what to do where its text leaves that open.

use std::fs;

use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::problem::{Place, Problem};

/// Names that a file often uses without the import that brings them.
const IMPORTS: &[(&str, &str)] = &[
    ("actorbridge.v1.", "actorbridge/v1/options.proto"),
    ("google.protobuf.Empty", "google/protobuf/empty.proto"),
];

/// The problem that an error of protox is. `pool` has what the file imports, and `shown` where a file is.
pub(super) fn of_protox(
    error: &protox::Error,
    file: &str,
    pool: &DescriptorPool,
    shown: &dyn Fn(&str) -> Option<String>,
) -> Problem {
    let name = error.file().unwrap_or(file);
    let file = shown(name).unwrap_or_else(|| name.to_owned());
    // Its Debug text is `file:line:column: text`, where it knows the place.
    let (line, column) = place_in(&format!("{error:?}"), name).unwrap_or((1, 1));
    let text = plain(error.to_string());
    let source = fs::read_to_string(&file).unwrap_or_default();
    let (what, mend) = if error.is_file_not_found() {
        let mend = "put it below a folder of [proto] include, or correct the name";
        (text, mend.to_owned())
    } else if let Some(known) = option(&text, from(&source, line, column), pool) {
        known
    } else {
        let mend = not_imported(&text, &source).unwrap_or_default();
        (text, mend)
    };
    Problem::at(Place { file, line, column }, what, mend)
}

fn place_in(text: &str, name: &str) -> Option<(u32, u32)> {
    let mut rest = text.strip_prefix(name)?.strip_prefix(':')?.splitn(3, ':');
    Some((rest.next()?.parse().ok()?, rest.next()?.parse().ok()?))
}

/// A name that is said to resolve to itself is not defined, no more.
fn plain(text: String) -> String {
    let same = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix("', which is not defined"))
        .and_then(|names| names.split_once("' resolves to '"))
        .filter(|(name, resolved)| name == resolved);
    match same {
        Some((name, _)) => format!("name '{name}' is not defined"),
        None => text,
    }
}

/// A source from a place on.
fn from(source: &str, line: u32, column: u32) -> &str {
    let mut lines = source.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line.saturating_sub(1) as usize).map(str::len).sum();
    let inside = lines.next().unwrap_or_default().char_indices();
    let offset = inside
        .map(|(at, _)| at)
        .nth(column.saturating_sub(1) as usize)
        .unwrap_or(0);
    &source[before + offset..]
}

/// What is wrong with an option's value: protox says only that something is. `source` begins with the option.
fn option(text: &str, source: &str, pool: &DescriptorPool) -> Option<(String, String)> {
    if let Some(rest) = text.strip_prefix("option field '(") {
        let extension = pool.get_extension_by_name(rest.split_once(')')?.0)?;
        return Some((
            text.to_owned(),
            fields(pool, extension.kind().as_message()?.full_name())?,
        ));
    }
    let (type_name, rest) = text
        .strip_prefix("invalid value of type '")?
        .split_once("' for option '")?;
    let message = pool.get_message_by_name(type_name.trim_start_matches('.'))?;
    let why = DynamicMessage::parse_text_format(message, braces(source)?)
        .err()?
        .to_string();
    let mend = match (quoted(&why, "for message '"), quoted(&why, "for enum '")) {
        (Some(message), _) => fields(pool, message),
        (None, Some(of)) => values(pool, of),
        (None, None) => None,
    };
    Some((
        format!("{}: {why}", rest.trim_end_matches('\'')),
        mend.unwrap_or_default(),
    ))
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once('\'')?.0)
}

fn fields(pool: &DescriptorPool, message: &str) -> Option<String> {
    let names = pool.get_message_by_name(message)?;
    let names: Vec<_> = names.fields().map(|field| field.name().to_owned()).collect();
    Some(format!("its fields: {}", names.join(", ")))
}

fn values(pool: &DescriptorPool, of: &str) -> Option<String> {
    let names = pool.get_enum_by_name(of)?;
    let names: Vec<_> = names.values().map(|value| value.name().to_owned()).collect();
    Some(format!("its values: {}", names.join(", ")))
}

/// What is between the first `{` and its `}`. A quoted brace is text.
fn braces(source: &str) -> Option<&str> {
    let start = source.find('{')? + 1;
    let (mut depth, mut quote, mut escaped) = (1, None, false);
    for (at, letter) in source[start..].char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
        if depth == 0 {
            return Some(&source[start..start + at]);
        }
    }
    None
}

/// The import that a name wants, if the file lacks it.
fn not_imported(text: &str, source: &str) -> Option<String> {
    let name = text.strip_prefix("name '")?.strip_suffix("' is not defined")?;
    let (_, file) = IMPORTS
        .iter()
        .find(|(prefix, _)| name.trim_start_matches('.').starts_with(prefix))?;
    (!source.contains(&format!("\"{file}\""))).then(|| format!("add `import \"{file}\";`"))
}
