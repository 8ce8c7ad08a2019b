//! The cases that every actor system has inside its process, and the orders to measure them: each is a line of JSON, and is answered
//! with one. Go has the same (`bench/go/meter`).

use std::io::{Write as _, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Release};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::Failed;

/// How long one measurement may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bytes of a message. Each is a one, so that who reads them knows them.
const DATA: [u8; 64] = [1; 64];
/// How many messages go at once where they go in batches.
const BATCH: u64 = 64;
/// How many ask at once in `ask_c64`.
const ASKERS: u64 = 64;

/// An actor system, as it is seen from its own process.
pub(crate) trait System: Send + Sync + 'static {
    /// A reference to an actor.
    type Actor: Send + Sync;
    /// Does `tell_all` do more than to tell one after the other?
    const HAS_BATCHES: bool;

    /// Makes the actor of this number, which can be told something when this returns. It tells `left` what it takes.
    fn spawn(&self, number: u64, left: &Arc<Left>) -> Result<Self::Actor, Failed>;
    /// Sends a copy of the data.
    fn tell(&self, to: &Self::Actor, data: &[u8]) -> impl Future<Output = Result<(), Failed>> + Send;
    /// Sends several at once.
    fn tell_all(&self, to: &Self::Actor, data: &[&[u8]]) -> impl Future<Output = Result<(), Failed>> + Send;
    /// Sends a copy of the data, and waits for a copy of it.
    fn ask(&self, to: &Self::Actor, data: &[u8]) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// How many messages are yet to be handled.
#[derive(Default)]
pub(crate) struct Left {
    messages: AtomicU64,
    none: Notify,
}

impl Left {
    /// A message has come to an actor.
    pub(crate) fn took(&self, data: &[u8]) {
        let sum: u64 = data.iter().map(|b| u64::from(*b)).sum();
        if sum == DATA.len() as u64 && self.messages.fetch_sub(1, AcqRel) == 1 {
            self.none.notify_one();
        }
    }
}

/// What is measured: the system and its actors so far.
struct Bench<S: System> {
    system: S,
    actors: Vec<S::Actor>,
    left: Arc<Left>,
}

#[derive(Deserialize)]
struct Order {
    case: String,
    n: u64,
}

/// Answers orders until the input ends.
pub(crate) async fn serve<S: System>(system: S) -> Result<(), Failed> {
    let mut bench = Arc::new(Bench {
        system,
        actors: Vec::new(),
        left: Arc::default(),
    });
    for line in stdin().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let answer = match measure(&mut bench, &order).await {
            Ok(answer) => answer,
            Err(error) => json!({ "case": order.case, "n": order.n, "ns": 0, "cpu_ns": 0, "peer_cpu_ns": 0, "bytes": 0,
                "error": error.to_string() }),
        };
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// Runs a case, which sends n messages, or makes n actors.
async fn measure<S: System>(bench: &mut Arc<Bench<S>>, order: &Order) -> Result<Value, Failed> {
    let n = order.n;
    let (memory, cpu, start) = (resident()?, cpu_time(), Instant::now());
    if order.case == "spawn" {
        Arc::get_mut(bench).ok_or("a case is still running")?.spawn(n)?;
    } else {
        // A task of the runtime sends, as an actor or a connection of a program would.
        let (bench, case) = (bench.clone(), order.case.clone());
        let sent = tokio::spawn(async move { bench.run(&case, n).await });
        let sent = timeout(PATIENCE, sent).await;
        sent.map_err(|_| format!("not all was handled in {} s", PATIENCE.as_secs()))???;
    }
    let (ns, cpu_ns) = (start.elapsed().as_nanos() as u64, cpu_time() - cpu);
    let bytes = resident()? - memory;
    Ok(json!({ "case": order.case, "n": n, "ns": ns, "cpu_ns": cpu_ns, "peer_cpu_ns": 0, "bytes": bytes }))
}

impl<S: System> Bench<S> {
    fn spawn(&mut self, n: u64) -> Result<(), Failed> {
        self.actors = Vec::with_capacity(n as usize);
        for number in 0..n {
            self.actors.push(self.system.spawn(number, &self.left)?);
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, case: &str, n: u64) -> Result<(), Failed> {
        match case {
            "first" => self.handled(n, self.first(n)).await,
            "tell" => self.handled(n, self.tell(n)).await,
            "tell_batch64" if S::HAS_BATCHES => self.handled(n, self.tell_batches(n)).await,
            "ask" => self.ask(n).await,
            "ask_c64" => {
                let asks = |asker| tokio::spawn(self.clone().ask_shared((n + asker) / ASKERS));
                let askers: Vec<_> = (0..ASKERS).map(asks).collect();
                for asker in askers {
                    asker.await??;
                }
                Ok(())
            }
            _ => Err("there is no such case".into()),
        }
    }

    /// Has n messages sent, and waits until all have been taken.
    async fn handled(&self, n: u64, send: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
        self.left.messages.store(n, Release);
        send.await?;
        self.left.none.notified().await;
        Ok(())
    }

    /// Tells each of the first n actors one message.
    async fn first(&self, n: u64) -> Result<(), Failed> {
        for to in self.actors.iter().take(n as usize) {
            self.system.tell(to, &DATA).await?;
        }
        Ok(())
    }

    async fn tell(&self, n: u64) -> Result<(), Failed> {
        let mut order = in_no_order();
        for _ in 0..n {
            self.system.tell(self.any(&mut order), &DATA).await?;
        }
        Ok(())
    }

    async fn tell_batches(&self, n: u64) -> Result<(), Failed> {
        let (mut order, batch) = (in_no_order(), [&DATA[..]; BATCH as usize]);
        let mut left = n;
        while left > 0 {
            let now = left.min(BATCH);
            self.system
                .tell_all(self.any(&mut order), &batch[..now as usize])
                .await?;
            left -= now;
        }
        Ok(())
    }

    async fn ask(&self, n: u64) -> Result<(), Failed> {
        let mut order = in_no_order();
        for _ in 0..n {
            self.system.ask(self.any(&mut order), &DATA).await?;
        }
        Ok(())
    }

    /// As a task of its own.
    async fn ask_shared(self: Arc<Self>, n: u64) -> Result<(), Failed> {
        self.ask(n).await
    }

    fn any(&self, order: &mut fastrand::Rng) -> &S::Actor {
        &self.actors[order.usize(..self.actors.len())]
    }
}

/// The same one each time.
fn in_no_order() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

/// What all threads have used so far, in nanoseconds.
fn cpu_time() -> i64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}

/// How many bytes of memory the process has; 0 where Linux does not say.
fn resident() -> Result<i64, Failed> {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else {
        return Ok(0);
    };
    let pages: i64 = text.split(' ').nth(1).unwrap_or("0").parse()?;
    Ok(pages * rustix::param::page_size() as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::{Bench, Left, Order, System, measure};
    use crate::Failed;

    /// Actors that are called at once, and count what they get.
    #[derive(Default)]
    struct Called;

    struct Counts {
        told: AtomicU64,
        asked: AtomicU64,
        left: Arc<Left>,
    }

    impl System for Called {
        type Actor = Counts;
        const HAS_BATCHES: bool = true;

        fn spawn(&self, _: u64, left: &Arc<Left>) -> Result<Counts, Failed> {
            let (told, asked) = Default::default();
            let left = left.clone();
            Ok(Counts { told, asked, left })
        }

        async fn tell(&self, to: &Counts, data: &[u8]) -> Result<(), Failed> {
            to.told.fetch_add(1, Relaxed);
            to.left.took(data);
            Ok(())
        }

        async fn tell_all(&self, to: &Counts, data: &[&[u8]]) -> Result<(), Failed> {
            for data in data {
                self.tell(to, data).await?;
            }
            Ok(())
        }

        async fn ask(&self, to: &Counts, _: &[u8]) -> Result<(), Failed> {
            to.asked.fetch_add(1, Relaxed);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_case_sends_as_many_as_it_was_ordered() {
        let mut bench = Arc::new(Bench {
            system: Called,
            actors: Vec::new(),
            left: Arc::default(),
        });
        for (case, n, told, asked) in [
            ("spawn", 10, 0, 0),
            ("first", 10, 10, 0),
            ("tell", 1_000, 1_010, 0),
            ("tell_batch64", 100, 1_110, 0),
            ("ask", 100, 1_110, 100),
            ("ask_c64", 1_000, 1_110, 1_100),
        ] {
            let order = Order {
                case: case.to_owned(),
                n,
            };
            let answer = measure(&mut bench, &order).await.expect(case);
            assert_eq!(answer["n"], n, "{case}");
            let sum = |of: fn(&Counts) -> &AtomicU64| bench.actors.iter().map(|a| of(a).load(Relaxed)).sum::<u64>();
            assert_eq!((sum(|a| &a.told), sum(|a| &a.asked)), (told, asked), "{case}");
            let fewest = bench.actors.iter().map(|a| a.told.load(Relaxed)).min();
            assert_eq!(
                fewest.unwrap_or_default() > 0,
                case != "spawn",
                "{case}: each actor has been told something"
            );
        }
        let order = Order {
            case: "other".to_owned(),
            n: 1,
        };
        let error = measure(&mut bench, &order).await.expect_err("there is no such case");
        assert_eq!(error.to_string(), "there is no such case");
    }
}
