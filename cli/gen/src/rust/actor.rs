//! An actor in Rust: the trait that one implements, what makes it an actor of a node, and the reference to it.

use prost_reflect::MessageDescriptor;

use super::names::{Names, camel, snake};
use super::text::{doc, signature};
use crate::model::{Actor, Method, an};
use crate::schema::Schema;

const FUTURE: &str = "::core::future::Future";
/// The path of a type of the standard library that messages may be called as.
pub(super) const DURATION: &str = "::core::time::Duration";

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

/// Writes one actor.
pub(super) struct Writer<'a> {
    schema: &'a Schema,
    pub(super) names: &'a Names<'a>,
    pub(super) actor: &'a Actor,
    pub(super) name: String,
    pub(super) ab: &'a str,
    pub(super) result: String,
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

    pub(super) fn reply(&self, method: &Method) -> String {
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
        text += &format!(
            "        ],\n        inline: &[{}],\n        reliable: {},\n    }};\n\n",
            self.inline_requests(),
            self.actor.reliable()
        );
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

    fn inline_requests(&self) -> String {
        let inline = self.actor.methods.iter().filter(|m| m.inline && m.reply.is_some());
        let names: Vec<_> = inline.map(|m| format!("\"{}\"", m.request.full_name())).collect();
        names.join(", ")
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
}
