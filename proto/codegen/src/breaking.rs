//! Compares two descriptor sets: what was accepted once must go on being read.
//!
//! Adding is free. Everything else that a peer, a snapshot or a user's source could notice is a break: a removed,
//! renumbered, renamed, retyped or relabelled field or value, a removed message, enum, service or method, a changed
//! package, and a number or name that was reserved and is not any more.

use std::collections::BTreeMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};

#[cfg(test)]
mod tests;

/// Each break, in a sentence that names the file, the message and the field.
pub(crate) fn compare(old: &FileDescriptorSet, new: &FileDescriptorSet) -> Vec<String> {
    let mut report = Report::default();
    let now = Index::new(new);
    for file in &old.file {
        report.file = file.name().to_owned();
        match new.file.iter().find(|f| f.name() == file.name()) {
            Some(same) if same.package() != file.package() => {
                let was = format!("package {}", file.package());
                report.say(&was, &format!("is now {}", same.package()));
            }
            _ => compare_file(&mut report, file, &now),
        }
    }
    report.breaks
}

#[derive(Default)]
struct Report {
    file: String,
    breaks: Vec<String>,
}

impl Report {
    fn say(&mut self, what: &str, happened: &str) {
        self.breaks.push(format!("{}: {what} {happened}", self.file));
    }
}

/// Everything in a descriptor set by its full name: a declaration may move between files of one package.
#[derive(Default)]
struct Index<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
    services: BTreeMap<String, &'a ServiceDescriptorProto>,
    extensions: BTreeMap<String, &'a FieldDescriptorProto>,
}

impl<'a> Index<'a> {
    fn new(set: &'a FileDescriptorSet) -> Self {
        let mut index = Self::default();
        for file in &set.file {
            index.add(file);
        }
        index
    }

    fn of(file: &'a FileDescriptorProto) -> Self {
        let mut index = Self::default();
        index.add(file);
        index
    }

    fn add(&mut self, file: &'a FileDescriptorProto) {
        let full = |name: &str| format!("{}.{name}", file.package());
        self.enums.extend(file.enum_type.iter().map(|e| (full(e.name()), e)));
        self.services.extend(file.service.iter().map(|s| (full(s.name()), s)));
        self.extensions
            .extend(file.extension.iter().map(|x| (full(x.name()), x)));
        for message in &file.message_type {
            self.add_message(full(message.name()), message);
        }
    }

    fn add_message(&mut self, name: String, message: &'a DescriptorProto) {
        let inner = |part: &str| format!("{name}.{part}");
        self.enums
            .extend(message.enum_type.iter().map(|e| (inner(e.name()), e)));
        for nested in &message.nested_type {
            self.add_message(inner(nested.name()), nested);
        }
        self.messages.insert(name, message);
    }
}

fn compare_file(report: &mut Report, file: &FileDescriptorProto, now: &Index) {
    let was = Index::of(file);
    for (name, old) in &was.messages {
        match now.messages.get(name) {
            Some(new) => compare_message(report, name, old, new),
            None => report.say(&format!("message {name}"), "was removed"),
        }
    }
    for (name, old) in &was.enums {
        match now.enums.get(name) {
            Some(new) => compare_enum(report, name, old, new),
            None => report.say(&format!("enum {name}"), "was removed"),
        }
    }
    for (name, old) in &was.services {
        match now.services.get(name) {
            Some(new) => compare_service(report, name, old, new),
            None => report.say(&format!("service {name}"), "was removed"),
        }
    }
    for (name, old) in &was.extensions {
        let what = format!("extension {name}");
        match now.extensions.get(name) {
            Some(new) if new.number() != old.number() => {
                report.say(&what, &format!("was number {} and is {}", old.number(), new.number()));
            }
            Some(new) => compare_field(report, &what, old, new),
            None => report.say(&what, "was removed"),
        }
    }
}

fn compare_message(report: &mut Report, name: &str, old: &DescriptorProto, new: &DescriptorProto) {
    for field in &old.field {
        let what = format!("field {name}.{}", field.name());
        let number = field.number();
        if let Some(same) = new.field.iter().find(|f| f.number() == number) {
            if same.name() != field.name() {
                report.say(&what, &format!("lost its number {number} to {}", same.name()));
            }
            compare_field(report, &what, field, same);
            compare_oneof(report, &what, (old, field), (new, same));
        } else if let Some(moved) = new.field.iter().find(|f| f.name() == field.name()) {
            report.say(&what, &format!("was number {number} and is {}", moved.number()));
        } else {
            report.say(&what, &format!("= {number} was removed"));
        }
    }
    for range in &old.reserved_range {
        // A message's range excludes its end.
        for number in numbers(range.start(), range.end() - 1) {
            let user = new.field.iter().find(|f| f.number() == number);
            let kept = new
                .reserved_range
                .iter()
                .any(|r| (r.start()..r.end()).contains(&number));
            reserved(report, &format!("message {name}"), number, user.map(|f| f.name()), kept);
        }
    }
    reserved_names(
        report,
        &format!("message {name}"),
        &old.reserved_name,
        &new.reserved_name,
    );
}

fn compare_field(report: &mut Report, what: &str, old: &FieldDescriptorProto, new: &FieldDescriptorProto) {
    if (old.r#type(), old.type_name()) != (new.r#type(), new.type_name()) {
        report.say(what, &format!("was {} and is {}", kind(old), kind(new)));
    }
    if label(old) != label(new) {
        report.say(what, &format!("was {} and is {}", label(old), label(new)));
    }
}

/// The field's type, as the schema spells it.
fn kind(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

fn label(field: &FieldDescriptorProto) -> &'static str {
    match field.label() {
        Label::Repeated => "repeated",
        Label::Required => "required",
        Label::Optional if field.proto3_optional() => "optional",
        Label::Optional => "singular",
    }
}

type Place<'a> = (&'a DescriptorProto, &'a FieldDescriptorProto);

fn compare_oneof(report: &mut Report, what: &str, old: Place, new: Place) {
    let (was, is) = (oneof(old), oneof(new));
    if was != is {
        let say = |o: Option<&str>| o.map_or("in no oneof".to_owned(), |name| format!("in oneof {name}"));
        report.say(what, &format!("was {} and is {}", say(was), say(is)));
    }
}

/// The oneof of a field, but for the one that a proto3 `optional` makes up.
fn oneof<'a>((message, field): Place<'a>) -> Option<&'a str> {
    let index = field.oneof_index.filter(|_| !field.proto3_optional())?;
    let index = usize::try_from(index).ok()?;
    message.oneof_decl.get(index).map(|o| o.name())
}

fn compare_enum(report: &mut Report, name: &str, old: &EnumDescriptorProto, new: &EnumDescriptorProto) {
    for value in &old.value {
        let what = format!("value {name}.{}", value.name());
        match new.value.iter().find(|v| v.name() == value.name()) {
            Some(same) if same.number() == value.number() => {}
            Some(same) => report.say(&what, &format!("was {} and is {}", value.number(), same.number())),
            None => report.say(&what, &format!("= {} was removed", value.number())),
        }
    }
    for range in &old.reserved_range {
        for number in numbers(range.start(), range.end()) {
            let user = new.value.iter().find(|v| v.number() == number);
            let kept = new
                .reserved_range
                .iter()
                .any(|r| (r.start()..=r.end()).contains(&number));
            reserved(report, &format!("enum {name}"), number, user.map(|v| v.name()), kept);
        }
    }
    reserved_names(report, &format!("enum {name}"), &old.reserved_name, &new.reserved_name);
}

/// The numbers of a reserved range that are looked at one by one; of a huge one (`to max`) its beginning.
fn numbers(first: i32, last: i32) -> std::ops::RangeInclusive<i32> {
    first..=last.min(first.saturating_add(9_999))
}

fn reserved(report: &mut Report, what: &str, number: i32, user: Option<&str>, kept: bool) {
    match user {
        Some(user) => report.say(what, &format!("uses its reserved number {number} for {user}")),
        None if !kept => report.say(what, &format!("no longer reserves number {number}")),
        None => {}
    }
}

fn reserved_names(report: &mut Report, what: &str, old: &[String], new: &[String]) {
    for name in old.iter().filter(|name| !new.contains(name)) {
        report.say(what, &format!("no longer reserves the name {name}"));
    }
}

fn compare_service(report: &mut Report, name: &str, old: &ServiceDescriptorProto, new: &ServiceDescriptorProto) {
    for method in &old.method {
        let what = format!("method {name}.{}", method.name());
        match new.method.iter().find(|m| m.name() == method.name()) {
            None => report.say(&what, "was removed"),
            Some(same) if signature(same) != signature(method) => {
                report.say(&what, &format!("was {} and is {}", signature(method), signature(same)));
            }
            Some(_) => {}
        }
    }
}

fn signature(method: &MethodDescriptorProto) -> String {
    let side = |stream: bool, name: &str| {
        let word = if stream { "stream " } else { "" };
        format!("({word}{})", name.trim_start_matches('.'))
    };
    let input = side(method.client_streaming(), method.input_type());
    let output = side(method.server_streaming(), method.output_type());
    format!("{input} returns {output}")
}
