//! What spawns an actor in Go, and the typed reference to one.

use super::actor::Writer;
use super::names;
use super::text::{comment_or, wrapped};
use crate::model::{Method, an};

impl Writer<'_> {
    /// What makes and spawns receivers.
    pub(super) fn factory(&mut self) -> String {
        let Self {
            name,
            adapter,
            stateful,
            ..
        } = self;
        let an = an(name);
        let receiver = if self.actor.state.is_some() {
            format!(
                "		actor := make()
		if state, ok := actor.({name}Snapshotter); ok {{
			return {stateful}{{{adapter}{{actor}}, state}}
		}}
		return {adapter}{{actor}}
"
            )
        } else {
            format!("\t\treturn {adapter}{{make()}}\n")
        };
        let above = wrapped(&format!(
            "Spawn{name} spawns {an} {name} at a path: on a node, or as the child of the actor whose context is given. make is \
             called again after a panic."
        ));
        let spawn = if self.actor.reliable() {
            format!(
                "\treturn {name}Ref{{}}, ab.NoReliableDelivery(\"{}\", path)\n",
                self.actor.full_name
            )
        } else {
            format!(
                "	ref, err := at.Spawn(path, {name}Receiver(make), options...)
	return {name}Ref{{ref}}, err
"
            )
        };
        format!(
            "
// {name}Receiver makes receivers of what make gives, for ab.Factory and Spawn.
func {name}Receiver(make func() {name}) func() ab.Receiver {{
	return func() ab.Receiver {{
{receiver}	}}
}}

{above}func Spawn{name}(at ab.Spawner, path string, make func() {name}, options ...ab.SpawnOption) ({name}Ref, error) {{
{spawn}}}
"
        )
    }

    /// The typed reference.
    pub(super) fn reference(&mut self) -> String {
        let name = self.name.clone();
        let an = an(&name);
        let at = wrapped(&format!(
            "{name}At is the {name} at an address, such as \"ab:///path\". An address that is not valid shows at the first use, \
             with INVALID_ARGUMENT."
        ));
        let mut text = format!(
            "
// {name}Ref is where {an} {name} is, in whatever language it is written. Refs can be compared.
type {name}Ref struct{{ ref ab.Ref }}

{at}func {name}At(node *ab.Node, address string) {name}Ref {{ return {name}Ref{{node.RefAt(address)}} }}

// {name}Of is ref with a type.
func {name}Of(ref ab.Ref) {name}Ref {{ return {name}Ref{{ref}} }}

// Ref is r without its type.
func (r {name}Ref) Ref() ab.Ref {{ return r.ref }}
"
        );
        for method in &self.actor.methods {
            text += &self.call(method);
        }
        text
    }

    fn call(&mut self, method: &Method) -> String {
        let (name, method_name) = (&self.name.clone(), names::camel(&method.name));
        let request = self.imports.message(&method.request);
        let Some(reply) = &method.reply else {
            let head = comment_or(
                &method.comment,
                &format!("{method_name} tells the actor, and waits for no answer."),
            );
            return format!(
                "
{head}func (r {name}Ref) {method_name}(ctx context.Context, m *{request}) error {{
	return ab.Tell(ctx, r.ref, m)
}}
"
            );
        };
        let reply = self.imports.message(reply);
        let head = comment_or(
            &method.comment,
            &format!("{method_name} asks the actor, and waits for its answer."),
        );
        let deadline = self.deadline(method.deadline_ms);
        let ask = if method.inline { "AskInline" } else { "Ask" };
        format!(
            "
{head}func (r {name}Ref) {method_name}(ctx context.Context, req *{request}, options ...ab.AskOption) (*{reply}, error) {{
{deadline}	return ab.{ask}[*{reply}](ctx, r.ref, req, options...)
}}
"
        )
    }

    fn deadline(&mut self, ms: u32) -> String {
        if ms == 0 {
            return String::new();
        }
        self.imports.add("time");
        let time = if ms.is_multiple_of(1000) {
            format!("{} * time.Second", ms / 1000)
        } else {
            format!("{ms} * time.Millisecond")
        };
        format!("\toptions = append([]ab.AskOption{{ab.Timeout({time})}}, options...)\n")
    }
}
