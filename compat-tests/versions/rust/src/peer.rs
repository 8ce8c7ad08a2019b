//! The actors, whatever version their messages have: desk, writer and relay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actorbridge::{Actor, Codec, Cx, Error, Fault, Message, Protocol, Ref};

use super::{NAME, pb, register_casts};

#[allow(clippy::duplicate_mod, reason = "it is compiled with each version's messages")]
#[path = "keepers.rs"]
mod keepers;

// A desk, a writer and a relay, and what moves to here.
actorbridge::module! {
    name: NAME,
    set_up: register_casts,
    actors: {
        "desk" => Noting::new,
        "writer" => pb::writer(|| Writer),
        "relay" => || Relay,
        "keeper/*" => pb::keeper(keepers::keeper),
        "vault/*" => pb::vault(keepers::vault),
    },
}

/// The message that a desk handles now, and how many came since they were counted.
#[derive(Default)]
struct Note {
    seen: pb::Seen,
    arrived: u32,
}

/// A desk that sees also what its typed handlers do not: the writer's version and the bytes, and what they refuse.
struct Noting {
    note: Arc<Mutex<Note>>,
    desk: pb::DeskActor<Desk>,
}

impl Noting {
    fn new() -> Self {
        let note = Arc::<Mutex<Note>>::default();
        let desk = Desk(note.clone());
        let desk = pb::desk(move || Desk(desk.0.clone()))();
        Self { note, desk }
    }
}

impl Actor for Noting {
    const PROTOCOL: Protocol = pb::DeskActor::<Desk>::PROTOCOL;

    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        {
            let mut note = lock(&self.note);
            note.arrived += 1;
            note.seen.version = message.version();
            note.seen.payload = message.payload_bytes();
        }
        self.desk.receive(cx, message).await
    }
}

fn lock(note: &Mutex<Note>) -> MutexGuard<'_, Note> {
    note.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Desk(Arc<Mutex<Note>>);

impl Desk {
    fn seen(&self, text: String) -> Result<pb::Seen, Fault> {
        let seen = lock(&self.0).seen.clone();
        Ok(pb::Seen { text, ..seen })
    }
}

impl pb::Desk for Desk {
    async fn quote(&mut self, _: &Cx, m: pb::Quote) -> Result<pb::Seen, Fault> {
        self.seen(super::quote_text(&m))
    }

    async fn strict(&mut self, _: &Cx, m: pb::Strict) -> Result<pb::Seen, Fault> {
        self.seen(super::strict_text(&m))
    }

    async fn adapted(&mut self, _: &Cx, m: pb::Adapted) -> Result<pb::Seen, Fault> {
        self.seen(super::adapted_text(&m))
    }

    async fn forwarded(&mut self, _: &Cx, m: pb::Forwarded) -> Result<pb::Seen, Fault> {
        self.seen(super::forwarded_text(&m))
    }

    async fn arrived(&mut self, _: &Cx, _: pb::ArrivedRequest) -> Result<pb::ArrivedReply, Fault> {
        let number = std::mem::take(&mut lock(&self.0).arrived) - 1; // without this question
        Ok(pb::ArrivedReply { number })
    }
}

/// Knows its own version of a message that it passes on.
struct Relay;

impl Actor for Relay {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let m: pb::Forwarded = message.decode()?;
        cx.forward(&m.target.parse::<Ref>()?).await?;
        Ok(())
    }
}

struct Writer;

impl pb::Writer for Writer {
    async fn run(&mut self, cx: &Cx, m: pb::RunRequest) -> Result<pb::RunReply, Fault> {
        let codec = codec_of(m.codec)?;
        let to = |actor: &str| Ok::<_, Error>(pb::DeskRef::to(Ref::pinned(&m.reader, actor)?.using(codec)));
        let (desk, relay) = (to("desk")?, to("relay")?);
        let back = super::forwarded(format!("ab://{}/desk", cx.node().name()));
        let written = codec.encode(&back)?;

        desk.arrived(cx, &pb::ArrivedRequest {}).await?; // from here on it counts
        let mut lines = vec![
            line("quote", desk.quote(cx, &super::quote()).await),
            line("strict", desk.strict(cx, &super::strict()).await),
            line("adapted", desk.adapted(cx, &super::adapted()).await),
        ];
        let arrived = desk.arrived(cx, &pb::ArrivedRequest {}).await?.number;
        lines.push(format!("arrived: {arrived}"));
        let forwarded = relay.forwarded(cx, &back).await;
        let same = forwarded.as_ref().is_ok_and(|seen| seen.payload == written);
        lines.push(line("forwarded", forwarded));
        lines.push(format!("its bytes: {}", if same { "unchanged" } else { "changed" }));
        lines.extend(keepers::moves(cx, &m).await?);
        Ok(pb::RunReply { lines })
    }
}

/// The codec of a content type.
fn codec_of(content_type: u32) -> Result<Codec, Fault> {
    let codecs = [Codec::Protobuf, Codec::Json, Codec::MessagePack];
    let codec = codecs.get(content_type as usize).copied();
    codec.ok_or_else(|| Fault::app("NO_SUCH_CODEC").message(format!("there is no codec {content_type}")))
}

fn line(what: &str, seen: Result<pb::Seen, Error>) -> String {
    match seen {
        Ok(seen) => format!("{what}: version {}, {}", seen.version, seen.text),
        Err(why) => {
            let effect = why.effect().as_str_name().trim_start_matches("EFFECT_");
            format!("{what}: effect {effect}: {why}")
        }
    }
}
