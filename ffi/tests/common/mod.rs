//! A C caller in Rust: raw calls with honest memory, and the first packets of a link.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod lane;

use std::ffi::CStr;
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use actorbridge_ffi::status::*;
use actorbridge_ffi::*;
use actorbridge_proto::v1::{self, Frame, Hello, StreamOpen, TypeDef};
use actorbridge_proto::{EnvelopeView, writer};
use prost::Message as _;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn options() -> NodeOpts {
    NodeOpts {
        struct_size: size_of::<NodeOpts>() as u32,
        abi: AB_ABI_VERSION,
        name: null(),
        name_len: 0,
        workers: 1,
        mem_limit: 0,
    }
}

pub fn error() -> Error {
    Error {
        struct_size: size_of::<Error>() as u32,
        code: 77,
        os_errno: 77,
        retry_after_ms: 77,
        text_len: 77,
        text: [77; 236],
    }
}

pub fn text(error: &Error) -> String {
    let bytes: Vec<u8> = error.text[..error.text_len as usize].iter().map(|c| *c as u8).collect();
    assert_eq!(error.text[error.text_len as usize], 0, "a zero is behind the text");
    String::from_utf8(bytes).expect("UTF-8")
}

pub fn name(status: i32) -> &'static str {
    // SAFETY: it is never null, and static.
    unsafe { CStr::from_ptr(ab_status_name(status)) }
        .to_str()
        .expect("ASCII")
}

pub fn open_node() -> Node {
    let (mut node, mut why) = (0, error());
    // SAFETY: all three are valid.
    let status = unsafe { ab_node_open(&options(), &mut node, &mut why) };
    assert_eq!((status, text(&why).as_str()), (AB_OK, ""));
    node
}

pub fn open_link(node: Node, hello: &[u8]) -> Result<Link, (i32, String)> {
    let (mut link, mut why) = (0, error());
    // SAFETY: all are valid.
    let status = unsafe { ab_link_open(node, hello.as_ptr(), hello.len(), 1, &mut link, &mut why) };
    if status < 0 {
        return Err((status, text(&why)));
    }
    Ok(link)
}

pub fn hello() -> Hello {
    Hello {
        min_protocol: 1,
        max_protocol: 1,
        node: "c".into(),
        incarnation: 1,
        link_epoch: 1,
        lanes: 1,
        ..Hello::default()
    }
}

/// A link after its handshake, whose Welcome was received.
pub fn linked(node: Node) -> Link {
    let link = open_link(node, &hello().encode_to_vec()).expect("a link");
    let head = next_head(link);
    assert!(head.welcome.is_some(), "{head:?}");
    link
}

/// Descriptors and the arena that they point into.
#[derive(Default, Clone)]
pub struct Batch {
    pub descs: Vec<Desc>,
    pub arena: Vec<u8>,
}

impl Batch {
    pub fn head(mut self, head: &Frame) -> Self {
        let bytes = head.encode_to_vec();
        self.descs.push(Desc {
            kind: AB_KIND_HEAD,
            off: self.arena.len() as u32,
            len: bytes.len() as u32,
            ..Desc::default()
        });
        self.arena.extend(bytes);
        self
    }

    /// Opens flow 1 to an actor, with type 1 = ask and type 2 = tell of `type_name`.
    pub fn opening(self, target: &str, type_name: &str) -> Self {
        self.opening_flow(1, target, type_name)
    }

    /// Opens a flow of this number to an actor; its types are twice that number, and the one before.
    pub fn opening_flow(self, flow: u32, target: &str, type_name: &str) -> Self {
        let open = StreamOpen {
            flow,
            stream: 6 + u64::from(flow),
            epoch: 1,
            mode: v1::Mode::Flow as i32,
            prefix: writer::who("", target, "ab://c/main").bytes,
            first_seq: 1,
            ..StreamOpen::default()
        };
        let kinds = [v1::Kind::Ask, v1::Kind::Tell];
        let types = (2 * flow - 1..).zip(kinds).map(|(id, kind)| TypeDef {
            id,
            prefix: writer::what(kind, type_name, 1, 1).bytes,
        });
        self.head(&Frame {
            open: vec![open],
            r#type: types.collect(),
            ..Frame::default()
        })
    }

    pub fn item(mut self, seq: u64, r#type: u32, correlation: u64, payload: &[u8]) -> Self {
        self.descs.push(Desc {
            target: 1,
            seq,
            r#type,
            correlation,
            off: self.arena.len() as u32,
            len: payload.len() as u32,
            ..Desc::default()
        });
        self.arena.extend(payload);
        self
    }

    pub fn send(&self, link: Link) -> (i32, Vec<i32>) {
        let mut statuses = vec![77; self.descs.len()];
        let (n, arena) = (self.descs.len() as u32, &self.arena);
        // SAFETY: all are valid for their lengths.
        let status = unsafe {
            ab_link_send(
                link,
                self.descs.as_ptr(),
                n,
                arena.as_ptr(),
                arena.len(),
                statuses.as_mut_ptr(),
            )
        };
        (status, statuses)
    }
}

/// One receive with honest memory.
pub fn receive(link: Link, cap: usize, arena_cap: usize) -> (i32, u32, usize, Batch) {
    let mut descs = vec![Desc::default(); cap];
    let mut arena = vec![0; arena_cap];
    let (mut n, mut need) = (77, 77);
    // SAFETY: all are valid for their lengths.
    let status = unsafe {
        ab_link_recv(
            link,
            0,
            descs.as_mut_ptr(),
            cap as u32,
            arena.as_mut_ptr(),
            arena_cap,
            &mut n,
            &mut need,
        )
    };
    if status == AB_OK || status == AB_MORE {
        descs.truncate(n as usize);
    }
    (status, n, need, Batch { descs, arena })
}

/// Waits for what the link says next.
pub fn next(link: Link) -> Batch {
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, n, _, batch) = receive(link, 4096, 512 << 10);
        assert!(status >= 0, "{}", name(status));
        if n > 0 {
            return batch;
        }
        assert!(Instant::now() < until, "nothing came");
        wait(link, Duration::from_secs(1));
    }
}

pub fn next_head(link: Link) -> Frame {
    let batch = next(link);
    head_of(&batch, &batch.descs[0])
}

pub fn head_of(batch: &Batch, desc: &Desc) -> Frame {
    assert_eq!(desc.kind, AB_KIND_HEAD);
    Frame::decode(&batch.arena[desc.off as usize..][..desc.len as usize]).expect("a head")
}

/// Parks at the doorbell; true = it rang, or there is something.
pub fn wait(link: Link, most: Duration) -> bool {
    let status = ab_link_arm(link, 0);
    if status != AB_OK {
        return true;
    }
    let mut fd = -1;
    // SAFETY: `fd` is valid.
    assert_eq!(unsafe { ab_link_fd(link, 0, &mut fd) }, AB_OK);
    let mut bell = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd.
    unsafe { libc::poll(&mut bell, 1, most.as_millis() as i32) == 1 }
}

/// What answers say: correlation, and the failure's code or the payload.
pub fn answers(link: Link, n: usize) -> Vec<(u64, Result<Vec<u8>, i32>)> {
    let mut got = Vec::new();
    while got.len() < n {
        got.extend(answers_in(&next(link)));
    }
    got
}

/// The answers among what was received.
pub fn answers_in(batch: &Batch) -> Vec<(u64, Result<Vec<u8>, i32>)> {
    let items = batch.descs.iter().filter(|d| d.kind != AB_KIND_HEAD);
    let read = |desc: &Desc| {
        let ext = &batch.arena[desc.ext_off as usize..][..desc.ext_len as usize];
        let view = EnvelopeView::read(ext).expect("an item");
        assert_eq!(view.correlation, desc.correlation);
        assert_eq!(view.payload, &batch.arena[desc.off as usize..][..desc.len as usize]);
        let answer = match view.failure {
            [] => Ok(view.payload.to_vec()),
            _ => Err(view.failure().expect("a failure").code),
        };
        (desc.correlation, answer)
    };
    items.map(read).collect()
}

pub fn status_memory() -> NodeStatus {
    NodeStatus {
        struct_size: size_of::<NodeStatus>() as u32,
        state: 77,
        actors: 77,
        links: 77,
        dead_letters: 77,
        logs_dropped: 77,
    }
}

pub fn status(node: Node) -> NodeStatus {
    let mut out = status_memory();
    // SAFETY: `out` is valid.
    assert_eq!(unsafe { ab_node_status_get(node, &mut out) }, AB_OK);
    out
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until no thread of a node is left, as far as /proc tells. They end in the background of a close; a process that ends before
/// them is one that leaks, to LeakSanitizer.
pub fn until_threads_have_ended() {
    let count = || {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
            return 0;
        };
        let names = threads.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("actorbridge")).count()
    };
    until("no thread of a node is left", || count() == 0);
}

/// What a call that fills a buffer gives, by way of AB_SHORT_BUFFER.
pub fn document(call: impl Fn(*mut u8, usize, *mut usize) -> i32) -> String {
    let mut len = 77;
    assert_eq!(call(null_mut(), 0, &mut len), AB_SHORT_BUFFER);
    let mut buffer = vec![0; len + 64]; // a number in it may have a digit more by now
    assert_eq!(call(buffer.as_mut_ptr(), buffer.len(), &mut len), AB_OK);
    buffer.truncate(len);
    String::from_utf8(buffer).expect("UTF-8")
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}
