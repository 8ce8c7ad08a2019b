/* What hello.c does, by the rings that a link's two sides share instead of by calls: it tells the actor `greeter` something and asks
 * it, and prints the answer. "Lanes in shared memory" in docs/C_ABI.md describes the memory.
 *
 * It needs the __atomic builtins of gcc and clang. */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <actorbridge.h>

#include "proto.h"

enum { KIND_TELL = 1, KIND_ASK = 2 };
enum { TYPE_TELL = 1, TYPE_ASK = 2 };
enum { HEADER = 4096, CONTROL = 512, RUN_HEAD = 32 };

/* One ring, as this program sees it. */
typedef struct {
    uint64_t *tail, *head;
    uint32_t *asleep, *wants_room, *closed;
    uint8_t *data;
    uint64_t size, at; /* at: our own tail, or head */
} ring;

typedef struct {
    ab_link link;
    ab_lane lane;
    ring to, from;
    int bell; /* an epoll descriptor that watches the doorbell */
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

/* Writes a record; `publish` shows it. This program writes little: there is always room. */
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

/* Waits until something is in the ring from the node. */
static void wait_for(lane_end *l) {
    ring *r = &l->from;
    for (;;) {
        struct epoll_event event;
        if (__atomic_load_n(r->tail, __ATOMIC_SEQ_CST) != r->at)
            return;
        if (__atomic_load_n(r->closed, __ATOMIC_SEQ_CST) != 0)
            die("receive", "the link is over");
        __atomic_store_n(r->asleep, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(r->tail, __ATOMIC_SEQ_CST) != r->at || __atomic_load_n(r->closed, __ATOMIC_SEQ_CST) != 0) {
            __atomic_store_n(r->asleep, 0, __ATOMIC_SEQ_CST);
            continue;
        }
        while (__atomic_load_n(r->asleep, __ATOMIC_SEQ_CST) != 0)
            if (epoll_wait(l->bell, &event, 1, 10000) == 0)
                die("receive", "nothing came in ten seconds");
    }
}

/* Takes the next record that is no padding, and gives its room back: the bytes are copied. */
static uint32_t take(lane_end *l, uint8_t *bytes, uint32_t room, uint32_t *len) {
    ring *r = &l->from;
    for (;;) {
        const uint8_t *at;
        uint64_t word;
        uint32_t tag;
        wait_for(l);
        at = r->data + (r->at & (r->size - 1));
        memcpy(&word, at, sizeof word);
        *len = (uint32_t)word;
        tag = (uint32_t)(word >> 32);
        if (tag != AB_RECORD_PAD) {
            if (*len > room)
                die("receive", "a record is longer than this program expects");
            memcpy(bytes, at + 8, *len);
        }
        r->at += space(*len);
        __atomic_store_n(r->head, r->at, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(r->wants_room, 0, __ATOMIC_SEQ_CST) != 0)
            check("wake", ab_link_wake(l->link, 0));
        if (tag != AB_RECORD_PAD)
            return tag;
    }
}

/* The program is a node of its own, which says Hello and is welcomed. */
static void shake_hands(lane_end *l) {
    static uint8_t bytes[256 * 1024];
    buffer hello = {0}, frame = {0};
    uint32_t len, tag;
    put_number(&hello, 1, 1); /* Hello.min_protocol */
    put_number(&hello, 2, 1); /* Hello.max_protocol */
    put_text(&hello, 3, "rings-c");
    put_fixed64(&hello, 4, (uint64_t)time(NULL)); /* Hello.incarnation */
    put_number(&hello, 5, 1);                     /* Hello.link_epoch */
    put_number(&hello, 7, 1);                     /* Hello.lanes */
    put_bytes(&frame, 1, hello.bytes, hello.len); /* Frame.hello */
    put_record(&l->to, AB_RECORD_FRAME, frame.bytes, (uint32_t)frame.len);
    publish(l);
    for (;;) {
        const uint8_t *at = bytes;
        field f;
        tag = take(l, bytes, sizeof bytes, &len);
        while (tag == AB_RECORD_FRAME && next_field(&at, bytes + len, &f))
            if (f.number == 2) /* Frame.welcome */
                return;
    }
}

/* Flow 1 leads to the greeter, and two types of messages follow. */
static void put_head(lane_end *l) {
    buffer who = {0}, open = {0}, frame = {0};
    uint32_t type;
    put_text(&who, 5, "ab:///greeter");           /* Envelope.target */
    put_text(&who, 10, "ab://rings-c/main");      /* Envelope.reply_to */
    put_number(&open, 1, 1);                      /* StreamOpen.flow */
    put_fixed64(&open, 2, 1);                     /* StreamOpen.stream */
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
    put_record(&l->to, AB_RECORD_FRAME, frame.bytes, (uint32_t)frame.len);
}

static void put_run(lane_end *l, uint64_t seq, uint32_t type) {
    uint8_t run[RUN_HEAD] = {0};
    uint32_t words[4];
    words[0] = 1; /* flow */
    words[1] = type;
    words[2] = 5000; /* milliseconds left */
    words[3] = 0;    /* hops */
    memcpy(run, &seq, sizeof seq);
    memcpy(run + 8, words, sizeof words);
    put_record(&l->to, AB_RECORD_RUN, run, sizeof run);
}

static void print_answer(lane_end *l, uint64_t correlation) {
    static uint8_t bytes[256 * 1024];
    for (;;) {
        uint32_t len, tag = take(l, bytes, sizeof bytes, &len);
        const uint8_t *at = bytes;
        field f, payload = {0}, inner;
        uint64_t answered = 0;
        while (tag == AB_RECORD_ITEM && next_field(&at, bytes + len, &f)) {
            if (f.number == 3) /* Envelope.correlation */
                answered = f.value;
            if (f.number == 2) /* Envelope.payload */
                payload = f;
        }
        if (answered != correlation)
            continue;
        at = payload.bytes;
        while (payload.bytes != NULL && next_field(&at, payload.bytes + payload.len, &inner))
            if (inner.number == 1) /* Greeting.text */
                printf("%.*s\n", (int)inner.len, (const char *)inner.bytes);
        return;
    }
}

int main(void) {
    ab_node_opts opts = {0};
    ab_node node = 0;
    lane_end l = {0};
    buffer ann = {0}, bob = {0}, item = {0};
    opts.struct_size = sizeof opts;
    opts.abi = AB_ABI_VERSION;
    check("open", ab_node_open(&opts, &node, NULL));
    open_lane(node, &l);
    shake_hands(&l);
    put_head(&l);
    put_text(&ann, 1, "Ann"); /* Hello.name */
    put_run(&l, 1, TYPE_TELL);
    put_record(&l.to, AB_RECORD_PAYLOAD, ann.bytes, (uint32_t)ann.len);
    put_text(&bob, 1, "Bob");
    put_number(&item, 3, 4711);               /* Envelope.correlation */
    put_bytes(&item, 2, bob.bytes, bob.len);  /* Envelope.payload */
    put_run(&l, 2, TYPE_ASK);
    put_record(&l.to, AB_RECORD_ITEM, item.bytes, (uint32_t)item.len);
    publish(&l);
    print_answer(&l, 4711);
    check("close", ab_link_close(l.link));
    check("unmap", ab_link_unmap(l.lane.map));
    check("close", ab_node_close(node));
    return 0;
}
