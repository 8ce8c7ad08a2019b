//! Versions at work: who writes an older or a newer version than the reader knows, and what each side is told.

use crate::common;

use actorbridge::proto::v1::{Code, Effect};
use actorbridge::{Actor, CastResult, Cx, Fault, Message, Node, Options, Payload, Reads, Ref, State, downcast, upcast};
use actorbridge_test::{builder, end, start};
use common::LONG;

/// `test.Price` as three programs know it. The second version has a currency, the third has cents instead of a text, and
/// cannot be read by who does not know it.
mod price {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct V1 {
        #[prost(string, tag = "1")]
        pub(crate) text: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct V2 {
        #[prost(string, tag = "1")]
        pub(crate) text: String,
        #[prost(string, tag = "2")]
        pub(crate) currency: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct V3 {
        #[prost(string, tag = "1")]
        pub(crate) text: String,
        #[prost(string, tag = "2")]
        pub(crate) currency: String,
        #[prost(int64, tag = "3")]
        pub(crate) cents: i64,
    }

    /// As [`V3`], in a program that cannot write an older one.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct OnlyV3 {
        #[prost(int64, tag = "3")]
        pub(crate) cents: i64,
    }

    macro_rules! versioned {
        ($($type:ident $version:literal $min_reader:literal;)*) => { $(
            impl prost::Name for $type {
                const NAME: &'static str = "Price";
                const PACKAGE: &'static str = "test";
            }

            impl actorbridge::Versioned for $type {
                const VERSION: u32 = $version;
                const MIN_READER: u32 = $min_reader;
            }
        )* };
    }

    versioned! { V1 1 1; V2 2 1; V3 3 3; OnlyV3 3 3; }
}

use price::{OnlyV3, V1, V2, V3};

/// Before there was a currency.
fn in_euros(m: &mut V3) -> CastResult {
    m.currency = "EUR".into();
    Ok(())
}

/// As a program does at its start, and here each test.
fn casts() {
    upcast::<V2>(1, |m| {
        m.currency = "EUR".into();
        Ok(())
    });
    upcast::<V3>(1, in_euros);
    upcast::<V3>(2, |m| {
        m.cents = m.text.parse::<i64>()? * 100;
        Ok(())
    });
    downcast::<V2>(1, 1, |m| {
        m.currency.clear();
        Ok(())
    });
    downcast::<V3>(2, 1, |m| {
        if m.cents % 100 != 0 {
            return Err(format!("{} has cents", m.cents).into());
        }
        m.text = (m.cents / 100).to_string();
        m.cents = 0;
        Ok(())
    });
}

fn v3(cents: i64) -> V3 {
    let currency = "CHF".into();
    V3 {
        cents,
        currency,
        ..V3::default()
    }
}

/// Replies with what it reads, as its version says it.
struct Reader<T>(std::marker::PhantomData<T>);

fn reader<T: Payload>() -> impl Fn() -> Reader<T> + Send + Sync + 'static {
    || Reader(std::marker::PhantomData)
}

impl<T: Payload + std::fmt::Debug> Actor for Reader<T> {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let version = message.version();
        let text = format!("{:?} of version {version}", message.decode::<T>()?);
        match message.is_ask() {
            true => cx.reply(&common::test::EchoReply {
                text,
                ..Default::default()
            }),
            false => Ok(()),
        }
    }
}

/// A node that says it reads this version of `test.Price`; 0 = it says nothing.
fn node(name: &str, version: u32) -> Node {
    casts();
    let reads = Reads {
        type_name: "test.Price",
        version,
        min_reader: version,
    };
    start(match version {
        0 => builder(name),
        _ => builder(name).reads(&[reads]),
    })
}

/// The end of an ask with `message` to a reader of `R` at a node that says it reads `says`.
async fn sent<R: Payload + std::fmt::Debug, M: Payload>(says: u32, message: &M) -> Result<String, actorbridge::Error> {
    let (a, b) = (node("a", 3), node("b", says));
    a.join(&b).await.expect("joined");
    let to = b.spawn("reader", reader::<R>(), Options::default()).expect("spawned");
    let reply = a.ask::<common::test::EchoReply, _>(&to, message, LONG).await;
    end([a, b]).await;
    reply.map(|r| r.text)
}

#[tokio::test]
async fn an_older_reader_reads_what_a_newer_compatible_writer_writes() {
    let newer = V2 {
        text: "7".into(),
        currency: "CHF".into(),
    };
    let read = sent::<V1, _>(1, &newer).await.expect("read");
    assert_eq!(read, r#"V1 { text: "7" } of version 2"#);
}

#[tokio::test]
async fn what_an_older_writer_wrote_is_brought_up_step_by_step() {
    let older = V1 { text: "7".into() };
    let read = sent::<V2, _>(2, &older).await.expect("read");
    assert_eq!(read, r#"V2 { text: "7", currency: "EUR" } of version 1"#);
    let read = sent::<V3, _>(3, &older).await.expect("read");
    assert_eq!(read, r#"V3 { text: "7", currency: "EUR", cents: 700 } of version 1"#);
    let older = V2 {
        text: "7".into(),
        currency: "CHF".into(),
    };
    let read = sent::<V3, _>(3, &older).await.expect("read");
    assert_eq!(read, r#"V3 { text: "7", currency: "CHF", cents: 700 } of version 2"#);
}

#[tokio::test]
async fn a_writer_writes_the_newest_version_that_its_peer_says_it_reads() {
    let read = sent::<V3, _>(3, &v3(500)).await.expect("read");
    assert_eq!(read, r#"V3 { text: "", currency: "CHF", cents: 500 } of version 3"#);
    let read = sent::<V2, _>(2, &v3(500)).await.expect("read");
    assert_eq!(read, r#"V2 { text: "5", currency: "CHF" } of version 2"#);
    let read = sent::<V1, _>(1, &v3(500)).await.expect("read");
    assert_eq!(read, r#"V1 { text: "5" } of version 2"#);
}

#[tokio::test]
async fn who_cannot_write_what_its_peer_reads_is_told_before_it_sends() {
    let refused = sent::<V2, _>(2, &OnlyV3 { cents: 500 })
        .await
        .expect_err("no such version");
    assert_eq!(
        (refused.code(), refused.effect()),
        (Code::UnsupportedVersion, Effect::None)
    );
    let says = "test.Price of version 3 needs a reader of version 3; node b reads version 2";
    assert_eq!((refused.detail(), refused.reader_version()), (says, 2));

    let (a, b) = (node("a", 3), node("b", 2));
    a.join(&b).await.expect("joined");
    let to = b.spawn("reader", reader::<V2>(), Options::default()).expect("spawned");
    let told = a.tell(&to, &OnlyV3 { cents: 500 }).await.expect_err("refused too");
    assert_eq!(told.reader_version(), 2);
    b.ask::<common::test::EchoReply, _>(&to, &V2::default(), LONG)
        .await
        .expect("it goes on");
    assert_eq!((b.dead_letters().len(), a.dead_letters().len()), (0, 0), "nothing left");
    end([a, b]).await;
}

#[tokio::test]
async fn a_message_that_an_upcast_refuses_is_undecodable_with_its_reason() {
    let older = V1 { text: "seven".into() };
    let refused = sent::<V3, _>(3, &older).await.expect_err("no number");
    let says = "test.Price of version 2 does not become version 3: invalid digit found in string";
    assert_eq!((refused.code(), refused.detail()), (Code::Undecodable, says));
}

#[tokio::test]
async fn what_a_downcast_refuses_is_missed_only_by_a_peer_that_needs_it() {
    let read = sent::<V3, _>(3, &v3(550)).await.expect("read");
    assert_eq!(read, r#"V3 { text: "", currency: "CHF", cents: 550 } of version 3"#);
    let refused = sent::<V2, _>(2, &v3(550)).await.expect_err("no such version");
    assert_eq!(
        (refused.code(), refused.effect(), refused.reader_version()),
        (Code::UnsupportedVersion, Effect::None, 2)
    );
    let says = "test.Price of version 3 needs a reader of version 3; node b reads version 2; version 2 cannot be written: \
                550 has cents";
    assert_eq!(refused.detail(), says);
}

#[tokio::test]
async fn a_reader_that_said_nothing_refuses_before_it_touches_the_payload() {
    let refused = sent::<V2, _>(0, &v3(500)).await.expect_err("too new");
    assert_eq!(
        (refused.code(), refused.effect()),
        (Code::UnsupportedVersion, Effect::None)
    );
    let says = "test.Price of version 3 needs a reader of version 3; this one reads version 2";
    assert_eq!((refused.detail(), refused.reader_version()), (says, 2));
}

/// Replies with a price, or passes what comes on.
struct Relay<T> {
    reply: T,
    next: Option<Ref>,
}

impl<T: Payload> Actor for Relay<T> {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        match &self.next {
            Some(next) => cx.forward(next).await.map_err(Fault::from),
            None => cx.reply(&self.reply),
        }
    }
}

#[tokio::test]
async fn what_an_old_actor_passes_on_keeps_its_new_fields() {
    let (a, b) = (node("a", 3), node("b", 0));
    a.join(&b).await.expect("joined");
    let next = a.spawn("reader", reader::<V3>(), Options::default()).expect("spawned");
    let relay = move || Relay {
        reply: V1::default(),
        next: Some(next.clone()),
    };
    let to = b.spawn("relay", relay, Options::default()).expect("spawned");
    let reply: common::test::EchoReply = a.ask(&to, &v3(900), LONG).await.expect("answered");
    assert_eq!(
        reply.text,
        r#"V3 { text: "", currency: "CHF", cents: 900 } of version 3"#
    );
    end([a, b]).await;
}

/// What an asker that reads version 2 gets of an actor that replies with `reply`.
async fn replied<T: Payload + Clone>(reply: T) -> Result<V2, actorbridge::Error> {
    let (a, b) = (node("a", 2), node("b", 3));
    a.join(&b).await.expect("joined");
    let make = move || Relay {
        reply: reply.clone(),
        next: None,
    };
    let to = b.spawn("replies", make, Options::default()).expect("spawned");
    let reply = a.ask(&to, &(), LONG).await;
    end([a, b]).await;
    reply
}

#[tokio::test]
async fn a_reply_is_written_for_its_asker_too() {
    let read = replied(v3(300)).await.expect("read");
    assert_eq!((read.text.as_str(), read.currency.as_str()), ("3", "CHF"));
    let refused = replied(OnlyV3 { cents: 300 })
        .await
        .expect_err("the asker does not read it");
    assert_eq!(
        (refused.code(), refused.effect()),
        (Code::UnsupportedVersion, Effect::Done)
    );
    let says = "test.Price of version 3 needs a reader of version 3; node a reads version 2";
    assert_eq!((refused.detail(), refused.reader_version()), (says, 2));
}

#[test]
fn an_older_state_is_brought_up_and_a_newer_one_refused() {
    casts();
    let older = State::of(&V1 { text: "7".into() });
    let read: V3 = older.decode().expect("read");
    assert_eq!((read.cents, read.currency.as_str()), (700, "EUR"));
    let refused = State::of(&v3(1)).decode::<V2>().expect_err("too new");
    assert_eq!(refused.code(), Code::UnsupportedVersion);
    let says = "the state is version 3 of test.Price; 2 is read here";
    assert!(refused.to_string().ends_with(says), "{refused}");
    let refused = State::of(&V1 { text: "x".into() }).decode::<V3>().expect_err("stuck");
    let says = "the state: test.Price of version 2 does not become version 3: invalid digit found in string";
    assert!(refused.to_string().ends_with(says), "{refused}");
}

/// Its state is a `T`; a text that is asked for shows it.
struct Keeper<T>(T);

impl<T: Payload + std::fmt::Debug> Actor for Keeper<T> {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        let text = format!("{:?}", self.0);
        cx.reply(&common::test::EchoReply {
            text,
            ..Default::default()
        })
    }

    fn snapshot(&self) -> Option<State> {
        Some(State::of(&self.0))
    }

    fn restore(&mut self, state: &State) -> Result<(), Fault> {
        self.0 = state.decode()?;
        Ok(())
    }
}

/// What an actor of state `from` shows when it was told to move to a node that says it reads version `says` of it, where its
/// state is a `T`; and what came of the move.
async fn moved<T>(says: u32, from: impl Payload + Clone + std::fmt::Debug) -> (String, Result<(), actorbridge::Error>)
where
    T: Payload + std::fmt::Debug,
{
    casts();
    let reads = Reads {
        type_name: "test.Price",
        version: says,
        min_reader: says,
    };
    let b = builder("b").factory("keeper/*", || Keeper(T::default()));
    let b = start(if says > 0 { b.reads(&[reads]) } else { b });
    let a = node("a", 3);
    a.join(&b).await.expect("joined");
    let to = a
        .spawn("keeper/1", move || Keeper(from.clone()), Options::default())
        .expect("spawned");
    let end = a.move_to(&to, "b", LONG).await.map(drop);
    let shown: common::test::EchoReply = a.ask(&to, &(), LONG).await.expect("it goes on");
    actorbridge_test::end([a, b]).await;
    (shown.text, end)
}

#[tokio::test]
async fn a_state_moves_as_the_newest_version_that_the_other_node_reads() {
    for says in [0, 3] {
        let (shown, end) = moved::<V3>(says, v3(500)).await;
        end.expect("moved");
        assert_eq!(shown, r#"V3 { text: "", currency: "CHF", cents: 500 }"#);
    }
    let (shown, end) = moved::<V2>(2, v3(500)).await;
    end.expect("moved");
    assert_eq!(shown, r#"V2 { text: "5", currency: "CHF" }"#);
    // A message of this version is read by all; a state that is loaded is written again.
    let (text, currency) = ("7".to_owned(), "CHF".to_owned());
    let (shown, end) = moved::<V1>(1, V2 { text, currency }).await;
    end.expect("moved");
    assert_eq!(shown, r#"V1 { text: "7" }"#);
    let (shown, end) = moved::<V3>(3, V1 { text: "7".into() }).await;
    end.expect("moved");
    assert_eq!(shown, r#"V3 { text: "7", currency: "EUR", cents: 700 }"#);
}

#[tokio::test]
async fn an_actor_whose_state_the_other_node_does_not_read_stays_and_goes_on() {
    let stays = |cents| format!("V3 {{ text: \"\", currency: \"CHF\", cents: {cents} }}");
    let says = "its state is test.Price of version 3; node b reads version";
    for (reads, cents, why) in [
        (1, 500, "1; no downcast writes that"),
        (2, 550, "2; version 2 cannot be written: 550 has cents"),
    ] {
        let (shown, end) = moved::<V2>(reads, v3(cents)).await;
        let refused = end.expect_err("its state is too new");
        assert_eq!(
            (refused.code(), refused.effect()),
            (Code::UnsupportedVersion, Effect::None)
        );
        assert_eq!(refused.detail(), format!("{says} {why}"));
        assert_eq!(shown, stays(cents));
    }
    // One who says nothing of it refuses by itself.
    let (shown, end) = moved::<V2>(0, v3(500)).await;
    let refused = end.expect_err("its state is too new");
    assert_eq!(refused.code(), Code::UnsupportedVersion);
    assert_eq!(
        refused.detail(),
        "node b refused it: its restore failed: the state is version 3 of test.Price; 2 is read here"
    );
    assert_eq!(shown, stays(500));
}

/// What is said of a cast that is not taken.
fn refused(register: fn()) -> String {
    let panic = std::panic::catch_unwind(register).expect_err("refused");
    *panic.downcast::<String>().expect("a sentence")
}

#[test]
fn a_cast_that_can_never_run_is_refused_where_it_is_registered() {
    let never = refused(|| upcast::<V1>(1, |_| Ok(())));
    assert_eq!(
        never,
        "upcast from version 1 of test.Price, whose version is 1: it is never run"
    );
    let above = refused(|| downcast::<V3>(2, 3, |_| Ok(())));
    assert!(
        above.starts_with("downcast to version 2 of test.Price with min_reader 3, whose version is 3"),
        "{above}"
    );
}

#[test]
fn the_same_cast_twice_is_harmless_and_another_one_is_refused() {
    casts();
    casts();
    let another = refused(|| upcast::<V3>(1, |_| Ok(())));
    assert_eq!(another, "another upcast from version 1 of test.Price is there already");
    let another = refused(|| downcast::<V3>(2, 1, |_| Ok(())));
    assert_eq!(another, "another downcast to version 2 of test.Price is there already");
    let older = State::of(&V1 { text: "7".into() });
    assert_eq!(older.decode::<V3>().expect("the first ones are still there").cents, 700);
}
