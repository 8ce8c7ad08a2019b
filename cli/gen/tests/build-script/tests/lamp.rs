//! The actors that a build script makes are actors like any others.

use std::time::Duration;

use actorbridge::{Cx, Fault, Node, Options};
use build_script::colour::v1::Colour;
use build_script::lamp::v1::{Lamp, LampRef, LookReply, LookRequest, Paint};

/// A lamp of one colour.
#[derive(Default)]
struct Desk(Option<Colour>);

impl Lamp for Desk {
    fn paint(&mut self, _: &Cx, m: Paint) -> Result<(), Fault> {
        self.0 = m.colour;
        Ok(())
    }

    fn look(&mut self, _: &Cx, _: LookRequest) -> Result<LookReply, Fault> {
        Ok(LookReply { colour: self.0.clone() })
    }
}

#[test]
fn an_actor_that_a_build_script_made_is_told_and_answers() {
    let node = Node::builder("desk").start().expect("a node");
    let lamp = LampRef::spawn(&node, "lamp", Desk::default, Options::default()).expect("an actor");
    let green = Some(Colour { name: "green".into() });
    let look = async {
        lamp.paint(&node, &Paint { colour: green.clone() }).await?;
        lamp.within(Duration::from_secs(10)).look(&node, &LookRequest {}).await
    };
    let reply = node.handle().block_on(look).expect("an answer");
    assert_eq!(reply.colour, green);
}
