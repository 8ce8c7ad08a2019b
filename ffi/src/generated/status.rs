//! Made by `make generate` from proto/actorbridge/v1/errors.proto. Do not edit.
//!
//! The statuses that every function of the C library answers with.

use core::ffi::CStr;

/// Done. Nothing to do.
pub const AB_OK: i32 = 0;
/// Accepted; the answer comes by ab_link_recv. Receive.
pub const AB_PENDING: i32 = 1;
/// There is already something to receive. Receive before waiting.
pub const AB_MORE: i32 = 2;
/// The buffer is too small; the size needed was stored. Call again with a larger buffer.
pub const AB_SHORT_BUFFER: i32 = 3;
/// The stream has no credit left. Wait for a StreamState that raises the credit.
pub const AB_NO_CREDIT: i32 = 4;
/// The ask was not taken: it is not one that can be handled on this thread now. Send it with ab_link_send.
pub const AB_NOT_INLINE: i32 = 5;
/// The handle is closed, was never open, or is forged. Open it, and use it only until it is closed.
pub const AB_CLOSED: i32 = -1;
/// A pointer is null where its length is not zero. Pass a valid pointer, or length 0.
pub const AB_NULL_POINTER: i32 = -2;
/// An argument is out of its range. See the error's text.
pub const AB_BAD_ARGUMENT: i32 = -3;
/// Struct_size is not one that this library knows. Set struct_size to sizeof the struct, and compile against the header of this library.
pub const AB_BAD_STRUCT_SIZE: i32 = -4;
/// A descriptor's offsets leave the arena, or its fields contradict each other. Check off, len, ext_off and ext_len against the arena's size.
pub const AB_BAD_DESCRIPTOR: i32 = -5;
/// Library and caller speak different versions of the C ABI. Run `cargo update -p actorbridge-ffi` or upgrade the Go client, as the text says.
pub const AB_ABI_MISMATCH: i32 = -6;
/// The Hello does not decode. Send an encoded actorbridge.v1.Hello.
pub const AB_UNDECODABLE_HELLO: i32 = -7;
/// A bug in the library was stopped at the border. Report it with the text; close the node.
pub const AB_PANIC: i32 = -8;
/// The node is stopping or has stopped. Start a new node.
pub const AB_NODE_STOPPED: i32 = -200;
/// The link is down. Open it again.
pub const AB_LINK_DOWN: i32 = -201;
/// The peer broke the protocol, and its link was ended. See the Goodbye's detail; upgrade the peer.
pub const AB_PROTOCOL: i32 = -202;
/// The two sides have no protocol version in common. Upgrade the older side; both ranges are in the text.
pub const AB_VERSION: i32 = -203;
/// The peer lacks a capability that is required. Upgrade the peer, or do not require it.
pub const AB_CAPABILITY: i32 = -204;
/// The operating system refused a resource. See os_errno; raise the limit of open files or threads.
pub const AB_RESOURCES: i32 = -205;
/// This program was built without cgo, so the native door is not in it. Build with CGO_ENABLED=1 and a C compiler, or use the remote door.
pub const AB_NO_CGO: i32 = -206;
/// No actor has this address. Check the address, spawn the actor, or link the node that hosts it.
pub const AB_NO_SUCH_ACTOR: i32 = -101;
/// The message's bytes do not decode. Compare the schema of sender and receiver; the bytes are in the receiver's dead letters.
pub const AB_UNDECODABLE: i32 = -102;
/// The message needs a newer reader. Upgrade the receiver, or let the sender write an older version.
pub const AB_UNSUPPORTED_VERSION: i32 = -103;
/// The receiver does not know this kind of message. Upgrade the receiver.
pub const AB_UNSUPPORTED_KIND: i32 = -104;
/// The receiver cannot read this content type or compression. Send protobuf without compression, or upgrade the receiver.
pub const AB_UNSUPPORTED_CODEC: i32 = -105;
/// The actor's mailbox, or the sender's outbox towards it, is full. Wait and send again, or use the call that waits.
pub const AB_MAILBOX_FULL: i32 = -106;
/// The deadline passed before the handler began. Give it more time, or find out why the actor is slow.
pub const AB_EXPIRED: i32 = -107;
/// The actor has stopped. Spawn it again, or watch it to know when it stops.
pub const AB_STOPPED: i32 = -108;
/// The sender may not do this. Check the link's identity, and that the path is not reserved.
pub const AB_FORBIDDEN: i32 = -109;
/// The message repeats a field that its stream or type already set. Set each field once: in the stream's prefix, in the type's prefix or in the item.
pub const AB_BAD_OVERRIDE: i32 = -110;
/// The message is larger than the limit. Split it.
pub const AB_TOO_LARGE: i32 = -111;
/// A newer owner or writer has taken over. Stop this one; the newer epoch owns the actor.
pub const AB_FENCED: i32 = -112;
/// The actor's state has another version than expected. Read the state again and decide anew (reserved: nothing answers with it yet).
pub const AB_VERSION_CONFLICT: i32 = -113;
/// The message was withdrawn before its handler began. Send it anew if it is still wanted (reserved: nothing answers with it yet).
pub const AB_TOMBSTONED: i32 = -114;
/// The link or the service is not there, and the message never left. Retry when the link is up again.
pub const AB_UNAVAILABLE: i32 = -115;
/// The ask would wait for an actor that waits for it. Tell instead of ask somewhere in the cycle.
pub const AB_DEADLOCK: i32 = -116;
/// The asker cancelled before the handler began. Nothing to do.
pub const AB_CANCELLED: i32 = -117;
/// The actor has moved to another node. Send to its logical address, which follows it.
pub const AB_MOVED: i32 = -118;
/// The actor does not handle this message type. Check the address and the actor's protocol.
pub const AB_UNSUPPORTED_TYPE: i32 = -119;
/// An actor with this path exists already. Choose another path, or stop the first.
pub const AB_ALREADY_EXISTS: i32 = -120;
/// An argument is not valid. See the detail.
pub const AB_INVALID_ARGUMENT: i32 = -121;
/// The handler panicked. See the node's log, which has the stack; part of the effect may have happened.
pub const AB_PANICKED: i32 = -132;
/// The handler returned an error. See the error's own code and details.
pub const AB_HANDLER_ERROR: i32 = -133;
/// The handler ran out of time. Give it more time, or let it watch its context.
pub const AB_HANDLER_TIMEOUT: i32 = -134;
/// The message left, and no answer came. Ask the actor what it knows, or send again what may be handled twice.
pub const AB_OUTCOME_UNKNOWN: i32 = -164;
/// The actor's state or cursors were lost. Restore it from a snapshot, or accept the loss.
pub const AB_STATE_LOST: i32 = -165;

/// The constant's name for a status; none for a number that is not one.
pub(crate) const fn status_name(status: i32) -> Option<&'static CStr> {
    Some(match status {
        AB_OK => c"AB_OK",
        AB_PENDING => c"AB_PENDING",
        AB_MORE => c"AB_MORE",
        AB_SHORT_BUFFER => c"AB_SHORT_BUFFER",
        AB_NO_CREDIT => c"AB_NO_CREDIT",
        AB_NOT_INLINE => c"AB_NOT_INLINE",
        AB_CLOSED => c"AB_CLOSED",
        AB_NULL_POINTER => c"AB_NULL_POINTER",
        AB_BAD_ARGUMENT => c"AB_BAD_ARGUMENT",
        AB_BAD_STRUCT_SIZE => c"AB_BAD_STRUCT_SIZE",
        AB_BAD_DESCRIPTOR => c"AB_BAD_DESCRIPTOR",
        AB_ABI_MISMATCH => c"AB_ABI_MISMATCH",
        AB_UNDECODABLE_HELLO => c"AB_UNDECODABLE_HELLO",
        AB_PANIC => c"AB_PANIC",
        AB_NODE_STOPPED => c"AB_NODE_STOPPED",
        AB_LINK_DOWN => c"AB_LINK_DOWN",
        AB_PROTOCOL => c"AB_PROTOCOL",
        AB_VERSION => c"AB_VERSION",
        AB_CAPABILITY => c"AB_CAPABILITY",
        AB_RESOURCES => c"AB_RESOURCES",
        AB_NO_CGO => c"AB_NO_CGO",
        AB_NO_SUCH_ACTOR => c"AB_NO_SUCH_ACTOR",
        AB_UNDECODABLE => c"AB_UNDECODABLE",
        AB_UNSUPPORTED_VERSION => c"AB_UNSUPPORTED_VERSION",
        AB_UNSUPPORTED_KIND => c"AB_UNSUPPORTED_KIND",
        AB_UNSUPPORTED_CODEC => c"AB_UNSUPPORTED_CODEC",
        AB_MAILBOX_FULL => c"AB_MAILBOX_FULL",
        AB_EXPIRED => c"AB_EXPIRED",
        AB_STOPPED => c"AB_STOPPED",
        AB_FORBIDDEN => c"AB_FORBIDDEN",
        AB_BAD_OVERRIDE => c"AB_BAD_OVERRIDE",
        AB_TOO_LARGE => c"AB_TOO_LARGE",
        AB_FENCED => c"AB_FENCED",
        AB_VERSION_CONFLICT => c"AB_VERSION_CONFLICT",
        AB_TOMBSTONED => c"AB_TOMBSTONED",
        AB_UNAVAILABLE => c"AB_UNAVAILABLE",
        AB_DEADLOCK => c"AB_DEADLOCK",
        AB_CANCELLED => c"AB_CANCELLED",
        AB_MOVED => c"AB_MOVED",
        AB_UNSUPPORTED_TYPE => c"AB_UNSUPPORTED_TYPE",
        AB_ALREADY_EXISTS => c"AB_ALREADY_EXISTS",
        AB_INVALID_ARGUMENT => c"AB_INVALID_ARGUMENT",
        AB_PANICKED => c"AB_PANICKED",
        AB_HANDLER_ERROR => c"AB_HANDLER_ERROR",
        AB_HANDLER_TIMEOUT => c"AB_HANDLER_TIMEOUT",
        AB_OUTCOME_UNKNOWN => c"AB_OUTCOME_UNKNOWN",
        AB_STATE_LOST => c"AB_STATE_LOST",
        _ => return None,
    })
}
