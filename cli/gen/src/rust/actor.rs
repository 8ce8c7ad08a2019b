//! An actor in Rust: the trait that one implements, what makes it an actor of a node, and the reference to it.

use prost_reflect::MessageDescriptor;

use super::names::{Names, camel, snake};
use crate::model::{Actor, Method, an};
use crate::schema::Schema;

const FUTURE: &str = "::core::future::Future";
const DURATION: &str = "::core::time::Duration";
/// Longer signatures are broken, one parameter a line.
const WIDTH: usize = 110;

/// Appends an actor's code to its package's file.
pub(crate) fn write(text: &mut String, schema: &Schema, names: &Names<'_>, actor: &Actor) {
    let writer = Writer {
        schema,
        names,
        actor,
        name: camel(&actor.name),
        ab: names.runtime(),
        result: names.std("Result"),
    };
    *text += &writer.handlers();
    *text += &writer.adapter();
    *text += &writer.factory();
    *text += &writer.reference();
}

struct Writer<'a> {
    schema: &'a Schema,
    names: &'a Names<'a>,
    actor: &'a Actor,
    name: String,
    ab: &'a str,
    result: String,
}

impl Writer<'_> {
    /// The trait.
    fn handlers(&self) -> String {
        let (ab, name, result) = (self.ab, &self.name, &self.result);
        let (send, sized) = (self.names.std("Send"), self.names.std("Sized"));
        let mut text = format!(
            "\n/// Handles {}: one message at a time, never two at once.\n",
            self.actor.full_name
        );
        text += &doc("", true, &self.actor.comment);
        text += &format!("pub trait {name}: {send} + {sized} + 'static {{\n");
        for method in &self.actor.methods {
            text += &self.handler(method);
        }
        if let Some(state) = &self.actor.state {
            let state = self.names.message(state);
            text += &format!(
                "    /// The state to keep or to move. It is taken between two messages.
    fn snapshot(&self) -> {state};

    /// Takes over a state, before `post_start`.
    fn restore(&mut self, state: {state}) -> {result}<(), {ab}::Fault>;

"
            );
        }
        text += "    /// Runs before the first message, and after each restart.\n";
        let parameters = ["&mut self".into(), format!("_cx: &{ab}::Cx")];
        let output = format!("impl {FUTURE}<Output = {result}<(), {ab}::Fault>> + {send}");
        text += &signature(
            "fn post_start",
            &parameters,
            &output,
            " {\n        async { Ok(()) }\n    }\n\n",
        );
        text += &format!(
            "    /// Runs after the last message; not after a panic, which leaves a state that cannot be trusted.
    fn post_stop(&mut self) -> impl {FUTURE}<Output = ()> + {send} {{
        async {{}}
    }}
}}
"
        );
        text
    }

    fn handler(&self, method: &Method) -> String {
        let (ab, result, send) = (self.ab, &self.result, self.names.std("Send"));
        let mut text = doc("    ", false, &method.comment);
        if method.reply.is_none() {
            text += &doc(
                "    ",
                !method.comment.is_empty(),
                &["A tell: nobody waits for it.".into()],
            );
        } else if method.comment.is_empty() {
            text += &format!(
                "    /// Answers {} {}.\n",
                an(method.request.name()),
                method.request.name()
            );
        }
        let output = format!("{result}<{}, {ab}::Fault>", self.reply(method));
        let output = if method.inline {
            output
        } else {
            format!("impl {FUTURE}<Output = {output}> + {send}")
        };
        let parameters = [
            "&mut self".into(),
            format!("cx: &{ab}::Cx"),
            format!("m: {}", self.names.message(&method.request)),
        ];
        text + &signature(&format!("fn {}", snake(&method.name)), &parameters, &output, ";\n\n")
    }

    fn reply(&self, method: &Method) -> String {
        method
            .reply
            .as_ref()
            .map_or("()".into(), |reply| self.names.message(reply))
    }

    /// The struct around the user's value, and its `Actor`.
    fn adapter(&self) -> String {
        let (ab, name, result) = (self.ab, &self.name, &self.result);
        let mut text = format!(
            "\n/// {} [`{name}`] as an actor of a node: [`{}`] makes it.\npub struct {name}Actor<A>(A);\n\n",
            if an(name) == "an" { "An" } else { "A" },
            snake(&self.actor.name)
        );
        text += &format!("impl<A: {name}> {ab}::Actor for {name}Actor<A> {{\n");
        text += &format!(
            "    const PROTOCOL: {ab}::Protocol = {ab}::Protocol {{\n        name: \"{}\",\n        reads: &[\n",
            self.actor.full_name
        );
        for message in self.actor.reads() {
            text += &self.reads(message);
        }
        text += &format!("        ],\n        reliable: {},\n    }};\n\n", self.actor.reliable());
        let parameters = [
            "&mut self".into(),
            format!("cx: &{ab}::Cx"),
            format!("message: &{ab}::Message"),
        ];
        text += &signature(
            "async fn receive",
            &parameters,
            &format!("{result}<(), {ab}::Fault>"),
            " {\n",
        );
        text += "        match message.type_name() {\n";
        for method in &self.actor.methods {
            let wait = if method.inline { "" } else { ".await" };
            text += &format!(
                "            \"{}\" => cx.answer(self.0.{}(cx, message.decode()?){wait}),\n",
                method.request.full_name(),
                snake(&method.name)
            );
        }
        text += &format!("            other => Err({ab}::Fault::unsupported(other)),\n        }}\n    }}\n\n");
        text += &self.hooks();
        text + "}\n"
    }

    fn reads(&self, message: &MessageDescriptor) -> String {
        let (version, min_reader) = self.schema.versions(message);
        format!(
            "            {}::Reads {{ type_name: \"{}\", version: {version}, min_reader: {min_reader} }},\n",
            self.ab,
            message.full_name()
        )
    }

    fn hooks(&self) -> String {
        let (ab, name, result) = (self.ab, &self.name, &self.result);
        let mut text = format!(
            "    async fn post_start(&mut self, cx: &{ab}::Cx) -> {result}<(), {ab}::Fault> {{
        {name}::post_start(&mut self.0, cx).await
    }}

    async fn post_stop(&mut self) {{
        {name}::post_stop(&mut self.0).await
    }}
"
        );
        if self.actor.state.is_some() {
            let option = self.names.std("Option");
            text += &format!(
                "
    fn snapshot(&self) -> {option}<{ab}::State> {{
        Some({ab}::State::of(&{name}::snapshot(&self.0)))
    }}

    fn restore(&mut self, state: &{ab}::State) -> {result}<(), {ab}::Fault> {{
        {name}::restore(&mut self.0, state.decode()?)
    }}
"
            );
        }
        text
    }

    /// The function around the user's factory.
    fn factory(&self) -> String {
        let [call, send, sync] = ["Fn", "Send", "Sync"].map(|name| self.names.std(name));
        let (name, make, function) = (&self.name, self.make(), snake(&self.actor.name));
        format!(
            "
/// What makes {name} actors, for `Module::actor` and `spawn`. It is called again after a panic.
pub fn {function}<A: {name}>(
    make: {make},
) -> impl {call}() -> {name}Actor<A> + {send} + {sync} + 'static {{
    move || {name}Actor(make())
}}
"
        )
    }

    fn make(&self) -> String {
        let [call, send, sync] = ["Fn", "Send", "Sync"].map(|name| self.names.std(name));
        format!("impl {call}() -> A + {send} + {sync} + 'static")
    }

    /// The typed reference.
    fn reference(&self) -> String {
        let (ab, name, result) = (self.ab, &self.name, &self.result);
        let (option, an) = (self.names.std("Option"), an(name));
        let mut text = format!(
            "
/// Where {an} [`{name}`] is, in whatever language it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct {name}Ref {{
    to: {ab}::Ref,
    within: {option}<{DURATION}>,
}}

impl {name}Ref {{
    /// The actor at an address, such as `ab:///path`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what is no address.
    pub fn at(address: &str) -> {result}<Self, {ab}::Error> {{
        address.parse().map(Self::to)
    }}

    /// The actor that another reference is to.
    pub fn to(to: {ab}::Ref) -> Self {{
        Self {{ to, within: None }}
    }}

    /// The reference without its type.
    pub fn address(&self) -> &{ab}::Ref {{
        &self.to
    }}

    /// The same actor with another deadline for each ask.
    #[must_use]
    pub fn within(&self, within: {DURATION}) -> Self {{
        Self {{ to: self.to.clone(), within: Some(within) }}
    }}

    /// Makes an actor at a path: of a node, or as the child of a handler's own actor.
    ///
    /// # Errors
    /// As `Node::spawn` and `Cx::spawn`.
"
        );
        let parameters = [
            format!("by: &impl {ab}::Caller"),
            "path: &str".into(),
            format!("make: {}", self.make()),
            format!("options: {ab}::Options"),
        ];
        let output = format!("{result}<Self, {ab}::Error>");
        text += &signature(&format!("pub fn spawn<A: {name}>"), &parameters, &output, " {\n");
        text += &format!(
            "        by.spawn(path, {}(make), options).map(Self::to)\n    }}\n",
            snake(&self.actor.name)
        );
        for method in &self.actor.methods {
            text += &self.call(method);
        }
        text + "}\n"
    }

    fn call(&self, method: &Method) -> String {
        let (ab, result) = (self.ab, &self.result);
        let mut text = String::from("\n");
        text += &doc("    ", false, &method.comment);
        text += &doc(
            "    ",
            !method.comment.is_empty(),
            &["# Errors".into(), self.errors(method).into()],
        );
        let parameters = [
            "&self".into(),
            format!("by: &impl {ab}::Caller"),
            format!("m: &{}", self.names.message(&method.request)),
        ];
        let output = format!("{result}<{}, {ab}::Error>", self.reply(method));
        text += &signature(
            &format!("pub async fn {}", snake(&method.name)),
            &parameters,
            &output,
            " {\n",
        );
        let within = match method.deadline_ms {
            0 => format!("{ab}::DEFAULT_WITHIN"),
            ms if ms.is_multiple_of(1000) => format!("{DURATION}::from_secs({})", ms / 1000),
            ms => format!("{DURATION}::from_millis({ms})"),
        };
        text += &if method.reply.is_some() {
            format!("        by.ask(&self.to, m, self.within.unwrap_or({within})).await\n    }}\n")
        } else {
            "        by.tell(&self.to, m).await\n    }\n".into()
        };
        text
    }

    fn errors(&self, method: &Method) -> &'static str {
        if method.reply.is_some() {
            "What became of the message, by its code and effect."
        } else {
            "The message was certainly not handled."
        }
    }
}

/// A documentation comment, behind an empty line of it if something is above. Code in it is not run as a test.
fn doc(indent: &str, behind: bool, lines: &[String]) -> String {
    let mut text = if behind && !lines.is_empty() {
        format!("{indent}///\n")
    } else {
        String::new()
    };
    let mut fenced = false;
    for line in lines {
        let fence = line.trim_start().starts_with("```");
        let line = if fence && !fenced {
            "```text"
        } else if fenced {
            line
        } else {
            line.trim_start()
        };
        fenced ^= fence;
        text += format!("{indent}/// {line}").trim_end();
        text.push('\n');
    }
    text
}

/// A method's signature with what is behind it, broken where it is long.
fn signature(function: &str, parameters: &[String], output: &str, end: &str) -> String {
    let line = format!("    {function}({}) -> {output}{end}", parameters.join(", "));
    if line.find('\n').is_some_and(|end| end <= WIDTH) {
        return line;
    }
    let parameters: String = parameters.iter().map(|p| format!("        {p},\n")).collect();
    format!("    {function}(\n{parameters}    ) -> {output}{end}")
}
