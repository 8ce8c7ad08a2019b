/* What hello.c does, by the rings that a link's two sides share instead of by calls: it tells the actor `greeter` of many guests with
 * long names, more than a ring holds and than it has credit for, asks it, and prints the answer. "The smallest client" in docs/C_ABI.md
 * has the steps, of which 1 to 6 and 10 are here; "Lanes in shared memory" has the memory. As hello.c it is linked with a library that
 * has the actor.
 *
 * It needs the __atomic builtins of gcc and clang. */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <actorbridge.h>

#include "common.h"
#include "proto.h"

enum { HEADER = 4096, CONTROL = 512, RUN_HEAD = 32, RUN_TYPE = 12, FLOW = 1, FIRST_CREDIT = 16 };
enum { GUESTS = 100, LONG_NAME = 64000 };

/* One ring, as this program sees it. */
typedef struct {
    uint64_t *tail, *head;
    uint32_t *asleep, *wants_room, *want_credit, *closed;
    uint8_t *data;
    uint64_t size, at; /* at: our own tail, or head */
} ring;

typedef struct {
    ab_link link;
    ab_lane lane;
    ring to, from;
    int bell;                 /* an epoll descriptor that watches the doorbell */
    int welcome;
    uint64_t seq, credit;     /* of FLOW: the last that was sent, and the last that may be */
    int owes_pong;            /* a Ping is not answered yet */
    uint64_t ping;            /* its token */
    uint32_t type;            /* of the messages that follow */
    uint32_t kinds[MOST_TYPES + 1];
    uint64_t asked, answered; /* correlations */
    uint64_t asked_seq;
} lane_end;

static void die(const char *doing, const char *why) {
    fprintf(stderr, "%s: %s\n", doing, why);
    exit(1);
}

static void check(const char *doing, int32_t status) {
    if (status < 0)
        die(doing, ab_status_name(status));
}

static ring ring_of(const ab_lane *lane, uint64_t size, unsigned way) {
    uint8_t *control = lane->base + CONTROL * (1 + way);
    ring r;
    r.tail = (uint64_t *)(void *)control;
    r.head = (uint64_t *)(void *)(control + 128);
    r.asleep = (uint32_t *)(void *)(control + 256);
    r.wants_room = (uint32_t *)(void *)(control + 384);
    r.want_credit = (uint32_t *)(void *)(control + 388);
    r.closed = (uint32_t *)(void *)(lane->base + 16);
    r.data = lane->base + HEADER + size * way;
    r.size = size;
    r.at = 0;
    return r;
}

static void open_lane(ab_node node, lane_end *l) {
    struct epoll_event edge = {0};
    uint32_t layout;
    uint64_t size;
    int32_t fd;
    check("link", ab_link_open(node, NULL, 0, 1, &l->link, NULL));
    l->lane.struct_size = sizeof l->lane;
    check("map", ab_link_map(l->link, 0, &l->lane));
    memcpy(&layout, l->lane.base + 4, sizeof layout);
    memcpy(&size, l->lane.base + 8, sizeof size);
    if (memcmp(l->lane.base, "ABL1", 4) != 0 || layout != AB_LANE_LAYOUT)
        die("map", "another layout than this program knows");
    l->to = ring_of(&l->lane, size, 0);
    l->from = ring_of(&l->lane, size, 1);
    check("fd", ab_link_fd(l->link, 0, &fd));
    edge.events = EPOLLIN | EPOLLET; /* it is never read */
    l->bell = epoll_create1(EPOLL_CLOEXEC);
    if (l->bell < 0 || epoll_ctl(l->bell, EPOLL_CTL_ADD, fd, &edge) != 0)
        die("epoll", "the doorbell cannot be watched");
}

static uint64_t space(uint64_t len) { return 8 + ((len + 7) & ~(uint64_t)7); }

/* Writes a record, for which there is room; `publish` shows it. */
static void put_record(ring *r, uint32_t tag, const void *bytes, uint32_t len) {
    uint64_t left = r->size - (r->at & (r->size - 1));
    uint64_t word;
    if (space(len) > left) {
        word = (left - 8) | (uint64_t)AB_RECORD_PAD << 32;
        memcpy(r->data + (r->at & (r->size - 1)), &word, sizeof word);
        r->at += left;
    }
    word = len | (uint64_t)tag << 32;
    memcpy(r->data + (r->at & (r->size - 1)), &word, sizeof word);
    memcpy(r->data + (r->at & (r->size - 1)) + 8, bytes, len);
    r->at += space(len);
}

static void publish(lane_end *l) {
    __atomic_store_n(l->to.tail, l->to.at, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(l->to.asleep, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_exchange_n(l->to.asleep, 0, __ATOMIC_SEQ_CST) != 0)
        check("wake", ab_link_wake(l->link, 0));
}

static int is_closed(lane_end *l) { return __atomic_load_n(l->from.closed, __ATOMIC_SEQ_CST) != 0; }

static int something_came(lane_end *l) { return __atomic_load_n(l->from.tail, __ATOMIC_SEQ_CST) != l->from.at; }

static int has_room(lane_end *l, uint64_t bytes) {
    return l->to.size - (l->to.at - __atomic_load_n(l->to.head, __ATOMIC_SEQ_CST)) >= bytes;
}

/* Waits until something came, or the link is over, or, where `room` is not 0, there is so much of it in the ring to the node. One thread
 * writes and reads here: it looks for both after it has said that it sleeps. */
static void wait_for(lane_end *l, uint64_t room) {
    uint32_t *asleep = l->from.asleep;
    struct epoll_event event;
    if (room != 0)
        __atomic_store_n(l->to.wants_room, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(asleep, 1, __ATOMIC_SEQ_CST);
    if (something_came(l) || is_closed(l) || (room != 0 && has_room(l, room))) {
        __atomic_store_n(asleep, 0, __ATOMIC_SEQ_CST);
        return;
    }
    while (__atomic_load_n(asleep, __ATOMIC_SEQ_CST) != 0)
        if (epoll_wait(l->bell, &event, 1, 10000) == 0)
            die("wait", "nothing came in ten seconds");
}

/* What became of one message of our flow that was not handled. An ask is answered by a failure as well, which read_item looks at. */
static void read_outcome(lane_end *l, const uint8_t *at, size_t len) {
    const uint8_t *end = at + len;
    uint64_t seq = 0, code = 0;
    char guest[40];
    field f;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) /* Outcome.seq */
            seq = f.value;
        if (f.number == 2) /* Outcome.code */
            code = f.value;
    }
    if (seq == l->asked_seq)
        return;
    snprintf(guest, sizeof guest, "tell of guest %llu", (unsigned long long)seq);
    die(guest, ab_status_name(status_of(code)));
}

/* What the node says of our flow: how far it may be sent on, and what was refused. */
static void read_state(lane_end *l, const uint8_t *at, const uint8_t *end) {
    uint64_t flow = 0, credit = 0;
    field f;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) /* StreamState.flow */
            flow = f.value;
        if (f.number == 4) /* StreamState.credit */
            credit = f.value;
        if (f.number == 5) /* StreamState.outcomes */
            read_outcome(l, f.bytes, f.len);
    }
    if (flow == FLOW && credit > l->credit)
        l->credit = credit;
}

static void read_frame(lane_end *l, const uint8_t *at, const uint8_t *end) {
    field f, inner;
    while (next_field(&at, end, &f)) {
        const uint8_t *from = f.bytes;
        switch (f.number) {
        case 2: /* Frame.welcome */
            l->welcome = 1;
            break;
        case 6: /* Frame.type */
            read_type(l->kinds, from, f.len);
            break;
        case 7: /* Frame.state */
            read_state(l, from, from + f.len);
            break;
        case 11: /* Frame.ping */
            l->ping = 0;
            l->owes_pong = 1;
            while (next_field(&from, f.bytes + f.len, &inner))
                if (inner.number == 1) /* Ping.token */
                    l->ping = inner.value;
            break;
        case 13: /* Frame.goodbye */
            print_goodbye(from, f.len);
            break;
        }
    }
}

/* A message: of those that come, this program reads the answer, and ends where it is none. */
static void read_item(lane_end *l, const uint8_t *at, const uint8_t *end) {
    field f, payload = {0}, failure = {0}, inner;
    uint64_t correlation = 0;
    uint32_t kind = 0;
    int greeted = 0;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) /* Envelope.kind */
            kind = (uint32_t)f.value;
        if (f.number == 2) /* Envelope.payload */
            payload = f;
        if (f.number == 3) /* Envelope.correlation */
            correlation = f.value;
        if (f.number == 21) /* Envelope.failure */
            failure = f;
    }
    if (correlation == 0 || correlation != l->asked)
        return;
    kind = kind_of(l->kinds, l->type, kind);
    if (kind == KIND_FAILURE && failure.bytes != NULL)
        die("greeter", ab_status_name(failure_status(failure.bytes, failure.len)));
    at = payload.bytes;
    while (kind == KIND_REPLY && at != NULL && next_field(&at, payload.bytes + payload.len, &inner))
        if (inner.number == 1) { /* Greeting.text */
            printf("%.*s\n", (int)inner.len, (const char *)inner.bytes);
            greeted = 1;
        }
    if (!greeted)
        die("greeter", "the answer is neither a Greeting nor a failure");
    l->answered = correlation;
}

/* Takes all that came. A record's bytes are read where they are; then its room is given back. */
static void receive(lane_end *l) {
    ring *r = &l->from;
    while (something_came(l)) {
        const uint8_t *at = r->data + (r->at & (r->size - 1));
        uint64_t word;
        uint32_t len;
        memcpy(&word, at, sizeof word);
        len = (uint32_t)word;
        if (word >> 32 == AB_RECORD_FRAME)
            read_frame(l, at + 8, at + 8 + len);
        if (word >> 32 == AB_RECORD_RUN)
            memcpy(&l->type, at + 8 + RUN_TYPE, sizeof l->type);
        if (word >> 32 == AB_RECORD_ITEM)
            read_item(l, at + 8, at + 8 + len);
        r->at += space(len);
        __atomic_store_n(r->head, r->at, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(r->wants_room, 0, __ATOMIC_SEQ_CST) != 0)
            check("wake", ab_link_wake(l->link, 0));
    }
}

/* Waits, and takes what came. Who answers no Ping, and writes no frame meanwhile, is given up after three. */
static void take_turn(lane_end *l, uint64_t room) {
    wait_for(l, room);
    receive(l);
    if (l->owes_pong && has_room(l, 2 * space(32))) {
        buffer pong = {0}, frame = {0};
        put_number(&pong, 1, l->ping);               /* Pong.token */
        put_bytes(&frame, 12, pong.bytes, pong.len); /* Frame.pong */
        put_record(&l->to, AB_RECORD_FRAME, frame.bytes, (uint32_t)frame.len);
        publish(l);
        l->owes_pong = 0;
    }
    if (is_closed(l) && !something_came(l))
        die("receive", "the link is over");
}

/* Waits for room for records that take so many bytes together. The ring's end may cost the longest of them once more. */
static void make_room(lane_end *l, uint64_t bytes, uint64_t longest) {
    while (!has_room(l, bytes + longest)) {
        publish(l); /* it gives back what it has seen */
        take_turn(l, bytes + longest);
    }
}

static void put_frame(lane_end *l, const buffer *frame) {
    if (frame->full)
        die("send", "the frame is longer than this program expects");
    make_room(l, space(frame->len), space(frame->len));
    put_record(&l->to, AB_RECORD_FRAME, frame->bytes, (uint32_t)frame->len);
}

/* What the node grants on our flow: how far it has processed it, and how far it may be sent on. */
static uint64_t *granted(lane_end *l) { return (uint64_t *)(void *)(l->lane.base + HEADER + 2 * l->to.size + 16 * FLOW); }

/* May the next message be sent? The node says so in memory while it need not say it aloud. */
static int has_credit(lane_end *l) {
    uint64_t credit = __atomic_load_n(granted(l) + 1, __ATOMIC_SEQ_CST);
    if (credit > l->credit)
        l->credit = credit;
    return l->seq < l->credit;
}

static void wait_for_credit(lane_end *l) {
    if (has_credit(l))
        return;
    publish(l);
    __atomic_store_n(l->to.want_credit, 1, __ATOMIC_SEQ_CST); /* flows that wait */
    while (!has_credit(l))
        take_turn(l, 0);
    __atomic_store_n(l->to.want_credit, 0, __ATOMIC_SEQ_CST);
}

/* The program is a node of its own, which says Hello and is welcomed. */
static void shake_hands(lane_end *l) {
    buffer hello = {0}, frame = {0};
    put_number(&hello, 1, 1); /* Hello.min_protocol */
    put_number(&hello, 2, 1); /* Hello.max_protocol */
    put_text(&hello, 3, "rings-c");
    put_fixed64(&hello, 4, random_number());      /* Hello.incarnation */
    put_number(&hello, 5, 1);                     /* Hello.link_epoch */
    put_number(&hello, 7, 1);                     /* Hello.lanes */
    put_bytes(&frame, 1, hello.bytes, hello.len); /* Frame.hello */
    put_frame(l, &frame);
    publish(l);
    while (!l->welcome)
        take_turn(l, 0);
}

/* The flow leads to the greeter, and two types of messages follow. */
static void bind_flow(lane_end *l) {
    buffer who = {0}, open = {0}, frame = {0};
    uint32_t type;
    put_text(&who, 5, "ab:///greeter");           /* Envelope.target */
    put_text(&who, 10, "ab://rings-c/main");      /* Envelope.reply_to */
    put_number(&open, 1, FLOW);                   /* StreamOpen.flow */
    put_fixed64(&open, 2, random_number());       /* StreamOpen.stream */
    put_number(&open, 3, 1);                      /* StreamOpen.epoch */
    put_number(&open, 4, 2);                      /* StreamOpen.mode: FLOW */
    put_bytes(&open, 5, who.bytes, who.len);      /* StreamOpen.prefix */
    put_number(&open, 6, 1);                      /* StreamOpen.first_seq */
    put_bytes(&frame, 5, open.bytes, open.len);   /* Frame.open */
    for (type = TYPE_TELL; type <= TYPE_ASK; type++) {
        buffer what = {0}, definition = {0};
        put_number(&what, 1, type == TYPE_ASK ? KIND_ASK : KIND_TELL); /* Envelope.kind */
        put_text(&what, 6, "hello.v1.Hello");                          /* Envelope.type */
        put_number(&definition, 1, type);                              /* TypeDef.id */
        put_bytes(&definition, 2, what.bytes, what.len);               /* TypeDef.prefix */
        put_bytes(&frame, 6, definition.bytes, definition.len);        /* Frame.type */
    }
    /* The numbers of whoever had the flow before; here nobody had. */
    __atomic_store_n(granted(l), 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(granted(l) + 1, 0, __ATOMIC_SEQ_CST);
    put_frame(l, &frame);
    l->credit = FIRST_CREDIT;
}

/* Writes the next message of the flow: its head, then a payload alone or an item. */
static void put_message(lane_end *l, uint32_t type, uint32_t tag, const uint8_t *bytes, uint32_t len) {
    uint8_t run[RUN_HEAD] = {0};
    uint32_t words[4];
    wait_for_credit(l);
    make_room(l, space(len) + space(RUN_HEAD), space(len > RUN_HEAD ? len : RUN_HEAD));
    l->seq++;
    words[0] = FLOW;
    words[1] = type;
    words[2] = 5000; /* milliseconds left */
    words[3] = 0;    /* hops */
    memcpy(run, &l->seq, sizeof l->seq);
    memcpy(run + 8, words, sizeof words);
    put_record(&l->to, AB_RECORD_RUN, run, sizeof run);
    put_record(&l->to, tag, bytes, len);
}

static void tell_of_a_guest(lane_end *l) {
    static uint8_t payload[LONG_NAME + 8];
    buffer name = {0};
    put_varint(&name, 1 << 3 | 2); /* Hello.name */
    put_varint(&name, LONG_NAME);
    memcpy(payload, name.bytes, name.len);
    memset(payload + name.len, 'n', LONG_NAME);
    put_message(l, TYPE_TELL, AB_RECORD_PAYLOAD, payload, (uint32_t)name.len + LONG_NAME);
}

static void ask(lane_end *l, uint64_t correlation) {
    buffer bob = {0}, item = {0};
    put_text(&bob, 1, "Bob");                /* Hello.name */
    put_number(&item, 3, correlation);       /* Envelope.correlation */
    put_bytes(&item, 2, bob.bytes, bob.len); /* Envelope.payload */
    l->asked = correlation;
    l->asked_seq = l->seq + 1;
    put_message(l, TYPE_ASK, AB_RECORD_ITEM, item.bytes, (uint32_t)item.len);
    publish(l);
    while (l->answered != correlation)
        take_turn(l, 0);
}

/* The last words; then the node closes the lane. */
static void say_goodbye(lane_end *l) {
    buffer goodbye = {0}, frame = {0};
    put_bytes(&frame, 13, goodbye.bytes, goodbye.len); /* Frame.goodbye: NORMAL */
    put_frame(l, &frame);
    publish(l);
    while (!is_closed(l)) {
        wait_for(l, 0);
        receive(l);
    }
}

int main(void) {
    ab_node_opts opts = {0};
    ab_node node = 0;
    static lane_end l;
    int i;
    opts.struct_size = sizeof opts;
    opts.abi = AB_ABI_VERSION;
    check("open", ab_node_open(&opts, &node, NULL));
    open_lane(node, &l);
    shake_hands(&l);
    bind_flow(&l);
    for (i = 0; i < GUESTS; i++)
        tell_of_a_guest(&l);
    ask(&l, random_number());
    say_goodbye(&l);
    check("close", ab_link_close(l.link));
    check("unmap", ab_link_unmap(l.lane.map));
    check("close", ab_node_close(node));
    return 0;
}
