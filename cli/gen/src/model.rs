//! Actor protocols: the services with `option (actorbridge.v1.actor)`, checked.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{FileDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::problem::{Place, Problem, Problems};
use crate::schema::{Schema, number};

const EMPTY: &str = "google.protobuf.Empty";
/// Generated code declares these itself, beside a protocol's methods.
const TAKEN: &[&str] = &[
    "address",
    "at",
    "of",
    "post_start",
    "post_stop",
    "ref",
    "restore",
    "snapshot",
    "spawn",
    "to",
    "within",
];

/// A service whose methods are the messages of an actor.
pub(crate) struct Actor {
    /// As it is declared: `Cart`.
    pub(crate) name: String,
    /// `shop.v1.Cart`.
    pub(crate) full_name: String,
    /// What is written above it.
    pub(crate) comment: Vec<String>,
    /// What a snapshot of it holds.
    pub(crate) state: Option<MessageDescriptor>,
    /// Its methods, at least one.
    pub(crate) methods: Vec<Method>,
}

/// One message of an actor.
pub(crate) struct Method {
    /// As it is declared: `Add`.
    pub(crate) name: String,
    /// What is written above it.
    pub(crate) comment: Vec<String>,
    /// The message; its type alone says which method is meant.
    pub(crate) request: MessageDescriptor,
    /// The answer; `None` = a tell.
    pub(crate) reply: Option<MessageDescriptor>,
    /// The handler does not wait.
    pub(crate) inline: bool,
    /// AT_LEAST_ONCE.
    pub(crate) reliable: bool,
    /// How long an ask waits where the caller says nothing.
    pub(crate) deadline_ms: u32,
}

impl Actor {
    /// Does a method want delivery AT_LEAST_ONCE?
    pub(crate) fn reliable(&self) -> bool {
        self.methods.iter().any(|m| m.reliable)
    }

    /// The message types that it reads, as Hello says them: requests, replies and state, each once.
    pub(crate) fn reads(&self) -> Vec<&MessageDescriptor> {
        let methods = self
            .methods
            .iter()
            .flat_map(|m| std::iter::once(&m.request).chain(&m.reply));
        let mut seen = BTreeSet::new();
        methods
            .chain(&self.state)
            .filter(|m| seen.insert(m.full_name()))
            .collect()
    }
}

/// The article before a name.
pub(crate) fn an(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    }
}

/// The actor protocols of a file.
pub(crate) fn actors(schema: &Schema, file: &FileDescriptor) -> Result<Vec<Actor>, Problems> {
    let mut problems = Problems::default();
    let mut actors = Vec::new();
    for service in file.services() {
        if let Some(option) = schema.option(&service.options(), "actorbridge.v1.actor") {
            let state = option.get_field_by_name("state");
            let state = state.as_ref().and_then(|v| v.as_str()).unwrap_or_default();
            let reader = Reader {
                schema,
                service,
                problems: &mut problems,
            };
            actors.push(reader.actor(state));
        }
    }
    problems.none()?;
    Ok(actors)
}

/// Two actors of a package may not need the same name, as `Cart` and `CartRef` do.
pub(crate) fn check_names(schema: &Schema) -> Problems {
    let mut problems = Problems::default();
    let mut first: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in schema.targets() {
        let actor = |s: &ServiceDescriptor| schema.option(&s.options(), "actorbridge.v1.actor").is_some();
        for service in file.services().filter(actor) {
            for name in declared(service.name()) {
                let owner = service.full_name().to_owned();
                let key = (file.package_name().to_owned(), name.clone());
                let Some(other) = first.insert(key, owner.clone()) else {
                    continue;
                };
                let what = format!("the actors {owner} and {other} both need the name {name}");
                let place = schema.place(&file, service.path());
                problems.0.push(Problem::at(place, what, "rename one of them"));
            }
        }
    }
    problems
}

/// What generated code declares for an actor, in either language.
fn declared(service: &str) -> Vec<String> {
    let name = service.to_upper_camel_case();
    let behind = ["", "Actor", "At", "Of", "Receiver", "Ref", "Snapshotter"].map(|end| format!("{name}{end}"));
    behind.into_iter().chain([format!("Spawn{name}")]).collect()
}

/// The checks that every message of a schema must pass, in a protocol or not.
pub(crate) fn check_messages(schema: &Schema, file: &FileDescriptor) -> Problems {
    let mut problems = Problems::default();
    for message in schema.messages(file) {
        let (version, min_reader) = schema.versions(&message);
        if min_reader > version {
            let what = format!(
                "{} has min_reader: {min_reader} above its version: {version}",
                message.full_name()
            );
            let mend = "no reader knows more than the version: lower min_reader, or raise version";
            let place = schema.place(file, message.path());
            problems.0.push(Problem::at(place, what, mend));
        }
    }
    problems
}

struct Reader<'a> {
    schema: &'a Schema,
    service: ServiceDescriptor,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn actor(mut self, state: &str) -> Actor {
        let service = self.service.clone();
        let methods: Vec<Method> = service.methods().map(|m| self.method(&m)).collect();
        if methods.is_empty() {
            let what = format!("the actor {} has no methods", service.full_name());
            self.refuse(
                service.path(),
                what,
                "declare the messages that it takes, each as an rpc",
            );
        }
        self.check_names(&service);
        self.check_requests(&service);
        Actor {
            name: service.name().to_owned(),
            full_name: service.full_name().to_owned(),
            comment: self.schema.comment(&service.parent_file(), service.path()),
            state: self.state(state),
            methods,
        }
    }

    fn state(&mut self, name: &str) -> Option<MessageDescriptor> {
        if name.is_empty() {
            return None;
        }
        let service = self.service.clone();
        let state = self.schema.pool.get_message_by_name(name.trim_start_matches('.'));
        match &state {
            None => {
                let what = format!(
                    "the state {name} of {} is no message that this file knows",
                    service.full_name()
                );
                self.refuse(
                    service.path(),
                    what,
                    "write its full name, package included, and import its file",
                );
            }
            Some(state) => self.check_own(state, service.path(), "the state"),
        }
        state
    }

    fn method(&mut self, method: &MethodDescriptor) -> Method {
        let option = self.schema.option(&method.options(), "actorbridge.v1.call");
        let flag = |name: &str| option.as_ref()?.get_field_by_name(name)?.as_bool();
        let delivery = || option.as_ref()?.get_field_by_name("delivery")?.as_enum_number();
        let read = Method {
            name: method.name().to_owned(),
            comment: self
                .schema
                .comment(&method.parent_service().parent_file(), method.path()),
            request: method.input(),
            reply: (method.output().full_name() != EMPTY).then(|| method.output()),
            inline: flag("inline").unwrap_or(false),
            reliable: delivery() == Some(1),
            deadline_ms: option.as_ref().map_or(0, |o| number(o, "deadline_ms")),
        };
        self.check_call(method, &read);
        read
    }

    fn check_call(&mut self, method: &MethodDescriptor, read: &Method) {
        let name = method.full_name();
        if method.is_client_streaming() || method.is_server_streaming() {
            let mend = "actors take one message and give one answer: take `stream` out, and send several messages";
            self.refuse(method.path(), format!("{name} is a stream"), mend);
        }
        self.check_own(&read.request, method.path(), "the request");
        if let Some(reply) = &read.reply {
            self.check_own(reply, method.path(), "the reply");
        }
        if read.reliable && read.inline {
            let mend = "what is kept until it is handled waits by nature: take one of the two out";
            self.refuse(method.path(), format!("{name} is inline and AT_LEAST_ONCE"), mend);
        }
        if read.reliable && read.reply.is_some() {
            let mend = "only tells are kept: return google.protobuf.Empty, or take `delivery` out";
            self.refuse(method.path(), format!("{name} is an ask and AT_LEAST_ONCE"), mend);
        }
        if read.deadline_ms > 0 && read.reply.is_none() {
            let mend = "nobody waits for a tell: take `deadline_ms` out, or return an answer";
            self.refuse(method.path(), format!("{name} is a tell and has deadline_ms"), mend);
        }
    }

    /// protobuf's own messages have no version of ours.
    fn check_own(&mut self, message: &MessageDescriptor, path: &[i32], role: &str) {
        if message.package_name() == "google.protobuf" {
            let what = format!(
                "{role} {} of {} is protobuf's own",
                message.full_name(),
                self.service.full_name()
            );
            self.refuse(path, what, "declare a message of yours, so that it can have versions");
        }
    }

    /// A message's type says which method is meant, so each may be the request of one.
    fn check_requests(&mut self, service: &ServiceDescriptor) {
        let mut first: BTreeMap<String, String> = BTreeMap::new();
        for method in service.methods() {
            let request = method.input().full_name().to_owned();
            if let Some(other) = first.get(&request) {
                let what = format!("{} and {other} both take {request}", method.full_name());
                let mend = "messages are told apart by their type: give each method a request of its own";
                self.refuse(method.path(), what, mend);
            } else {
                first.insert(request, method.name().to_owned());
            }
        }
    }

    fn check_names(&mut self, service: &ServiceDescriptor) {
        let mut first: BTreeMap<String, String> = BTreeMap::new();
        for method in service.methods() {
            let snake = method.name().to_snake_case();
            if TAKEN.contains(&snake.as_str()) {
                let what = format!("{} has a name that generated code needs", method.full_name());
                self.refuse(
                    method.path(),
                    what,
                    "rename the method; its messages may keep their names",
                );
            }
            if let Some(other) = first.insert(snake.clone(), method.name().to_owned()) {
                let what = format!("{} and {other} are both `{snake}` in Rust", method.full_name());
                self.refuse(method.path(), what, "rename one of them");
            }
        }
    }

    fn refuse(&mut self, path: &[i32], what: impl Into<String>, mend: &str) {
        let place: Place = self.schema.place(&self.service.parent_file(), path);
        self.problems.0.push(Problem::at(place, what, mend));
    }
}
