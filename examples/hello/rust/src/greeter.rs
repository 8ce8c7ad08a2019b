use actorbridge::{Actor, Cx, Fault, Message};

use crate::hello_v1::{Greeting, Hello};

#[derive(Default)]
struct Greeter {
    guests: u32,
}

impl Actor for Greeter {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let hello: Hello = message.decode()?;
        self.guests += 1;
        if message.is_ask() {
            let text = format!(
                "Hello {}, you are guest number {} of this Rust actor.",
                hello.name, self.guests
            );
            cx.reply(&Greeting { text })?;
        }
        Ok(())
    }
}

/// The actor is there from the start.
pub fn module() -> actorbridge::Module {
    actorbridge::Module::new("hello-rust").actor("greeter", Greeter::default)
}
