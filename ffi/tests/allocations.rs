//! What a typed message costs beyond itself: nothing. It is here because only this crate may count allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use actorbridge::proto::v1::Ping;
use actorbridge::{Actor, Cx, Fault, Message, Node, Options, Versioned};
use prost::Name;

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

actorbridge_ffi::module! {
    name: "rust",
    actors: {},
}

/// A message that holds nothing outside itself.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Add {
    #[prost(int64, tag = "1")]
    by: i64,
}

impl Name for Add {
    const NAME: &'static str = "Add";
    const PACKAGE: &'static str = "test";
}

impl Versioned for Add {
    const VERSION: u32 = 1;
    const MIN_READER: u32 = 1;
}

/// As `actorbridge gen` writes it for a service with one method that tells, and its end.
struct Adds {
    total: i64,
    began: u64,
}

impl Adds {
    async fn add(&mut self, m: Add) -> Result<(), Fault> {
        self.total += m.by;
        Ok(())
    }
}

impl Actor for Adds {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        match message.type_name() {
            "test.Add" => cx.answer(self.add(message.decode()?).await),
            "actorbridge.v1.Ping" if self.began == 0 => {
                self.began = COUNT.load(Relaxed);
                Ok(())
            }
            _ => {
                let token = COUNT.load(Relaxed) - self.began;
                let mem_permille = self.total as u32;
                cx.reply(&Ping { token, mem_permille })
            }
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_typed_message_is_decoded_and_dispatched_without_an_allocation() {
    const MESSAGES: u32 = 900;
    let handle = tokio::runtime::Handle::current();
    let node = Node::builder("a").runtime(handle).start().expect("starts");
    let adds = || Adds { total: 0, began: 0 };
    let to = node.spawn("adds", adds, Options::default()).expect("spawned");
    // All of them are in the mailbox before the first is handled: there is one thread, and nothing here waits.
    node.tell(&to, &Add { by: 0 }).await.expect("room");
    node.tell(&to, &Ping::default()).await.expect("room");
    for _ in 0..MESSAGES {
        node.tell(&to, &Add { by: 1 }).await.expect("room");
    }
    let end: Ping = node
        .ask(&to, &Ping::default(), Duration::from_secs(30))
        .await
        .expect("answered");
    assert_eq!(end.mem_permille, MESSAGES);
    println!("{} allocations for {MESSAGES} messages", end.token);
    // The ask that ends them has a token and an address to answer to.
    assert!(end.token < 10, "{} allocations for {MESSAGES} messages", end.token);
    node.shutdown(Duration::from_secs(5)).await.expect("ends");
}
