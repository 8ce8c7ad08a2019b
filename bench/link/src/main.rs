//! The receiving process of the suite `link`: a node with actors, and beside it what one would use without one: a bare gRPC
//! server and a bare TCP server. It says in its first line of output where they listen, and ends when its input does.

mod actors;
mod bare;
mod certificates;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use actorbridge::{Node, Options, TlsFiles};
use actorbridge_bench_ffi::bench::v1 as wire;
use actorbridge_bench_ffi::{Counter, Flights, Raw};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, stdin};

/// The mailbox of each actor that is told something.
const MAILBOX: u32 = 8_192;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).is_some_and(|argument| argument == "--relay") {
        let node = Node::builder("bench-relay")
            .allow_relay()
            .listen("tcp://127.0.0.1:0")
            .start()?;
        return until_stdin_closes(&node, json!({ "node": node.listening() }));
    }
    let folder = PathBuf::from(
        std::env::args()
            .nth(1)
            .ok_or("usage: bench-link-rust FOLDER, for its socket and its certificates")?,
    );
    certificates::write(&folder, &["bench-rust", "bench-go-tls"])?;
    let of = |file: &str| folder.join(file);
    let node = Node::builder("bench-rust")
        .tls(TlsFiles::new(of("bench-rust.pem"), of("bench-rust.key"), of("ca.pem")))
        .listen("tcp://127.0.0.1:0")
        .listen(&format!("unix://{}", of("bench.sock").display()))
        .listen("grpcs://127.0.0.1:0")
        .start()?;
    spawn(&node)?;
    let handle = node.handle().clone();
    let (grpc, tcp) =
        handle.block_on(async { Ok::<_, Box<dyn Error>>((bare::listen_grpc().await?, bare::listen_tcp().await?)) })?;
    until_stdin_closes(
        &node,
        json!({ "node": node.listening(), "grpc": grpc, "tcp": tcp, "mailbox": MAILBOX }),
    )
}

/// Says where it listens, and goes on until nobody is there.
fn until_stdin_closes(node: &Node, at: serde_json::Value) -> Result<(), Box<dyn Error>> {
    println!("{at}");
    node.handle().block_on(async {
        stdin().read_to_end(&mut Vec::new()).await?;
        node.shutdown(Duration::from_secs(5)).await?;
        Ok(())
    })
}

fn spawn(node: &Node) -> Result<(), actorbridge::Error> {
    let options = || Options {
        mailbox: MAILBOX,
        ..Options::default()
    };
    // One for each link: streams to one actor share its mailbox, also those that are silent.
    for link in ["", "-uds", "-tls", "-neighbour", "-counted"] {
        node.spawn(&format!("raw{link}"), Raw::default, options())?;
    }
    node.spawn("counter", wire::counter(Counter::default), options())?;
    for link in ["", "-uds", "-tls"] {
        node.spawn(&format!("flights{link}"), Flights::default, options())?;
    }
    node.spawn("source", || actors::Source, options())?;
    node.spawn("bouncer", actors::Bouncer::new, options())?;
    node.spawn("stuck", || actors::Stuck, options())?;
    Ok(())
}
