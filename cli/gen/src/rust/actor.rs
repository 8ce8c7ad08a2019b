//! An actor in Rust: the trait that one implements, what makes it an actor of a node, and the reference to it.

use prost_reflect::MessageDescriptor;

use super::names::{Names, camel, snake};
use super::text::{doc, signature};
use crate::model::{Actor, Method, an};
use crate::schema::Schema;

/// Appends an actor's code to its package's file.
pub(crate) fn write(text: &mut String, schema: &Schema, names: &Names<'_>, actor: &Actor) {
    let writer = Writer {
        schema,
        names,
        actor,
        name: camel(&actor.name),
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
    pub(super) result: String,
}

impl Writer<'_> {
    /// The trait.
    fn handlers(&self) -> String {
        let (name, result, fault) = (&self.name, &self.result, self.names.ab("Fault"));
        let (send, sized) = (self.names.std("Send"), self.names.std("Sized"));
        let future = self.future();
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
    fn restore(&mut self, state: {state}) -> {result}<(), {fault}>;

"
            );
        }
        text += "    /// Runs before the first message, and after each restart.\n";
        let parameters = ["&mut self".into(), format!("_cx: &{}", self.names.ab("Cx"))];
        let output = format!("impl {future}<Output = {result}<(), {fault}>> + {send}");
        text += &signature(
            "fn post_start",
            &parameters,
            &output,
            " {\n        async { Ok(()) }\n    }\n\n",
        );
        text += &format!(
            "    /// Runs after the last message; not after a panic, which leaves a state that cannot be trusted.
    fn post_stop(&mut self) -> impl {future}<Output = ()> + {send} {{
        async {{}}
    }}
}}
"
        );
        text
    }

    fn handler(&self, method: &Method) -> String {
        let (result, send) = (&self.result, self.names.std("Send"));
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
        let output = format!("{result}<{}, {}>", self.reply(method), self.names.ab("Fault"));
        let output = if method.inline {
            output
        } else {
            format!("impl {}<Output = {output}> + {send}", self.future())
        };
        let parameters = [
            "&mut self".into(),
            format!("cx: &{}", self.names.ab("Cx")),
            format!("m: {}", self.names.message(&method.request)),
        ];
        text + &signature(&format!("fn {}", snake(&method.name)), &parameters, &output, ";\n\n")
    }

    fn future(&self) -> String {
        self.names.import("::core::future", "Future")
    }

    pub(super) fn reply(&self, method: &Method) -> String {
        method
            .reply
            .as_ref()
            .map_or("()".into(), |reply| self.names.message(reply))
    }

    /// The struct around the user's value, and its `Actor`.
    fn adapter(&self) -> String {
        let (name, result) = (&self.name, &self.result);
        let [actor, protocol, fault] = ["Actor", "Protocol", "Fault"].map(|name| self.names.ab(name));
        let mut text = format!(
            "\n/// {} [`{name}`] as an actor of a node: [`{}`] makes it.\npub struct {name}Actor<A>(A);\n\n",
            if an(name) == "an" { "An" } else { "A" },
            snake(&self.actor.name)
        );
        text += &format!("impl<A: {name}> {actor} for {name}Actor<A> {{\n");
        text += &format!(
            "    const PROTOCOL: {protocol} = {protocol} {{\n        name: \"{}\",\n        reads: &[\n",
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
            format!("cx: &{}", self.names.ab("Cx")),
            format!("message: &{}", self.names.ab("Message")),
        ];
        text += &signature(
            "async fn receive",
            &parameters,
            &format!("{result}<(), {fault}>"),
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
        text += &format!("            other => Err({fault}::unsupported(other)),\n        }}\n    }}\n\n");
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
            "            {} {{ type_name: \"{}\", version: {version}, min_reader: {min_reader} }},\n",
            self.names.ab("Reads"),
            message.full_name()
        )
    }

    fn hooks(&self) -> String {
        let (result, fault, cx) = (&self.result, self.names.ab("Fault"), self.names.ab("Cx"));
        let mut text = format!(
            "    async fn post_start(&mut self, cx: &{cx}) -> {result}<(), {fault}> {{
        self.0.post_start(cx).await
    }}

    async fn post_stop(&mut self) {{
        self.0.post_stop().await
    }}
"
        );
        if self.actor.state.is_some() {
            let (option, state) = (self.names.std("Option"), self.names.ab("State"));
            text += &format!(
                "
    fn snapshot(&self) -> {option}<{state}> {{
        Some({state}::of(&self.0.snapshot()))
    }}

    fn restore(&mut self, state: &{state}) -> {result}<(), {fault}> {{
        self.0.restore(state.decode()?)
    }}
"
            );
        }
        text
    }
}
