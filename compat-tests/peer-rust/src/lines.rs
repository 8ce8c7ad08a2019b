//! Orders as lines: one JSON document a line, in both directions.

use std::sync::Arc;

use actorbridge::{Actor, Cx, Fault, Message};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use crate::driver::Driver;
use crate::ops::Order;

/// Carries out the orders that come, all at once, until the input ends.
pub async fn serve(
    driver: Arc<Driver>,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) {
    let output = Arc::new(Mutex::new(output));
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let order: Order = match serde_json::from_str(&line) {
            Ok(order) => order,
            Err(e) => {
                eprintln!("compat-peer-rust: not an order ({e}): {line}");
                continue;
            }
        };
        let (driver, output) = (driver.clone(), output.clone());
        tokio::spawn(async move {
            let answer = driver.carry_out(order).await;
            if let Ok(mut line) = serde_json::to_vec(&answer) {
                line.push(b'\n');
                let mut output = output.lock().await;
                // Nobody is left to be told that nobody reads.
                let _ = output.write_all(&line).await;
                let _ = output.flush().await;
            }
        });
    }
}

/// Has its node take orders from a Unix socket, as a peer program does from stdin: for a node inside a program of another
/// language.
pub struct Orders(pub String);

impl Actor for Orders {
    async fn post_start(&mut self, cx: &Cx) -> Result<(), Fault> {
        let failed = |e: std::io::Error| Fault::app("NO_SOCKET").message(e.to_string());
        let (input, output) = UnixStream::connect(&self.0).await.map_err(failed)?.into_split();
        tokio::spawn(serve(Arc::new(Driver::of(cx.node())), input, output));
        Ok(())
    }

    async fn receive(&mut self, _: &Cx, message: &Message) -> Result<(), Fault> {
        Err(Fault::unsupported(message.type_name()))
    }
}
