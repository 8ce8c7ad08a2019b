//! Hosts Rust nodes for the behaviour cases: orders on stdin, answers on stdout, one JSON document a line. Ends when its
//! stdin is closed.

use std::io::Write as _;
use std::sync::Arc;

use compat_peer::driver::Driver;
use compat_peer::ops::Order;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() {
    compat_peer::actors::hide_planned_panics();
    let driver = Arc::new(Driver::new());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let order: Order = match serde_json::from_str(&line) {
            Ok(order) => order,
            Err(e) => {
                eprintln!("compat-peer-rust: not an order ({e}): {line}");
                continue;
            }
        };
        let driver = driver.clone();
        tokio::spawn(async move {
            let answer = driver.carry_out(order).await;
            if let Ok(line) = serde_json::to_string(&answer) {
                // One write a line, so that answers never mix.
                let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
            }
        });
    }
}
