//! A link over a Unix socket that dies at a step of a move, behind a proxy that looks for the step's bytes.

use crate::common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actorbridge::Node;
use actorbridge::proto::v1::Code;
use common::LONG;
use common::journal::{Senders, Witness, answers_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

const CHUNK: u8 = 4;
const READY: u8 = 5;
const COMMITTED: u8 = 6;

/// Carries one connection until it sees a step of the move of order/1 to epoch 2; nothing comes from there on.
async fn proxy(at: PathBuf, to: PathBuf, step: u8, cut: CancellationToken) {
    let needle: Arc<[u8]> = [b"\x0a\x0dab:///order/1\x10\x02".as_slice(), &[step << 3 | 2]]
        .concat()
        .into();
    let listener = UnixListener::bind(at).expect("bound");
    let (near, _) = listener.accept().await.expect("a connection");
    let far = UnixStream::connect(to).await.expect("b listens");
    let ((a, b), (c, d)) = (near.into_split(), far.into_split());
    for (mut from, mut to) in [(a, d), (c, b)] {
        let (needle, cut) = (needle.clone(), cut.clone());
        tokio::spawn(async move {
            let (mut buffer, mut tail) = (vec![0; 4096], Vec::new());
            loop {
                let read = tokio::select! {
                    read = from.read(&mut buffer) => read.unwrap_or(0),
                    () = cut.cancelled() => 0,
                };
                tail.extend_from_slice(&buffer[..read]);
                if tail.windows(needle.len()).any(|w| *w == *needle) {
                    cut.cancel();
                }
                if read == 0 || cut.is_cancelled() || to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
                tail.drain(..tail.len().saturating_sub(needle.len()));
            }
        });
    }
}

async fn starts(witness: &Witness, listen: &Path) -> Node {
    let builder = witness.builder("b").listen(&format!("unix://{}", listen.display()));
    let started = tokio::task::spawn_blocking(move || builder.start());
    started.await.expect("no panic").expect("it listens")
}

async fn a_cut(step: u8, goes: bool) {
    let folder = tempdir();
    let (real, through) = (folder.join("b"), folder.join("proxy"));
    let witness = Witness::default();
    let nodes = [witness.node("a"), starts(&witness, &real).await];
    let cut = CancellationToken::new();
    tokio::spawn(proxy(through.clone(), real.clone(), step, cut.clone()));
    let [a, b] = &nodes;
    let until = tokio::time::Instant::now() + LONG;
    while let Err(error) = a.dial(&format!("unix://{}", through.display())).await {
        assert!(tokio::time::Instant::now() < until, "{error}");
    }
    let to = a
        .spawn("order/1", witness.journals("a"), common::journal::roomy())
        .expect("spawned");
    let senders = Senders::start(&witness, &nodes, &to).await;
    let moved = tokio::time::timeout(LONG, a.move_to(&to, "b", LONG))
        .await
        .expect("the move ends");
    tokio::time::timeout(LONG, cut.cancelled())
        .await
        .expect("the step was seen");
    let at = if goes { "b" } else { "a" };
    match moved {
        Ok(moved) => assert_eq!(moved.to, at),
        Err(error) => {
            assert_eq!((error.code(), at), (Code::Unavailable, "a"), "{error}");
            assert!(
                error.detail().starts_with("the link to node b was lost while"),
                "{error}"
            );
            senders.go_on("after the cut", [0, 2]).await;
        }
    }
    a.dial(&format!("unix://{}", real.display())).await.expect("b is there");
    answers_at(at, b, &to).await;
    senders.all_go_on("after the new link").await;
    senders.end_at(at, &nodes, &to).await;
    std::fs::remove_dir_all(folder).expect("removed");
}

fn tempdir() -> PathBuf {
    let mut name = [0; 8];
    getrandom::fill(&mut name).expect("random bytes");
    let folder = std::env::temp_dir().join(format!("ab-cut-{:016x}", u64::from_be_bytes(name)));
    std::fs::create_dir(&folder).expect("created");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_that_dies_among_the_chunks_leaves_the_actor_running() {
    a_cut(CHUNK, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_that_dies_at_ready_leaves_the_actor_running() {
    a_cut(READY, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_that_dies_at_committed_leaves_the_actor_at_the_target() {
    a_cut(COMMITTED, true).await;
}
