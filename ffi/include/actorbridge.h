/* Made by make generate from ffi/src. Do not edit.
 *
 * actorbridge's C ABI. docs/C_ABI.md has the conventions: no function waits until something comes; ab_link_ask may run a handler; all
 * may be called from any thread; results below zero are errors; offsets are into the arena of the call. What is new since 1.0
 * says so. */

#ifndef ACTORBRIDGE_H
#define ACTORBRIDGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * The version of the C ABI that this header describes: major << 16 | minor. New in 1.1: ab_link_ask with a seq of 0, with
 * AB_NOT_INLINE, and ab_link_cancel; ab_link_map, ab_link_unmap and ab_link_wake, with ab_lane, AB_LANE_LAYOUT and
 * AB_RECORD_...; what is in ab_log.fields_json.
 */
#define AB_ABI_VERSION ((1 << 16) | 1)

/**
 * A descriptor of this kind carries the head of a packet: an encoded Frame without runs.
 */
#define AB_KIND_HEAD 65535

/**
 * Flag of a descriptor: ext is the whole item as its sender wrote it, payload and correlation included; off and len
 * show where its payload is in the arena. ab_link_recv always sets it.
 */
#define AB_DESC_WHOLE 32768

/**
 * The bits of flags that count how many nodes have forwarded the message.
 */
#define AB_DESC_HOPS 255

/**
 * ab_node_status.state: messages are taken.
 */
#define AB_STATE_RUNNING 0

/**
 * ab_node_status.state: ab_node_stop was called; actors and links end.
 */
#define AB_STATE_STOPPING 1

/**
 * ab_node_status.state: nothing of it runs any more.
 */
#define AB_STATE_STOPPED 2

/**
 * ab_node_dump: the node, its peers and counts.
 */
#define AB_DUMP_NODE 0

/**
 * ab_node_dump: the latest dead letters.
 */
#define AB_DUMP_DEAD_LETTERS 1

/**
 * The layout of a mapped lane's memory that docs/C_ABI.md describes. Since 1.1.
 */
#define AB_LANE_LAYOUT 1

/**
 * Tag of a record in a ring: nothing more before the ring's end; it is as long as the rest is. Tags are since 1.1.
 */
#define AB_RECORD_PAD 1

/**
 * Tag of a record in a ring: an encoded Frame without runs.
 */
#define AB_RECORD_FRAME 2

/**
 * Tag of a record in a ring: what the messages that follow have in common.
 */
#define AB_RECORD_RUN 3

/**
 * Tag of a record in a ring: a message, as the item of a frame has it.
 */
#define AB_RECORD_ITEM 4

/**
 * Tag of a record in a ring: a message of which there is nothing but this payload.
 */
#define AB_RECORD_PAYLOAD 5

/**
 * ab_log.level: something stopped working.
 */
#define AB_LOG_ERROR 1

/**
 * ab_log.level: something may need a look.
 */
#define AB_LOG_WARN 2

/**
 * ab_log.level: the course of things.
 */
#define AB_LOG_INFO 3

/**
 * Done. Nothing to do.
 */
#define AB_OK 0

/**
 * Accepted; the answer comes by ab_link_recv. Receive.
 */
#define AB_PENDING 1

/**
 * There is already something to receive. Receive before waiting.
 */
#define AB_MORE 2

/**
 * The buffer is too small; the size needed was stored. Call again with a larger buffer.
 */
#define AB_SHORT_BUFFER 3

/**
 * The stream has no credit left. Wait for a StreamState that raises the credit.
 */
#define AB_NO_CREDIT 4

/**
 * The ask was not taken: it is not one that can be handled on this thread now. Send it with ab_link_send.
 */
#define AB_NOT_INLINE 5

/**
 * The handle is closed, was never open, or is forged. Open it, and use it only until it is closed.
 */
#define AB_CLOSED -1

/**
 * A pointer is null where its length is not zero. Pass a valid pointer, or length 0.
 */
#define AB_NULL_POINTER -2

/**
 * An argument is out of its range. See the error's text.
 */
#define AB_BAD_ARGUMENT -3

/**
 * Struct_size is not one that this library knows. Set struct_size to sizeof the struct, and compile against the header of this library.
 */
#define AB_BAD_STRUCT_SIZE -4

/**
 * A descriptor's offsets leave the arena, or its fields contradict each other. Check off, len, ext_off and ext_len against the arena's size.
 */
#define AB_BAD_DESCRIPTOR -5

/**
 * Library and caller speak different versions of the C ABI. Run cargo update -p actorbridge-ffi or upgrade the Go client, as the text says.
 */
#define AB_ABI_MISMATCH -6

/**
 * The Hello does not decode. Send an encoded actorbridge.v1.Hello.
 */
#define AB_UNDECODABLE_HELLO -7

/**
 * A bug in the library was stopped at the border. Report it with the text; close the node.
 */
#define AB_PANIC -8

/**
 * The node is stopping or has stopped. Start a new node.
 */
#define AB_NODE_STOPPED -200

/**
 * The link is down. Open it again.
 */
#define AB_LINK_DOWN -201

/**
 * The peer broke the protocol, and its link was ended. See the Goodbye's detail; upgrade the peer.
 */
#define AB_PROTOCOL -202

/**
 * The two sides have no protocol version in common. Upgrade the older side; both ranges are in the text.
 */
#define AB_VERSION -203

/**
 * The peer lacks a capability that is required. Upgrade the peer, or do not require it.
 */
#define AB_CAPABILITY -204

/**
 * The operating system refused a resource. See os_errno; raise the limit of open files or threads.
 */
#define AB_RESOURCES -205

/**
 * This program was built without cgo, so the native door is not in it. Build with CGO_ENABLED=1 and a C compiler, or use the remote door.
 */
#define AB_NO_CGO -206

/**
 * No actor has this address. Check the address, spawn the actor, or link the node that hosts it.
 */
#define AB_NO_SUCH_ACTOR -101

/**
 * The message's bytes do not decode. Compare the schema of sender and receiver; the bytes are in the receiver's dead letters.
 */
#define AB_UNDECODABLE -102

/**
 * The message needs a newer reader. Upgrade the receiver, or let the sender write an older version.
 */
#define AB_UNSUPPORTED_VERSION -103

/**
 * The receiver does not know this kind of message. Upgrade the receiver.
 */
#define AB_UNSUPPORTED_KIND -104

/**
 * The receiver cannot read this content type or compression. Send protobuf without compression, or upgrade the receiver.
 */
#define AB_UNSUPPORTED_CODEC -105

/**
 * The actor's mailbox, or the sender's outbox towards it, is full. Wait and send again, or use the call that waits.
 */
#define AB_MAILBOX_FULL -106

/**
 * The deadline passed before the handler began. Give it more time, or find out why the actor is slow.
 */
#define AB_EXPIRED -107

/**
 * The actor has stopped. Spawn it again, or watch it to know when it stops.
 */
#define AB_STOPPED -108

/**
 * The sender may not do this. Check the link's identity, and that the path is not reserved.
 */
#define AB_FORBIDDEN -109

/**
 * The message repeats a field that its stream or type already set. Set each field once: in the stream's prefix, in the type's prefix or in the item.
 */
#define AB_BAD_OVERRIDE -110

/**
 * The message is larger than the limit. Split it.
 */
#define AB_TOO_LARGE -111

/**
 * A newer owner or writer has taken over. Stop this one; the newer epoch owns the actor.
 */
#define AB_FENCED -112

/**
 * The actor's state has another version than expected. Read the state again and decide anew (reserved: nothing answers with it yet).
 */
#define AB_VERSION_CONFLICT -113

/**
 * The message was withdrawn before its handler began. Send it anew if it is still wanted (reserved: nothing answers with it yet).
 */
#define AB_TOMBSTONED -114

/**
 * The link or the service is not there, and the message never left. Retry when the link is up again.
 */
#define AB_UNAVAILABLE -115

/**
 * The ask would wait for an actor that waits for it. Tell instead of ask somewhere in the cycle.
 */
#define AB_DEADLOCK -116

/**
 * The asker cancelled before the handler began. Nothing to do.
 */
#define AB_CANCELLED -117

/**
 * The actor has moved to another node. Send to its logical address, which follows it.
 */
#define AB_MOVED -118

/**
 * The actor does not handle this message type. Check the address and the actor's protocol.
 */
#define AB_UNSUPPORTED_TYPE -119

/**
 * An actor with this path exists already. Choose another path, or stop the first.
 */
#define AB_ALREADY_EXISTS -120

/**
 * An argument is not valid. See the detail.
 */
#define AB_INVALID_ARGUMENT -121

/**
 * The handler panicked. See the node's log, which has the stack; part of the effect may have happened.
 */
#define AB_PANICKED -132

/**
 * The handler returned an error. See the error's own code and details.
 */
#define AB_HANDLER_ERROR -133

/**
 * The handler ran out of time. Give it more time, or let it watch its context.
 */
#define AB_HANDLER_TIMEOUT -134

/**
 * The message left, and no answer came. Ask the actor what it knows, or send again what may be handled twice.
 */
#define AB_OUTCOME_UNKNOWN -164

/**
 * The actor's state or cursors were lost. Restore it from a snapshot, or accept the loss.
 */
#define AB_STATE_LOST -165

/**
 * How a node is opened.
 */
typedef struct {
    /**
     * sizeof(ab_node_opts).
     */
    uint32_t struct_size;
    /**
     * AB_ABI_VERSION of the header that the caller was compiled with.
     */
    uint32_t abi;
    /**
     * The node's name in UTF-8; null with length 0: the module's name.
     */
    const char *name;
    /**
     * Bytes of name.
     */
    uint32_t name_len;
    /**
     * Worker threads, at most 64; 0 = as many as cores, at most 4.
     */
    uint32_t workers;
    /**
     * Must be 0 in this version.
     */
    uint64_t mem_limit;
} ab_node_opts;

/**
 * A node. 0 is never one.
 */
typedef uint64_t ab_node;

/**
 * What went wrong, in the caller's memory. 256 bytes.
 */
typedef struct {
    /**
     * sizeof(ab_error); set it before the call.
     */
    uint32_t struct_size;
    /**
     * The status that the call returned.
     */
    int32_t code;
    /**
     * errno, with AB_RESOURCES; else 0.
     */
    int32_t os_errno;
    /**
     * When to try again; 0 = not known.
     */
    uint32_t retry_after_ms;
    /**
     * Bytes of text.
     */
    uint32_t text_len;
    /**
     * A sentence in UTF-8, cut to fit, with a zero behind it.
     */
    char text[236];
} ab_error;

/**
 * What a node is doing.
 */
typedef struct {
    /**
     * sizeof(ab_node_status); set it before the call.
     */
    uint32_t struct_size;
    /**
     * AB_STATE_...
     */
    uint32_t state;
    /**
     * Actors that run.
     */
    uint32_t actors;
    /**
     * Links that are up.
     */
    uint32_t links;
    /**
     * Messages that were refused, lost or not handled.
     */
    uint64_t dead_letters;
    /**
     * Log lines that were dropped because nobody drained them.
     */
    uint64_t logs_dropped;
} ab_node_status;

/**
 * A part of an arena.
 */
typedef struct {
    /**
     * First byte.
     */
    uint32_t off;
    /**
     * Bytes.
     */
    uint32_t len;
} ab_span;

/**
 * One line of the log; its texts are in the arena of the call.
 */
typedef struct {
    /**
     * AB_LOG_...
     */
    uint32_t level;
    /**
     * Nanoseconds since 1970.
     */
    uint64_t unix_nanos;
    /**
     * The node.
     */
    ab_span target;
    /**
     * What happened.
     */
    ab_span message;
    /**
     * A JSON object with link (a number), peer and code, each if the line is about one; empty = about none.
     */
    ab_span fields_json;
    /**
     * The actor that it is about; empty = none.
     */
    ab_span actor;
} ab_log;

/**
 * A link. 0 is never one.
 */
typedef uint64_t ab_link;

/**
 * One message, or the head of a packet. 64 bytes. All offsets are into the arena of the call.
 */
typedef struct {
    /**
     * The flow that the message goes on (StreamOpen.flow); 0 = outside any stream.
     */
    uint64_t target;
    /**
     * 0, but see ab_link_ask.
     */
    uint64_t source;
    /**
     * Joins an ask with its reply; 0 = none.
     */
    uint64_t correlation;
    /**
     * The number of the message on its flow: StreamOpen.first_seq, and higher for each; 0 outside any stream.
     */
    uint64_t seq;
    /**
     * TypeDef.id; 0 = the type is in ext.
     */
    uint32_t type;
    /**
     * Milliseconds left; 0 = no deadline.
     */
    uint32_t ttl_ms;
    /**
     * Where the payload begins.
     */
    uint32_t off;
    /**
     * Bytes of the payload.
     */
    uint32_t len;
    /**
     * Where the envelope's other fields begin, encoded.
     */
    uint32_t ext_off;
    /**
     * Bytes of them.
     */
    uint32_t ext_len;
    /**
     * AB_KIND_HEAD, or a Kind; 0 = the type says it.
     */
    uint16_t kind;
    /**
     * AB_DESC_WHOLE, and the count of AB_DESC_HOPS.
     */
    uint16_t flags;
    /**
     * 0 = first try.
     */
    uint32_t attempt;
} ab_desc;

/**
 * The memory of a mapped lane. Since 1.1.
 */
typedef struct {
    /**
     * sizeof(ab_lane); set it before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Where it begins: a header, which says its layout, the two rings, and what is granted on flows.
     */
    uint8_t *base;
    /**
     * Bytes.
     */
    uint64_t size;
    /**
     * For ab_link_unmap.
     */
    uint64_t map;
} ab_lane;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The C ABI that the library has: major << 16 | minor.
 */
uint32_t ab_abi_version(void);

/**
 * The name of a status, such as "AB_CLOSED"; "AB_UNKNOWN_STATUS" for a number that is none. Static; never null.
 */
const char *ab_status_name(int32_t status);

/**
 * Writes a JSON document about the library: versions, module, actors. len is set to its size, also with
 * AB_SHORT_BUFFER.
 *
 * Pointers: buf is null or has cap bytes, len is null or valid; nobody else uses them meanwhile.
 */
int32_t ab_build_info(uint8_t *buf,
                      size_t cap,
                      size_t *len);

/**
 * Opens a node with this program's Rust actors and starts it. It has threads of its own.
 *
 * opts and out must not be null; error may be. AB_ABI_MISMATCH, AB_BAD_ARGUMENT (a name that is not valid),
 * AB_RESOURCES (threads, or 64 nodes are open).
 *
 * Pointers: The pointers are null or valid for their types, and nobody else writes to them meanwhile.
 */
int32_t ab_node_open(const ab_node_opts *opts,
                     ab_node *out,
                     ab_error *error);

/**
 * Says what a node is doing.
 *
 * Pointers: out is null or valid, and nobody else uses it meanwhile.
 */
int32_t ab_node_status_get(ab_node node, ab_node_status *out);

/**
 * Begins to stop a node: actors end within grace_ms (then their tokens trip), links say Goodbye. Returns at once; the
 * end shows in ab_node_status_get and rings the doorbells of the node's links. A second call changes nothing.
 */
int32_t ab_node_stop(ab_node node,
                     uint32_t grace_ms);

/**
 * Closes a node and its links. A node that was not stopped stops with a grace of one second, in the background. Safe while
 * other threads are inside calls: theirs finish or return AB_CLOSED.
 */
int32_t ab_node_close(ab_node node);

/**
 * Writes a JSON document about a node: AB_DUMP_NODE or AB_DUMP_DEAD_LETTERS. len is set to its size, also with
 * AB_SHORT_BUFFER.
 *
 * Pointers: buf is null or has cap bytes, len is null or valid; nobody else uses them meanwhile.
 */
int32_t ab_node_dump(ab_node node,
                     uint32_t what,
                     uint8_t *buf,
                     size_t cap,
                     size_t *len);

/**
 * Writes a node's metrics in the OpenMetrics text format. len is set to their size, also with AB_SHORT_BUFFER.
 *
 * Pointers: As ab_node_dump.
 */
int32_t ab_node_metrics(ab_node node,
                        uint8_t *buf,
                        size_t cap,
                        size_t *len);

/**
 * Takes log lines of all nodes, at most cap; n is set to how many. AB_MORE: there are more. AB_SHORT_BUFFER: not even
 * the next line fits into the arena; it waits, and n is the bytes that it takes.
 *
 * Pointers: out is null or has cap elements, arena is null or has arena_cap bytes, n is null or valid; nobody else uses them
 * meanwhile.
 */
int32_t ab_logs_drain(ab_log *out,
                      uint32_t cap,
                      uint8_t *arena,
                      size_t arena_cap,
                      uint32_t *n);

/**
 * Chooses which log lines are kept: "off", "error", "warn" or "info" (the default), for all nodes of the process.
 *
 * Pointers: directive is null or has len bytes, error is null or valid; nobody else uses them meanwhile.
 */
int32_t ab_log_filter(const char *directive,
                      uint32_t len,
                      ab_error *error);

/**
 * Adds SA_ONSTACK to every signal handler that lacks it. fixed, if it is not null, is set to the signals up to 31 that it was
 * added for: bit n is signal n. Real-time signals have higher numbers, and no bit. Open nodes do this by themselves ten times a
 * second; call it after loading other libraries.
 *
 * Pointers: fixed is null or valid, and nobody else uses it meanwhile.
 */
int32_t ab_signal_guard(uint32_t *fixed);

/**
 * Opens a link to a node. hello is an encoded actorbridge.v1.Hello; with length 0 it comes in the first packet instead.
 * lanes is 0 or 1. The node's Welcome comes by ab_link_recv.
 *
 * AB_CLOSED, AB_NODE_STOPPED, AB_UNDECODABLE_HELLO, AB_VERSION and AB_CAPABILITY (the text has both sides),
 * AB_PROTOCOL, AB_RESOURCES.
 *
 * Pointers: hello is null or has hello_len bytes, out is null or valid, error is null or valid; nobody writes to them
 * meanwhile.
 */
int32_t ab_link_open(ab_node node,
                     const uint8_t *hello,
                     size_t hello_len,
                     uint32_t lanes,
                     ab_link *out,
                     ab_error *error);

/**
 * Gives the link's doorbell: a non-blocking descriptor that becomes readable when there is something to receive and the link was
 * armed (ab_link_arm). Of a mapped link it becomes readable anew when something was written while its reader slept, when there is
 * room for who asked for it, and when the link is over: watch it by edges, it stays readable.
 *
 * It belongs to the library: never read, write or close it. It is closed with the link, of a mapped one with ab_link_unmap. Who
 * watches it by epoll or kqueue while another thread may do that watches a duplicate: a closed descriptor tells nothing.
 *
 * Pointers: fd is null or valid, and nobody else uses it meanwhile.
 */
int32_t ab_link_fd(ab_link link,
                   uint32_t lane,
                   int32_t *fd);

/**
 * Asks the doorbell to ring once. AB_OK: it will; wait for it. AB_MORE: do not wait, there is something to receive. When the
 * link is over: its last status (AB_LINK_DOWN, AB_PROTOCOL, ...), as ab_link_recv would answer.
 */
int32_t ab_link_arm(ab_link link,
                    uint32_t lane);

/**
 * Sends packets. A descriptor of kind AB_KIND_HEAD begins one; descriptors without a head before them are one packet. A head
 * whose number is 0 is counted by the library. All messages are acted on, in order, before the call returns.
 *
 * statuses[i] says what became of descs[i]: AB_OK, AB_NO_CREDIT (send it again after the flow's StreamState; the rest
 * went on), AB_BAD_DESCRIPTOR, AB_OUTCOME_UNKNOWN (the link ended in its packet), or why the link is over. What becomes of a
 * message later is told by Outcomes and answers. Returns AB_OK, or why the link is over. At most 65,536 descriptors and
 * 4 MiB a call: beyond it AB_TOO_LARGE, and nothing was sent.
 *
 * Pointers: descs and statuses are null or have n elements, arena is null or has arena_len bytes; nobody writes to them
 * meanwhile.
 */
int32_t ab_link_send(ab_link link,
                     const ab_desc *descs,
                     uint32_t n,
                     const uint8_t *arena,
                     size_t arena_len,
                     int32_t *statuses);

/**
 * Receives packets, as many as fit; each begins with a descriptor of kind AB_KIND_HEAD, and none is divided. n is set to
 * the descriptors written, need to the bytes of the arena that they use.
 *
 * AB_OK: there is nothing more now (n may be 0). AB_MORE: call again. AB_SHORT_BUFFER: not even the next packet fits; it
 * waits, and n and need are what it takes. When the link is over and all was received: why. One thread at a time.
 *
 * Pointers: descs is null or has cap elements, arena is null or has arena_cap bytes, n and need are null or valid; nobody
 * else uses them meanwhile.
 */
int32_t ab_link_recv(ab_link link,
                     uint32_t lane,
                     ab_desc *descs,
                     uint32_t cap,
                     uint8_t *arena,
                     size_t arena_cap,
                     uint32_t *n,
                     size_t *need);

/**
 * Exchanges Frames as the remote door has them, for tests and languages without descriptors. input, if there is any, is
 * one Frame; it is acted on in any case but AB_CLOSED, AB_NULL_POINTER, AB_BAD_ARGUMENT and a link that is over. Then the
 * next Frame is written to out, if there is one, and len is set to its size (0: none).
 *
 * AB_OK, AB_MORE (call again, with no input), AB_SHORT_BUFFER (it waits; call again with no input and len bytes).
 * Do not use ab_link_recv on the same link.
 *
 * Pointers: input is null or has input_len bytes, out is null or has cap bytes, len is null or valid; nobody else uses them
 * meanwhile.
 */
int32_t ab_link_frames(ab_link link,
                       const uint8_t *input,
                       size_t input_len,
                       uint8_t *out,
                       size_t cap,
                       size_t *len);

/**
 * Closes a link. Packets that were sent before have been acted on; what was not received is gone. Safe while other threads
 * are inside calls: theirs finish or return AB_CLOSED. Who waits for the doorbell is woken. The memory of a mapped link stays
 * until ab_link_unmap, and says that it is closed.
 */
int32_t ab_link_close(ab_link link);

/**
 * Asks. With a seq of 0, the handler is run on this thread, if the ask's method is declared inline and its actor has nothing
 * else to do: the call blocks as long as the handler runs, and needs no credit. The type is one that the peer was told, or 0
 * and in ext. source is the number of the flow's stream (StreamOpen.stream), so that an ask does not reach another actor if
 * another thread closes the flow and opens it anew meanwhile; or 0, where nobody does that. Since
 * 1.1; docs/C_ABI.md has all that it takes.
 *
 * AB_OK: rep is the answer, an envelope without who in rep_arena (AB_DESC_WHOLE). AB_NOT_INLINE: it was not taken; send it
 * with its seq. AB_PENDING: it was taken, and its answer comes by ab_link_recv. AB_SHORT_BUFFER: it was handled, its answer needs
 * need bytes, and comes by ab_link_recv: the handler is never run twice. An ask never overtakes what was sent before it and is
 * not handled yet: then it is AB_NOT_INLINE.
 *
 * The token of the handler trips ttl_ms after the handler first looks at it, by ab_link_cancel, when the link is over, or when the node
 * stops and its grace is over. The call returns when the handler does, whatever its token says.
 *
 * With a seq, the ask is sent as by ab_link_send, and answered with AB_PENDING.
 *
 * Pointers: req, rep and need are null or valid, arena is null or has arena_len bytes, rep_arena is null or has cap bytes; nobody
 * else uses them meanwhile.
 */
int32_t ab_link_ask(ab_link link,
                    ab_desc *req,
                    const uint8_t *arena,
                    size_t arena_len,
                    ab_desc *rep,
                    uint8_t *rep_arena,
                    size_t cap,
                    size_t *need);

/**
 * Tells the handler of an ask that ab_link_ask, with a seq of 0, runs on another thread, or has answered with AB_PENDING, that its
 * asker waits no longer: its token trips. The ask is answered all the same. flow and correlation are those of the ask; a correlation
 * of 0 is whichever ask of the flow. AB_OK, also if there is no such ask, or it is over. Since 1.1.
 */
int32_t ab_link_cancel(ab_link link,
                       uint32_t flow,
                       uint64_t correlation);

/**
 * Maps a link's lane: from now on what it carries goes through two rings in memory that both sides use, as docs/C_ABI.md
 * describes, and ab_link_send, ab_link_recv, ab_link_arm and ab_link_frames answer AB_BAD_ARGUMENT. Only right after ab_link_open,
 * without a Hello. The memory and the doorbell stay until ab_link_unmap, also when the link is closed: then its flag closed is
 * set. Since 1.1.
 *
 * AB_CLOSED, AB_BAD_ARGUMENT (not the first thing that is done with the link), AB_RESOURCES.
 *
 * Pointers: out is null or valid, and nobody else uses it meanwhile.
 */
int32_t ab_link_map(ab_link link,
                    uint32_t lane,
                    ab_lane *out);

/**
 * Lets go of a lane's memory and its doorbell: no thread of the caller touches them any more. AB_CLOSED for a number that is none.
 * Since 1.1.
 */
int32_t ab_link_unmap(uint64_t map);

/**
 * Wakes the node's side of a mapped lane: something was written while it slept, or it waits for room and there is some. Since 1.1.
 */
int32_t ab_link_wake(ab_link link,
                     uint32_t lane);

/**
 * Writes the bytes of an envelope: kind, correlation and payload from the descriptor, all other fields from its ext. len is
 * set to the envelope's size, also with AB_SHORT_BUFFER.
 *
 * Pointers: desc is null or valid, arena is null or has arena_len bytes, buf is null or has cap bytes, len is null or
 * valid; nobody else uses them meanwhile.
 */
int32_t ab_envelope_encode(const ab_desc *desc,
                           const uint8_t *arena,
                           size_t arena_len,
                           uint8_t *buf,
                           size_t cap,
                           size_t *len);

/**
 * Takes an envelope apart: kind, correlation and payload into the descriptor, all other fields into its ext; ab_envelope_encode
 * makes the same bytes of it. An envelope for which that would not hold comes whole (AB_DESC_WHOLE). need is set to the
 * arena bytes, also with AB_SHORT_BUFFER. A refused envelope has the code's status (AB_UNDECODABLE, AB_BAD_OVERRIDE,
 * AB_TOO_LARGE).
 *
 * Pointers: envelope is null or has len bytes, out is null or valid, arena is null or has cap bytes, need is null or
 * valid; nobody else uses them meanwhile.
 */
int32_t ab_envelope_decode(const uint8_t *envelope,
                           size_t len,
                           ab_desc *out,
                           uint8_t *arena,
                           size_t cap,
                           size_t *need);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ACTORBRIDGE_H */
