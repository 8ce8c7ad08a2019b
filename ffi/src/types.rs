//! The structs of the header. Their layout is part of the ABI: `tests/golden/layout.txt` holds it.

use std::ffi::c_char;

/// The version of the C ABI that this header describes: major << 16 | minor. New in 1.1: ab_link_ask with a seq of 0, with
/// AB_NOT_INLINE, and ab_link_cancel; ab_link_map, ab_link_unmap and ab_link_wake, with ab_lane, AB_LANE_LAYOUT and
/// AB_RECORD_...; what is in ab_log.fields_json.
pub const AB_ABI_VERSION: u32 = (1 << 16) | 1;

/// A node. 0 is never one.
pub type Node = u64;
/// A link. 0 is never one.
pub type Link = u64;

/// A descriptor of this kind carries the head of a packet: an encoded Frame without runs.
pub const AB_KIND_HEAD: u16 = 0xFFFF;
/// Flag of a descriptor: ext is the whole item as its sender wrote it, payload and correlation included; off and len
/// show where its payload is in the arena. ab_link_recv always sets it.
pub const AB_DESC_WHOLE: u16 = 0x8000;
/// The bits of flags that count how many nodes have forwarded the message.
pub const AB_DESC_HOPS: u16 = 0x00FF;

/// ab_node_status.state: messages are taken.
pub const AB_STATE_RUNNING: u32 = 0;
/// ab_node_status.state: ab_node_stop was called; actors and links end.
pub const AB_STATE_STOPPING: u32 = 1;
/// ab_node_status.state: nothing of it runs any more.
pub const AB_STATE_STOPPED: u32 = 2;

/// ab_node_dump: the node, its peers and counts.
pub const AB_DUMP_NODE: u32 = 0;
/// ab_node_dump: the latest dead letters.
pub const AB_DUMP_DEAD_LETTERS: u32 = 1;

/// The layout of a mapped lane's memory that docs/C_ABI.md describes. Since 1.1.
pub const AB_LANE_LAYOUT: u32 = 1;
/// Tag of a record in a ring: nothing more before the ring's end; it is as long as the rest is. Tags are since 1.1.
pub const AB_RECORD_PAD: u32 = 1;
/// Tag of a record in a ring: an encoded Frame without runs.
pub const AB_RECORD_FRAME: u32 = 2;
/// Tag of a record in a ring: what the messages that follow have in common.
pub const AB_RECORD_RUN: u32 = 3;
/// Tag of a record in a ring: a message, as the item of a frame has it.
pub const AB_RECORD_ITEM: u32 = 4;
/// Tag of a record in a ring: a message of which there is nothing but this payload.
pub const AB_RECORD_PAYLOAD: u32 = 5;

/// ab_log.level: something stopped working.
pub const AB_LOG_ERROR: u32 = 1;
/// ab_log.level: something may need a look.
pub const AB_LOG_WARN: u32 = 2;
/// ab_log.level: the course of things.
pub const AB_LOG_INFO: u32 = 3;

/// How a node is opened.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct NodeOpts {
    /// sizeof(ab_node_opts).
    pub struct_size: u32,
    /// AB_ABI_VERSION of the header that the caller was compiled with.
    pub abi: u32,
    /// The node's name in UTF-8; null with length 0: the module's name.
    pub name: *const c_char,
    /// Bytes of name.
    pub name_len: u32,
    /// Worker threads, at most 64; 0 = as many as cores, at most 4.
    pub workers: u32,
    /// Must be 0 in this version.
    pub mem_limit: u64,
}

/// What went wrong, in the caller's memory. 256 bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Error {
    /// sizeof(ab_error); set it before the call.
    pub struct_size: u32,
    /// The status that the call returned.
    pub code: i32,
    /// errno, with AB_RESOURCES; else 0.
    pub os_errno: i32,
    /// When to try again; 0 = not known.
    pub retry_after_ms: u32,
    /// Bytes of text.
    pub text_len: u32,
    /// A sentence in UTF-8, cut to fit, with a zero behind it.
    pub text: [c_char; 236],
}

/// A part of an arena.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// First byte.
    pub off: u32,
    /// Bytes.
    pub len: u32,
}

/// One message, or the head of a packet. 64 bytes. All offsets are into the arena of the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Desc {
    /// The flow that the message goes on (StreamOpen.flow); 0 = outside any stream.
    pub target: u64,
    /// 0, but see ab_link_ask.
    pub source: u64,
    /// Joins an ask with its reply; 0 = none.
    pub correlation: u64,
    /// The number of the message on its flow: StreamOpen.first_seq, and higher for each; 0 outside any stream.
    pub seq: u64,
    /// TypeDef.id; 0 = the type is in ext.
    pub r#type: u32,
    /// Milliseconds left; 0 = no deadline.
    pub ttl_ms: u32,
    /// Where the payload begins.
    pub off: u32,
    /// Bytes of the payload.
    pub len: u32,
    /// Where the envelope's other fields begin, encoded.
    pub ext_off: u32,
    /// Bytes of them.
    pub ext_len: u32,
    /// AB_KIND_HEAD, or a Kind; 0 = the type says it.
    pub kind: u16,
    /// AB_DESC_WHOLE, and the count of AB_DESC_HOPS.
    pub flags: u16,
    /// 0 = first try.
    pub attempt: u32,
}

/// The memory of a mapped lane. Since 1.1.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LaneMap {
    /// sizeof(ab_lane); set it before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Where it begins: a header, which says its layout, the two rings, and what is granted on flows.
    pub base: *mut u8,
    /// Bytes.
    pub size: u64,
    /// For ab_link_unmap.
    pub map: u64,
}

/// What a node is doing.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct NodeStatus {
    /// sizeof(ab_node_status); set it before the call.
    pub struct_size: u32,
    /// AB_STATE_...
    pub state: u32,
    /// Actors that run.
    pub actors: u32,
    /// Links that are up.
    pub links: u32,
    /// Messages that were refused, lost or not handled.
    pub dead_letters: u64,
    /// Log lines that were dropped because nobody drained them.
    pub logs_dropped: u64,
}

/// One line of the log; its texts are in the arena of the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// AB_LOG_...
    pub level: u32,
    /// Nanoseconds since 1970.
    pub unix_nanos: u64,
    /// The node.
    pub target: Span,
    /// What happened.
    pub message: Span,
    /// A JSON object with `link` (a number), `peer` and `code`, each if the line is about one; empty = about none.
    pub fields_json: Span,
    /// The actor that it is about; empty = none.
    pub actor: Span,
}
