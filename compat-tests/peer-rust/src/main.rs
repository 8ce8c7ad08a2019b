//! Hosts Rust nodes for the behaviour cases: orders on stdin, answers on stdout, one JSON document a line. Ends when its
//! stdin is closed. With options it is a program as a sidecar door starts it, which takes no orders.

use std::process::ExitCode;
use std::sync::Arc;

use compat_peer::driver::Driver;
use compat_peer::{actors, lines};

fn main() -> ExitCode {
    actors::hide_planned_panics();
    if std::env::args().len() > 1 {
        return actorbridge::serve(actors::module("rust"));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let orders = lines::serve(Arc::new(Driver::new()), tokio::io::stdin(), tokio::io::stdout());
    runtime.block_on(orders);
    runtime.shutdown_background();
    ExitCode::SUCCESS
}
