//! A peer program and the conversation with it.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

use compat_peer::ops::{Answer, Operation, Order};

/// A running peer program. It ends when its stdin is closed, so also when this is dropped.
#[derive(Debug)]
pub(super) struct Peer {
    child: Mutex<Child>,
    stdin: Arc<tokio::sync::Mutex<ChildStdin>>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
}

/// Who waits for which answer; `None` once the program has ended.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>;

impl Peer {
    /// Starts a program, which makes that planned mistake, if there is one.
    pub(super) fn start(program: &Path, mistake: &str) -> Result<Self, String> {
        let mut child = Command::new(program)
            .env("COMPAT_MUTANT", mistake)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let waiting: Arc<Waiting> = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(read_answers(BufReader::new(stdout), waiting.clone()));
        Ok(Self {
            child: Mutex::new(child),
            stdin: Arc::new(tokio::sync::Mutex::new(stdin)),
            waiting,
            next: AtomicU64::new(1),
        })
    }

    /// An id for an order that will be sent with [`Peer::order`].
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends an order and waits for its answer.
    pub(super) async fn order(&self, id: u64, node: &str, operation: Operation) -> Result<Answer, String> {
        let order = Order {
            id,
            node: node.to_owned(),
            operation,
        };
        let (answered, answer) = oneshot::channel();
        match self.waiting.lock().expect("not poisoned").as_mut() {
            Some(waiting) => waiting.insert(id, answered),
            None => return Err("the peer program has ended".into()),
        };
        let mut line = serde_json::to_vec(&order).map_err(|e| e.to_string())?;
        line.push(b'\n');
        // A task of its own: a case that is given up half way through a line would cost the others their program.
        let stdin = self.stdin.clone();
        let written = tokio::spawn(async move { stdin.lock().await.write_all(&line).await }).await;
        written
            .map_err(|e| e.to_string())?
            .map_err(|e| format!("the peer program takes no orders: {e}"))?;
        answer
            .await
            .map_err(|_| "the peer program ended before it answered".to_owned())
    }

    /// Ends the program at once.
    pub(super) fn kill(&self) -> Result<(), String> {
        self.child
            .lock()
            .expect("not poisoned")
            .start_kill()
            .map_err(|e| e.to_string())
    }
}

async fn read_answers(mut stdout: BufReader<tokio::process::ChildStdout>, waiting: Arc<Waiting>) {
    let mut line = String::new();
    while matches!(stdout.read_line(&mut line).await, Ok(n) if n > 0) {
        match serde_json::from_str::<Answer>(&line) {
            Ok(answer) => {
                let waiter = waiting
                    .lock()
                    .expect("not poisoned")
                    .as_mut()
                    .and_then(|w| w.remove(&answer.id));
                if let Some(waiter) = waiter {
                    let _ = waiter.send(answer);
                }
            }
            Err(e) => eprintln!("a peer program wrote what is no answer ({e}): {}", line.trim_end()),
        }
        line.clear();
    }
    // Dropping the senders tells everyone who waits.
    waiting.lock().expect("not poisoned").take();
}
