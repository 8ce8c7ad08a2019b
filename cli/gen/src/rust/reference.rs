//! What makes an actor in Rust, and the typed reference to one.

use super::actor::Writer;
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
/// Makes {name} actors of what `make` gives, for `Module::actor` and `spawn`. `make` is called again after a panic.
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
        let (name, result, an) = (&self.name, &self.result, an(&self.name));
        let (option, duration) = (self.names.std("Option"), self.duration());
        let (to, error) = (self.names.ab("Ref"), self.names.ab("Error"));
        let mut text = format!(
            "
/// Where {an} [`{name}`] is, in whatever language it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct {name}Ref {{
    to: {to},
    within: {option}<{duration}>,
}}

impl {name}Ref {{
    /// The actor at an address, such as `ab:///path`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what is no address.
    pub fn at(address: &str) -> {result}<Self, {error}> {{
        address.parse().map(Self::to)
    }}

    /// The actor that another reference is to.
    pub fn to(to: {to}) -> Self {{
        Self {{ to, within: None }}
    }}

    /// The reference without its type.
    pub fn address(&self) -> &{to} {{
        &self.to
    }}

    /// The same actor with another deadline for each ask.
    #[must_use]
    pub fn within(&self, within: {duration}) -> Self {{
        Self {{ to: self.to.clone(), within: Some(within) }}
    }}

    /// Makes an actor at a path: of a node, or as the child of a handler's own actor.
    ///
    /// # Errors
    /// As `Node::spawn` and `Cx::spawn`.
"
        );
        let parameters = [
            format!("by: &impl {}", self.names.ab("Caller")),
            "path: &str".into(),
            format!("make: {}", self.make()),
            format!("options: {}", self.names.ab("Options")),
        ];
        let output = format!("{result}<Self, {error}>");
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
        let mut text = String::from("\n");
        text += &doc("    ", false, &method.comment);
        text += &doc(
            "    ",
            !method.comment.is_empty(),
            &["# Errors".into(), self.errors(method).into()],
        );
        let parameters = [
            "&self".into(),
            format!("by: &impl {}", self.names.ab("Caller")),
            format!("m: &{}", self.names.message(&method.request)),
        ];
        let output = format!("{}<{}, {}>", self.result, self.reply(method), self.names.ab("Error"));
        text += &signature(
            &format!("pub async fn {}", snake(&method.name)),
            &parameters,
            &output,
            " {\n",
        );
        text += &if method.reply.is_some() {
            let within = self.deadline(method.deadline_ms);
            format!("        by.ask(&self.to, m, self.within.unwrap_or({within})).await\n    }}\n")
        } else {
            "        by.tell(&self.to, m).await\n    }\n".into()
        };
        text
    }

    fn duration(&self) -> String {
        self.names.import("::core::time", "Duration")
    }

    fn deadline(&self, ms: u32) -> String {
        match ms {
            0 => self.names.ab("DEFAULT_WITHIN"),
            ms if ms.is_multiple_of(1000) => format!("{}::from_secs({})", self.duration(), ms / 1000),
            ms => format!("{}::from_millis({ms})", self.duration()),
        }
    }

    fn errors(&self, method: &Method) -> &'static str {
        if method.reply.is_some() {
            "What became of the message, by its code and effect."
        } else {
            "The message was certainly not handled."
        }
    }
}
