//! Hosts Rust nodes for the behaviour cases: orders on stdin, answers on stdout, one JSON document a line. Ends when its
//! stdin is closed.

use std::sync::Arc;

use compat_peer::driver::Driver;
use compat_peer::{actors, lines};

#[tokio::main]
async fn main() {
    actors::hide_planned_panics();
    lines::serve(Arc::new(Driver::new()), tokio::io::stdin(), tokio::io::stdout()).await;
}
