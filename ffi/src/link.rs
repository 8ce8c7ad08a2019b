//! The native door: a link whose other end is in C or Go.
//!
//! A packet that C sends is acted on before `ab_link_send` returns, on the caller's thread: its messages are then in their
//! mailboxes, or refused. So nothing waits in between, and the bound of what C may send is the credit of the actors' pools.
//! What the node has to say waits in the link machine, which bounds it, until `ab_link_recv` takes it.

use std::sync::{Arc, Mutex, OnceLock};

use actorbridge::door::LinkEnd;
use actorbridge_proto::v1::{Frame, Hello, Status};
use actorbridge_proto::{Packet, packet::MAX_FRAME_BYTES};
use bytes::Bytes;
use prost::Message as _;

use crate::bell::Bell;
use crate::border::{Fail, Outcome, border, border_with};
use crate::debug::{self, Talk};
use crate::descriptor;
use crate::handles::Table;
use crate::host::{Host, lock};
use crate::lane::{self, Shared};
use crate::node::host;
use crate::pointers::{place, slice, slice_mut};
use crate::status::*;
use crate::types::{AB_STATE_RUNNING, Desc, Error, Link, Node};

/// The open links.
pub(crate) static LINKS: Table<Door> = Table::new(0xA2, 65_536);

/// The most descriptors, and the most arena bytes, that one call takes.
const MAX_DESCS: usize = 65_536;
pub(crate) const MAX_ARENA: usize = MAX_FRAME_BYTES;

/// The library's side of one link.
pub(crate) struct Door {
    pub(crate) host: Arc<Host>,
    pub(crate) end: Arc<LinkEnd>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) talk: Arc<Talk>,
    /// The number of the last packet from C. Held while a packet is acted on, so that packets keep their order.
    pub(crate) sent: Mutex<u64>,
    /// A packet that was taken and did not fit into the caller's memory.
    waiting: Mutex<Option<Packet>>,
    /// The memory that it goes through since `ab_link_map`.
    pub(crate) shared: OnceLock<Arc<Shared>>,
}

pub(crate) fn door(link: Link) -> Result<Arc<Door>, Fail> {
    LINKS.get(link).ok_or_else(|| Fail::closed("link"))
}

pub(crate) fn lane_is_0(lane: u32) -> Result<(), Fail> {
    match lane {
        0 => Ok(()),
        _ => Err(Fail::new(
            AB_BAD_ARGUMENT,
            "links have one lane, number 0, in this version",
        )),
    }
}

fn stopped() -> Fail {
    Fail::new(AB_NODE_STOPPED, "the node is stopping or has stopped; open a new one")
}

impl Door {
    fn new(host: Arc<Host>) -> Result<Arc<Self>, Fail> {
        let bell = Bell::new().map_err(|e| Fail::os(AB_RESOURCES, "the link's doorbell could not be made", &e))?;
        let (end, bell) = (host.node.accept(), Arc::new(bell));
        let ring = bell.clone();
        end.set_wake(Box::new(move || ring.ring()));
        let (sent, waiting) = (Mutex::new(0), Mutex::new(None));
        Ok(Arc::new(Self {
            host,
            end,
            bell,
            talk: Arc::default(),
            sent,
            waiting,
            shared: OnceLock::new(),
        }))
    }

    pub(crate) fn is_of(&self, host: &Arc<Host>) -> bool {
        Arc::ptr_eq(&self.host, host)
    }

    pub(crate) fn ring_if_of(&self, host: &Arc<Host>) {
        if self.is_of(host) {
            self.bell.ring();
            self.shared.get().iter().for_each(|shared| shared.rouse());
        }
    }

    /// Ends the link; whoever waits for its doorbell is woken.
    pub(crate) fn close(&self, why: &str) {
        if let Some(shared) = self.shared.get() {
            lane::drain_all(shared, &self.end); // what was sent before has been acted on
        }
        self.end.lost(why);
        self.end.end_lane();
        self.bell.ring();
    }

    fn receive(&self, mut packet: Packet, sent: &mut u64) {
        // Nothing is lost or reordered on the way, so a caller may leave the counting to the library.
        if packet.head.number == 0 {
            packet.head.number = sent.wrapping_add(1); // a caller may have counted to anything before
        }
        *sent = packet.head.number;
        let mut flows = Vec::new();
        if cfg!(feature = "abdebug") {
            self.talk.hears(&packet.head);
            flows.extend(packet.runs.iter().map(|run| run.flow));
        }
        self.end.receive_packet(packet);
        if cfg!(feature = "abdebug") && !self.end.is_down() {
            debug::must(self.talk.took(flows));
        }
    }

    /// Why nothing can be sent any more.
    pub(crate) fn over(&self) -> i32 {
        match self.end.fate_status() {
            Some(status) if status != Status::Ok => status as i32,
            _ => AB_LINK_DOWN,
        }
    }

    /// Carries one packet: an optional head, and the items up to the next head.
    fn carry(&self, descs: &[Desc], arena: &Bytes, statuses: &mut [i32], sent: &mut u64) {
        statuses.fill(AB_OK);
        let head = descs.first().filter(|first| first.is_head());
        let from = usize::from(head.is_some());
        let limits = self.end.limits();
        let read = |head: &Desc| {
            let bytes = head.head(arena).map_err(|fail| fail.text)?;
            let packet = Packet::read(&bytes, limits.max_frame_bytes as usize).map_err(|r| r.to_string())?;
            match packet.runs.is_empty() {
                true => Ok(packet.head),
                false => Err("a head holds runs; messages go in descriptors of their own".to_owned()),
            }
        };
        let head = match head.map_or(Ok(Frame::default()), read) {
            Ok(head) => head,
            Err(why) => {
                self.end.bad_frame(&why);
                return statuses.fill(self.over());
            }
        };
        let opened = |flow: u32| {
            let open = head.open.iter().rev().find(|o| o.flow == flow && !o.close)?;
            let before = open.first_seq.saturating_sub(1);
            Some(before.saturating_add(u64::from(limits.initial_credit))) // a caller may begin with any number
        };
        let mut runs = Vec::new();
        let mut granted = (0, u64::MAX);
        let mut accepted = 0;
        for (desc, status) in descs.iter().zip(statuses.iter_mut()).skip(from) {
            let checked = desc.flow().and_then(|flow| Ok((flow, desc.body(arena)?)));
            let (flow, body) = match checked {
                Ok(good) => good,
                Err(fail) => {
                    *status = fail.status;
                    continue;
                }
            };
            if flow != granted.0 {
                let credit = opened(flow).or_else(|| self.end.granted(flow));
                granted = (
                    flow,
                    if flow == 0 {
                        u64::MAX
                    } else {
                        credit.unwrap_or(u64::MAX)
                    },
                );
            }
            *status = if desc.seq > granted.1 { AB_NO_CREDIT } else { AB_OK };
            if *status == AB_OK {
                accepted += 1;
                if cfg!(feature = "abdebug") {
                    debug::must(debug::made_of(desc, arena, &body));
                }
                descriptor::add(&mut runs, desc, flow, body);
                if cfg!(feature = "abdebug") {
                    debug::must(debug::added(desc, &runs));
                }
            }
        }
        if accepted == 0 && head == Frame::default() {
            return;
        }
        let goodbye = head.goodbye.is_some();
        self.receive(Packet { head, runs }, sent);
        if self.end.is_down() && !goodbye {
            // It ended in this packet: how far it was acted on is not known here.
            let accepted = statuses.iter_mut().filter(|s| **s == AB_OK);
            accepted.for_each(|s| *s = AB_OUTCOME_UNKNOWN);
        }
    }

    fn send(&self, descs: &[Desc], arena: &Bytes, statuses: &mut [i32]) -> i32 {
        let mut sent = lock(&self.sent);
        let mut at = 0;
        while at < descs.len() {
            if self.end.is_down() {
                statuses[at..].fill(self.over());
                return self.over();
            }
            let next = descs[at + 1..].iter().position(Desc::is_head);
            let end = next.map_or(descs.len(), |n| at + 1 + n);
            self.carry(&descs[at..end], arena, &mut statuses[at..end], &mut sent);
            at = end;
        }
        // The link may have ended in the last packet; by its Goodbye all the same if that is what it was.
        let bad = statuses
            .iter()
            .any(|s| !matches!(*s, AB_OK | AB_NO_CREDIT | AB_BAD_DESCRIPTOR));
        if bad && self.end.is_down() { self.over() } else { AB_OK }
    }

    /// Takes packets as long as they fit. A packet is never divided.
    fn recv(&self, descs: &mut [Desc], arena: &mut [u8], n: &mut u32, need: &mut usize) -> i32 {
        let mut waiting = lock(&self.waiting);
        let (mut count, mut bytes) = (0, 0);
        while let Some(mut packet) = waiting.take().or_else(|| self.end.take_packet()) {
            packet.unpack();
            let (descs_more, bytes_more) = descriptor::room_for(&packet);
            if count + descs_more > descs.len() || bytes + bytes_more > arena.len() {
                *waiting = Some(packet);
                let (status, many) = match count {
                    0 => (AB_SHORT_BUFFER, descs_more),
                    _ => (AB_MORE, count),
                };
                (*n, *need) = (many as u32, if count == 0 { bytes_more } else { bytes });
                return status;
            }
            bytes = descriptor::put(&packet, &mut descs[count..], arena, bytes);
            if cfg!(feature = "abdebug") {
                debug::must(self.talk.says(&packet));
                debug::must(debug::packet(&packet, &descs[count + 1..], arena));
            }
            count += descs_more;
        }
        (*n, *need) = (count as u32, bytes);
        if count == 0 && self.end.is_down() && !self.end.has_packet() {
            return self.over();
        }
        AB_OK
    }

    /// Is there something that `recv` would tell?
    fn has_more(&self) -> bool {
        lock(&self.waiting).is_some() || self.end.has_packet()
    }

    fn arm(&self) -> i32 {
        self.bell.arm();
        let status = match (self.has_more(), self.end.is_down()) {
            (true, _) => AB_MORE,
            (false, true) => self.over(),
            (false, false) => return AB_OK,
        };
        self.bell.disarm();
        status
    }
}

/// Opens a link to a node. `hello` is an encoded actorbridge.v1.Hello; with length 0 it comes in the first packet instead.
/// `lanes` is 0 or 1. The node's Welcome comes by ab_link_recv.
///
/// AB_CLOSED, AB_NODE_STOPPED, AB_UNDECODABLE_HELLO, AB_VERSION and AB_CAPABILITY (the text has both sides),
/// AB_PROTOCOL, AB_RESOURCES.
///
/// # Safety
/// `hello` is null or has `hello_len` bytes, `out` is null or valid, `error` is null or valid; nobody writes to them
/// meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_open(
    node: Node,
    hello: *const u8,
    hello_len: usize,
    lanes: u32,
    out: *mut Link,
    error: *mut Error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise, for both.
        let (hello, out) = unsafe { (slice(hello, hello_len, "hello")?, place(out, "out")?) };
        *out = 0;
        let host = host(node)?;
        if lanes > 1 {
            return Err(Fail::new(
                AB_BAD_ARGUMENT,
                "links have one lane in this version; pass 0 or 1",
            ));
        }
        if host.state() != AB_STATE_RUNNING {
            return Err(stopped());
        }
        let hello = match hello {
            [] => None,
            bytes if bytes.len() > MAX_FRAME_BYTES => {
                return Err(Fail::new(AB_UNDECODABLE_HELLO, "the Hello is over 4 MiB"));
            }
            bytes => Some(Hello::decode(bytes).map_err(|e| {
                Fail::new(
                    AB_UNDECODABLE_HELLO,
                    format_args!("the Hello does not decode: {e}; send an encoded Hello"),
                )
            })?),
        };
        let door = Door::new(host)?;
        if hello.is_some() {
            let head = Frame {
                hello,
                ..Frame::default()
            };
            door.receive(Packet { head, runs: Vec::new() }, &mut lock(&door.sent));
            if door.end.is_down() {
                return Err(Fail::new(door.over(), door.end.fate().unwrap_or_default()));
            }
        }
        let link = LINKS.open(door.clone()).ok_or_else(|| {
            door.close("too many links are open");
            Fail::new(AB_RESOURCES, "65,536 links are open; close one")
        })?;
        // Who has closed the node meanwhile may not have found it among the links.
        if door.host.state() != AB_STATE_RUNNING {
            LINKS.close(link);
            door.close("the node is stopping");
            return Err(stopped());
        }
        *out = link;
        Ok(AB_OK)
    };
    // SAFETY: the caller's promise.
    unsafe { border_with(error, call) }
}

/// Gives the link's doorbell: a non-blocking descriptor that becomes readable when there is something to receive and the link was
/// armed (ab_link_arm). Of a mapped link it becomes readable anew when something was written while its reader slept, when there is
/// room for who asked for it, and when the link is over: watch it by edges, it stays readable.
///
/// It belongs to the library: never read, write or close it. It is closed with the link, of a mapped one with ab_link_unmap. Who
/// watches it by epoll or kqueue while another thread may do that watches a duplicate: a closed descriptor tells nothing.
///
/// # Safety
/// `fd` is null or valid, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_fd(link: Link, lane: u32, fd: *mut i32) -> i32 {
    border(|| {
        let door = door(link)?;
        lane_is_0(lane)?;
        // SAFETY: the caller's promise.
        *unsafe { place(fd, "fd")? } = door.bell.fd();
        Ok(AB_OK)
    })
}

/// Asks the doorbell to ring once. AB_OK: it will; wait for it. AB_MORE: do not wait, there is something to receive. When the
/// link is over: its last status (AB_LINK_DOWN, AB_PROTOCOL, ...), as ab_link_recv would answer.
#[unsafe(no_mangle)]
pub extern "C" fn ab_link_arm(link: Link, lane: u32) -> i32 {
    border(|| {
        lane_is_0(lane)?;
        let door = door(link)?;
        door.unmapped()?;
        Ok(door.arm())
    })
}

/// Sends packets. A descriptor of kind AB_KIND_HEAD begins one; descriptors without a head before them are one packet. A head
/// whose number is 0 is counted by the library. All messages are acted on, in order, before the call returns.
///
/// `statuses[i]` says what became of `descs[i]`: AB_OK, AB_NO_CREDIT (send it again after the flow's StreamState; the rest
/// went on), AB_BAD_DESCRIPTOR, AB_OUTCOME_UNKNOWN (the link ended in its packet), or why the link is over. What becomes of a
/// message later is told by Outcomes and answers. Returns AB_OK, or why the link is over. At most 65,536 descriptors and
/// 4 MiB a call: beyond it AB_TOO_LARGE, and nothing was sent.
///
/// # Safety
/// `descs` and `statuses` are null or have `n` elements, `arena` is null or has `arena_len` bytes; nobody writes to them
/// meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_send(
    link: Link,
    descs: *const Desc,
    n: u32,
    arena: *const u8,
    arena_len: usize,
    statuses: *mut i32,
) -> i32 {
    border(|| {
        let door = door(link)?;
        let n = n as usize;
        // SAFETY: the caller's promise, for all three.
        let (descs, arena, statuses) = unsafe {
            (
                slice(descs, n, "descs")?,
                slice(arena, arena_len, "arena")?,
                slice_mut(statuses, n, "statuses")?,
            )
        };
        send(&door, descs, arena, statuses)
    })
}

/// Sends what C wrote, with a status for each descriptor.
pub(crate) fn send(door: &Door, descs: &[Desc], arena: &[u8], statuses: &mut [i32]) -> Outcome {
    door.unmapped()?;
    let total: usize = descs.iter().map(|desc| desc.size(arena)).sum();
    if descs.len() > MAX_DESCS || arena.len() > MAX_ARENA || total > 2 * MAX_ARENA {
        return Err(Fail::new(
            AB_TOO_LARGE,
            "at most 65,536 descriptors and 4 MiB a call; split it",
        ));
    }
    // One copy of all; messages are parts of it.
    Ok(door.send(descs, &Bytes::copy_from_slice(arena), statuses))
}

/// Receives packets, as many as fit; each begins with a descriptor of kind AB_KIND_HEAD, and none is divided. `n` is set to
/// the descriptors written, `need` to the bytes of the arena that they use.
///
/// AB_OK: there is nothing more now (`n` may be 0). AB_MORE: call again. AB_SHORT_BUFFER: not even the next packet fits; it
/// waits, and `n` and `need` are what it takes. When the link is over and all was received: why. One thread at a time.
///
/// # Safety
/// `descs` is null or has `cap` elements, `arena` is null or has `arena_cap` bytes, `n` and `need` are null or valid; nobody
/// else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_recv(
    link: Link,
    lane: u32,
    descs: *mut Desc,
    cap: u32,
    arena: *mut u8,
    arena_cap: usize,
    n: *mut u32,
    need: *mut usize,
) -> i32 {
    border(|| {
        let door = door(link)?;
        lane_is_0(lane)?;
        door.unmapped()?;
        // Offsets have 32 bits.
        let arena_cap = arena_cap.min(u32::MAX as usize);
        // SAFETY: the caller's promise, for all four.
        let (descs, arena, n, need) = unsafe {
            (
                slice_mut(descs, cap as usize, "descs")?,
                slice_mut(arena, arena_cap, "arena")?,
                place(n, "n")?,
                place(need, "need")?,
            )
        };
        (*n, *need) = (0, 0);
        Ok(door.recv(descs, arena, n, need))
    })
}

/// Exchanges Frames as the remote door has them, for tests and languages without descriptors. `input`, if there is any, is
/// one Frame; it is acted on in any case but AB_CLOSED, AB_NULL_POINTER, AB_BAD_ARGUMENT and a link that is over. Then the
/// next Frame is written to `out`, if there is one, and `len` is set to its size (0: none).
///
/// AB_OK, AB_MORE (call again, with no input), AB_SHORT_BUFFER (it waits; call again with no input and `len` bytes).
/// Do not use ab_link_recv on the same link.
///
/// # Safety
/// `input` is null or has `input_len` bytes, `out` is null or has `cap` bytes, `len` is null or valid; nobody else uses them
/// meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ab_link_frames(
    link: Link,
    input: *const u8,
    input_len: usize,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> i32 {
    border(|| {
        let door = door(link)?;
        door.unmapped()?;
        // SAFETY: the caller's promise, for all three.
        let (input, out, len) = unsafe {
            (
                slice(input, input_len, "input")?,
                slice_mut(out, cap, "out")?,
                place(len, "len")?,
            )
        };
        *len = 0;
        if !input.is_empty() {
            door.frame(input);
        }
        let mut waiting = lock(&door.waiting);
        let Some(packet) = waiting.take().or_else(|| door.end.take_packet()) else {
            return Ok(if door.end.is_down() { door.over() } else { AB_OK });
        };
        let frame = packet.to_bytes();
        *len = frame.len();
        let Some(room) = out.get_mut(..frame.len()) else {
            *waiting = Some(packet);
            return Ok(AB_SHORT_BUFFER);
        };
        room.copy_from_slice(&frame);
        if cfg!(feature = "abdebug") {
            debug::must(door.talk.says(&packet));
        }
        drop(waiting);
        Ok(if door.has_more() { AB_MORE } else { AB_OK })
    })
}

impl Door {
    fn frame(&self, input: &[u8]) {
        let mut sent = lock(&self.sent);
        let limit = self.end.limits().max_frame_bytes as usize;
        // Its size is looked at before it is copied.
        let read = match input.len() > limit {
            true => Err(format!("a frame of {} bytes is over the limit of {limit}", input.len())),
            false => Packet::read(&Bytes::copy_from_slice(input), limit).map_err(|r| r.to_string()),
        };
        match read {
            Ok(packet) => self.receive(packet, &mut sent),
            Err(why) => self.end.bad_frame(&why),
        }
    }
}

/// Closes a link. Packets that were sent before have been acted on; what was not received is gone. Safe while other threads
/// are inside calls: theirs finish or return AB_CLOSED. Who waits for the doorbell is woken. The memory of a mapped link stays
/// until ab_link_unmap, and says that it is closed.
#[unsafe(no_mangle)]
pub extern "C" fn ab_link_close(link: Link) -> i32 {
    border(|| {
        let door = LINKS.close(link).ok_or_else(|| Fail::closed("link"))?;
        door.close("the peer closed the link");
        Ok(AB_OK)
    })
}
