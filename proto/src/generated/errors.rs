// Made by `make generate` from proto/actorbridge/v1/errors.proto. Do not edit.

impl Code {
    /// The code of a number from the wire. One that this build does not know is OutcomeUnknown: it may have had
    /// an effect, and only the newer peer could say.
    pub const fn from_wire(number: i32) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::NoSuchActor,
            2 => Self::Undecodable,
            3 => Self::UnsupportedVersion,
            4 => Self::UnsupportedKind,
            5 => Self::UnsupportedCodec,
            6 => Self::MailboxFull,
            7 => Self::Expired,
            8 => Self::Stopped,
            9 => Self::Forbidden,
            10 => Self::BadOverride,
            11 => Self::TooLarge,
            12 => Self::Fenced,
            13 => Self::VersionConflict,
            14 => Self::Tombstoned,
            15 => Self::Unavailable,
            16 => Self::Deadlock,
            17 => Self::Cancelled,
            18 => Self::Moved,
            19 => Self::UnsupportedType,
            20 => Self::AlreadyExists,
            21 => Self::InvalidArgument,
            32 => Self::Panicked,
            33 => Self::HandlerError,
            34 => Self::HandlerTimeout,
            64 => Self::OutcomeUnknown,
            65 => Self::StateLost,
            _ => Self::OutcomeUnknown,
        }
    }

    /// The status with which the C library answers this code.
    pub const fn c_status(self) -> i32 {
        match self {
            Self::Ok => 0,
            code => -100 - code as i32,
        }
    }

    /// Did the handler's effect happen?
    pub const fn effect(self) -> Effect {
        match self {
            Self::Ok => Effect::Done,
            Self::NoSuchActor => Effect::None,
            Self::Undecodable => Effect::None,
            Self::UnsupportedVersion => Effect::None,
            Self::UnsupportedKind => Effect::None,
            Self::UnsupportedCodec => Effect::None,
            Self::MailboxFull => Effect::None,
            Self::Expired => Effect::None,
            Self::Stopped => Effect::None,
            Self::Forbidden => Effect::None,
            Self::BadOverride => Effect::None,
            Self::TooLarge => Effect::None,
            Self::Fenced => Effect::None,
            Self::VersionConflict => Effect::None,
            Self::Tombstoned => Effect::None,
            Self::Unavailable => Effect::None,
            Self::Deadlock => Effect::None,
            Self::Cancelled => Effect::None,
            Self::Moved => Effect::None,
            Self::UnsupportedType => Effect::None,
            Self::AlreadyExists => Effect::None,
            Self::InvalidArgument => Effect::None,
            Self::Panicked => Effect::Maybe,
            Self::HandlerError => Effect::Maybe,
            Self::HandlerTimeout => Effect::Maybe,
            Self::OutcomeUnknown => Effect::Maybe,
            Self::StateLost => Effect::Maybe,
        }
    }

    /// What happened.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Ok => "handled",
            Self::NoSuchActor => "no actor has this address",
            Self::Undecodable => "the message's bytes do not decode",
            Self::UnsupportedVersion => "the message needs a newer reader",
            Self::UnsupportedKind => "the receiver does not know this kind of message",
            Self::UnsupportedCodec => "the receiver cannot read this content type or compression",
            Self::MailboxFull => "the actor's mailbox, or the sender's outbox towards it, is full",
            Self::Expired => "the deadline passed before the handler began",
            Self::Stopped => "the actor has stopped",
            Self::Forbidden => "the sender may not do this",
            Self::BadOverride => "the message repeats a field that its stream or type already set",
            Self::TooLarge => "the message is larger than the limit",
            Self::Fenced => "a newer owner or writer has taken over",
            Self::VersionConflict => "the actor's state has another version than expected",
            Self::Tombstoned => "the message was withdrawn before its handler began",
            Self::Unavailable => "the link or the service is not there, and the message never left",
            Self::Deadlock => "the ask would wait for an actor that waits for it",
            Self::Cancelled => "the asker cancelled before the handler began",
            Self::Moved => "the actor has moved to another node",
            Self::UnsupportedType => "the actor does not handle this message type",
            Self::AlreadyExists => "an actor with this path exists already",
            Self::InvalidArgument => "an argument is not valid",
            Self::Panicked => "the handler panicked",
            Self::HandlerError => "the handler returned an error",
            Self::HandlerTimeout => "the handler ran out of time",
            Self::OutcomeUnknown => "the message left, and no answer came",
            Self::StateLost => "the actor's state or cursors were lost",
        }
    }

    /// What to do about it.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::Ok => "nothing to do",
            Self::NoSuchActor => "check the address, spawn the actor, or link the node that hosts it",
            Self::Undecodable => {
                "compare the schema of sender and receiver; the bytes are in the receiver's dead letters"
            }
            Self::UnsupportedVersion => "upgrade the receiver, or let the sender write an older version",
            Self::UnsupportedKind => "upgrade the receiver",
            Self::UnsupportedCodec => "send protobuf without compression, or upgrade the receiver",
            Self::MailboxFull => "wait and send again, or use the call that waits",
            Self::Expired => "give it more time, or find out why the actor is slow",
            Self::Stopped => "spawn it again, or watch it to know when it stops",
            Self::Forbidden => "check the link's identity, and that the path is not reserved",
            Self::BadOverride => "set each field once: in the stream's prefix, in the type's prefix or in the item",
            Self::TooLarge => "split it",
            Self::Fenced => "stop this one; the newer epoch owns the actor",
            Self::VersionConflict => "read the state again and decide anew (reserved: nothing answers with it yet)",
            Self::Tombstoned => "send it anew if it is still wanted (reserved: nothing answers with it yet)",
            Self::Unavailable => "retry when the link is up again",
            Self::Deadlock => "tell instead of ask somewhere in the cycle",
            Self::Cancelled => "nothing to do",
            Self::Moved => "send to its logical address, which follows it",
            Self::UnsupportedType => "check the address and the actor's protocol",
            Self::AlreadyExists => "choose another path, or stop the first",
            Self::InvalidArgument => "see the detail",
            Self::Panicked => "see the node's log, which has the stack; part of the effect may have happened",
            Self::HandlerError => "see the error's own code and details",
            Self::HandlerTimeout => "give it more time, or let it watch its context",
            Self::OutcomeUnknown => "ask the actor what it knows, or send again what may be handled twice",
            Self::StateLost => "restore it from a snapshot, or accept the loss",
        }
    }

    /// The number of the google.rpc.Code.
    pub const fn grpc(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::NoSuchActor => 5,
            Self::Undecodable => 3,
            Self::UnsupportedVersion => 9,
            Self::UnsupportedKind => 12,
            Self::UnsupportedCodec => 12,
            Self::MailboxFull => 8,
            Self::Expired => 4,
            Self::Stopped => 5,
            Self::Forbidden => 7,
            Self::BadOverride => 3,
            Self::TooLarge => 8,
            Self::Fenced => 10,
            Self::VersionConflict => 10,
            Self::Tombstoned => 10,
            Self::Unavailable => 14,
            Self::Deadlock => 9,
            Self::Cancelled => 1,
            Self::Moved => 14,
            Self::UnsupportedType => 12,
            Self::AlreadyExists => 6,
            Self::InvalidArgument => 3,
            Self::Panicked => 13,
            Self::HandlerError => 2,
            Self::HandlerTimeout => 4,
            Self::OutcomeUnknown => 2,
            Self::StateLost => 15,
        }
    }
}

impl Status {
    /// Did the handler's effect happen?
    pub const fn effect(self) -> Effect {
        match self {
            Self::Ok => Effect::Done,
            Self::Pending => Effect::None,
            Self::More => Effect::None,
            Self::ShortBuffer => Effect::None,
            Self::NoCredit => Effect::None,
            Self::NotInline => Effect::None,
            Self::Closed => Effect::None,
            Self::NullPointer => Effect::None,
            Self::BadArgument => Effect::None,
            Self::BadStructSize => Effect::None,
            Self::BadDescriptor => Effect::None,
            Self::AbiMismatch => Effect::None,
            Self::UndecodableHello => Effect::None,
            Self::Panic => Effect::Maybe,
            Self::NodeStopped => Effect::None,
            Self::LinkDown => Effect::None,
            Self::Protocol => Effect::None,
            Self::Version => Effect::None,
            Self::Capability => Effect::None,
            Self::Resources => Effect::None,
            Self::NoCgo => Effect::None,
        }
    }

    /// What happened.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Pending => "accepted; the answer comes by ab_link_recv",
            Self::More => "there is already something to receive",
            Self::ShortBuffer => "the buffer is too small; the size needed was stored",
            Self::NoCredit => "the stream has no credit left",
            Self::NotInline => "the ask was not taken: it is not one that can be handled on this thread now",
            Self::Closed => "the handle is closed, was never open, or is forged",
            Self::NullPointer => "a pointer is null where its length is not zero",
            Self::BadArgument => "an argument is out of its range",
            Self::BadStructSize => "struct_size is not one that this library knows",
            Self::BadDescriptor => "a descriptor's offsets leave the arena, or its fields contradict each other",
            Self::AbiMismatch => "library and caller speak different versions of the C ABI",
            Self::UndecodableHello => "the Hello does not decode",
            Self::Panic => "a bug in the library was stopped at the border",
            Self::NodeStopped => "the node is stopping or has stopped",
            Self::LinkDown => "the link is down",
            Self::Protocol => "the peer broke the protocol, and its link was ended",
            Self::Version => "the two sides have no protocol version in common",
            Self::Capability => "the peer lacks a capability that is required",
            Self::Resources => "the operating system refused a resource",
            Self::NoCgo => "this program was built without cgo, so the native door is not in it",
        }
    }

    /// What to do about it.
    pub const fn mend(self) -> &'static str {
        match self {
            Self::Ok => "nothing to do",
            Self::Pending => "receive",
            Self::More => "receive before waiting",
            Self::ShortBuffer => "call again with a larger buffer",
            Self::NoCredit => "wait for a StreamState that raises the credit",
            Self::NotInline => "send it with ab_link_send",
            Self::Closed => "open it, and use it only until it is closed",
            Self::NullPointer => "pass a valid pointer, or length 0",
            Self::BadArgument => "see the error's text",
            Self::BadStructSize => {
                "set struct_size to sizeof the struct, and compile against the header of this library"
            }
            Self::BadDescriptor => "check off, len, ext_off and ext_len against the arena's size",
            Self::AbiMismatch => "run `cargo update -p actorbridge-ffi` or upgrade the Go client, as the text says",
            Self::UndecodableHello => "send an encoded actorbridge.v1.Hello",
            Self::Panic => "report it with the text; close the node",
            Self::NodeStopped => "start a new node",
            Self::LinkDown => "open it again",
            Self::Protocol => "see the Goodbye's detail; upgrade the peer",
            Self::Version => "upgrade the older side; both ranges are in the text",
            Self::Capability => "upgrade the peer, or do not require it",
            Self::Resources => "see os_errno; raise the limit of open files or threads",
            Self::NoCgo => "build with CGO_ENABLED=1 and a C compiler, or use the remote door",
        }
    }

    /// The number of the google.rpc.Code.
    pub const fn grpc(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Pending => 0,
            Self::More => 0,
            Self::ShortBuffer => 0,
            Self::NoCredit => 8,
            Self::NotInline => 9,
            Self::Closed => 9,
            Self::NullPointer => 3,
            Self::BadArgument => 3,
            Self::BadStructSize => 3,
            Self::BadDescriptor => 3,
            Self::AbiMismatch => 9,
            Self::UndecodableHello => 3,
            Self::Panic => 13,
            Self::NodeStopped => 14,
            Self::LinkDown => 14,
            Self::Protocol => 13,
            Self::Version => 9,
            Self::Capability => 9,
            Self::Resources => 8,
            Self::NoCgo => 12,
        }
    }
}
