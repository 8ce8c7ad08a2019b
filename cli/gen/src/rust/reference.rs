//! What makes an actor in Rust, and the typed reference to one.

use super::actor::{DURATION, Writer};
use super::names::snake;
use super::text::{doc, signature};
use crate::model::{Method, an};

impl Writer<'_> {
    /// The function around the user's factory.
    pub(super) fn factory(&self) -> String {
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
    pub(super) fn reference(&self) -> String {
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
