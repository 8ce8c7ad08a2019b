//! Messages that come to a relay together.

use crate::common;
use crate::relay::{address, relay, row, small, started};

use std::sync::{Arc, Mutex};

use actorbridge::proto::Item;
use actorbridge::proto::v1::{self, Capability};
use actorbridge::proto::view::plain_payload;
use actorbridge::{Actor, Cx, Fault, Message, RawType};
use actorbridge_test::{builder, end, start};
use common::LONG;
use common::raw::Raw;

static NOTE: RawType = RawType::new("test.Note");
static MARK: RawType = RawType::new("test.Mark");

/// Payloads of many lengths, none among them.
fn notes(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_string().repeat(n % 40).into_bytes()).collect()
}

fn slices(notes: &[Vec<u8>]) -> Vec<&[u8]> {
    notes.iter().map(Vec::as_slice).collect()
}

#[tokio::test]
async fn what_a_relay_passes_on_in_one_piece_is_what_was_sent_and_says_that_it_was_passed_on() {
    let r = started(relay()).await;
    let a = start(builder("a").route("raw", "r"));
    a.dial(&r.listening()[0]).await.expect("linked");
    let mut raw = Raw::link_with(&r.listening()[0], &[Capability::Relay]).await;
    raw.grant(1 << 20).await;
    let sent = notes(2_000);
    let (from, all) = (a.clone(), sent.clone());
    let telling = tokio::spawn(async move {
        let to = address("ab://raw/notes");
        from.tell_raw_all(&to, &NOTE, &slices(&all))
            .await
            .expect("credit comes");
    });
    let mut came = Vec::new();
    while came.len() < sent.len() {
        let packet = raw.next().await.expect("there is more");
        for run in packet.runs.iter().filter(|run| run.flow != 0) {
            assert_eq!((run.first_seq, run.hops), (came.len() as u64 + 1, 1));
            let payload = |item: &Item| plain_payload(&item.body).unwrap_or_default().to_vec();
            came.extend(run.all().iter().map(payload));
            let state = v1::StreamState {
                flow: run.flow,
                processed: came.len() as u64,
                received: came.len() as u64,
                credit: came.len() as u64 + 200,
                ..Default::default()
            };
            raw.head(v1::Frame {
                state: vec![state],
                ..Default::default()
            })
            .await;
        }
    }
    assert!(came == sent, "the payloads differ, or their order");
    telling.await.expect("all were sent");
    drop(raw);
    end([a, r]).await;
}

/// Keeps what it is told, and answers with how much that is.
struct Notes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Actor for Notes {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        let mut notes = self.0.lock().expect("no panic");
        if message.is_ask() {
            return cx.reply_raw(&NOTE, notes.len().to_string().as_bytes());
        }
        match message.type_name() {
            "test.Mark" => notes.push([b"mark ", message.raw(&MARK)?].concat()),
            _ => notes.push(message.raw(&NOTE)?.to_vec()),
        }
        Ok(())
    }
}

#[tokio::test]
async fn runs_and_single_messages_and_asks_of_one_sender_keep_their_order_through_a_relay() {
    let (a, r, b) = row().await;
    let kept = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let keeper = kept.clone();
    let to = b
        .spawn("notes", move || Notes(keeper.clone()), small())
        .expect("spawned");
    let (all, mut expected) = (notes(3_000), Vec::new());
    for (round, some) in all.chunks(75).enumerate() {
        a.tell_raw_all(&to, &NOTE, &slices(some)).await.expect("credit comes");
        expected.extend_from_slice(some);
        let mark = round.to_string();
        a.tell_raw(&to, &MARK, mark.as_bytes()).await.expect("credit comes");
        expected.push(format!("mark {mark}").into_bytes());
        if round % 3 == 0 {
            let count = a.ask_raw(&to, &NOTE, b"", LONG).await.expect("answered");
            assert_eq!(&count[..], expected.len().to_string().as_bytes());
        }
    }
    let count = a.ask_raw(&to, &NOTE, b"", LONG).await.expect("answered");
    assert_eq!(&count[..], expected.len().to_string().as_bytes());
    assert!(
        *kept.lock().expect("no panic") == expected,
        "the notes differ, or their order"
    );
    end([a, r, b]).await;
}
