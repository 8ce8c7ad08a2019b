/* A C program with Rust actors in it: it opens a node, tells and asks the actor `greeter`, and closes the node. The library that it is
 * linked with has the actor: examples/hello/rust has it, libactorbridge has none, and there the answer is AB_NO_SUCH_ACTOR.
 *
 * The program is a node of its own at the other end of the link, and says what nodes say to each other: Hello, then which
 * streams it opens and which types of messages it sends. docs/C_ABI.md has the descriptors, proto/actorbridge/v1/frame.proto
 * the messages. */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <actorbridge.h>

#include "common.h"
#include "proto.h"

static void die(const char *doing, int32_t status, const ab_error *error) {
    fprintf(stderr, "%s: %s", doing, ab_status_name(status));
    if (error != NULL && error->text_len > 0)
        fprintf(stderr, ": %s", error->text);
    fputc('\n', stderr);
    exit(1);
}

static void check(const char *doing, int32_t status) {
    if (status < 0)
        die(doing, status, NULL);
}

/* Waits for the link's doorbell; 0 = nothing came in ten seconds. */
static int wait_for(ab_link link) {
    struct pollfd bell;
    int32_t status = ab_link_arm(link, 0);
    check("arm", status);
    if (status == AB_MORE)
        return 1;
    check("fd", ab_link_fd(link, 0, &bell.fd));
    bell.events = POLLIN;
    return poll(&bell, 1, 10000) == 1;
}

/* The library's half of a link: the kind of each type that the node has defined, and the memory to receive into. */
typedef struct {
    ab_link link;
    uint32_t kinds[MOST_TYPES + 1];
    ab_desc descs[64];
    uint8_t arena[64 * 1024];
} receiver;

/* Notes what a head defines; 1 = the node agreed to the link. */
static int read_head(receiver *r, const uint8_t *at, size_t len) {
    const uint8_t *end = at + len;
    int welcome = 0;
    field f;
    while (next_field(&at, end, &f)) {
        if (f.number == 2) /* Frame.welcome */
            welcome = 1;
        if (f.number == 6) /* Frame.type */
            read_type(r->kinds, f.bytes, f.len);
        if (f.number == 13) /* Frame.goodbye */
            print_goodbye(f.bytes, f.len);
    }
    return welcome;
}

/* What came: the answer to `correlation` (1, with its place in the arena), a Welcome (2), or nothing of it (0). */
static int receive(receiver *r, uint64_t correlation, ab_desc *answer) {
    uint32_t n, i;
    size_t need;
    int found = 0;
    check("receive", ab_link_recv(r->link, 0, r->descs, 64, r->arena, sizeof r->arena, &n, &need));
    for (i = 0; i < n; i++) {
        const ab_desc *d = &r->descs[i];
        if (d->kind == AB_KIND_HEAD) {
            if (read_head(r, r->arena + d->off, d->len) && found == 0)
                found = 2;
        } else if (d->correlation == correlation && correlation != 0) {
            *answer = *d;
            found = 1;
        }
    }
    return found;
}

static void open_node(ab_node *node) {
    ab_node_opts opts = {0};
    ab_error error = {0};
    int32_t status;
    opts.struct_size = sizeof opts;
    opts.abi = AB_ABI_VERSION;
    error.struct_size = sizeof error;
    status = ab_node_open(&opts, node, &error);
    if (status < 0)
        die("open", status, &error);
}

static void open_link(ab_node node, receiver *r) {
    buffer hello = {0};
    ab_error error = {0};
    ab_desc none;
    int32_t status;
    error.struct_size = sizeof error;
    put_number(&hello, 1, 1); /* Hello.min_protocol */
    put_number(&hello, 2, 1); /* Hello.max_protocol */
    put_text(&hello, 3, "hello-c");
    put_fixed64(&hello, 4, random_number()); /* Hello.incarnation */
    put_number(&hello, 5, 1);                /* Hello.link_epoch */
    put_number(&hello, 7, 1);                /* Hello.lanes */
    status = ab_link_open(node, hello.bytes, hello.len, 1, &r->link, &error);
    if (status < 0)
        die("link", status, &error);
    while (receive(r, 0, &none) != 2)
        if (!wait_for(r->link))
            die("welcome", AB_LINK_DOWN, NULL);
}

/* Writes the head: flow 1 leads from this program to the greeter, and two types of messages follow. */
static void put_head(buffer *b) {
    buffer who = {0}, open = {0};
    uint32_t type;
    put_text(&who, 5, "ab:///greeter");       /* Envelope.target */
    put_text(&who, 10, "ab://hello-c/main");  /* Envelope.reply_to */
    put_number(&open, 1, 1);                  /* StreamOpen.flow */
    put_fixed64(&open, 2, random_number());   /* StreamOpen.stream */
    put_number(&open, 3, 1);                  /* StreamOpen.epoch */
    put_number(&open, 4, 2);                  /* StreamOpen.mode: FLOW */
    put_bytes(&open, 5, who.bytes, who.len);  /* StreamOpen.prefix */
    put_number(&open, 6, 1);                  /* StreamOpen.first_seq */
    put_bytes(b, 5, open.bytes, open.len);    /* Frame.open */
    for (type = TYPE_TELL; type <= TYPE_ASK; type++) {
        buffer what = {0}, definition = {0};
        put_number(&what, 1, type == TYPE_ASK ? KIND_ASK : KIND_TELL); /* Envelope.kind */
        put_text(&what, 6, "hello.v1.Hello");                          /* Envelope.type */
        put_number(&definition, 1, type);                              /* TypeDef.id */
        put_bytes(&definition, 2, what.bytes, what.len);               /* TypeDef.prefix */
        put_bytes(b, 6, definition.bytes, definition.len);             /* Frame.type */
    }
}

/* Tells the greeter that Ann is here, and asks it on behalf of Bob: one packet, three descriptors. */
static void send_hello(ab_link link, uint64_t correlation) {
    static const char *const names[] = {"Ann", "Bob"};
    buffer arena = {0};
    ab_desc descs[3] = {{0}};
    int32_t statuses[3];
    uint32_t i;
    put_head(&arena);
    descs[0].kind = AB_KIND_HEAD;
    descs[0].len = (uint32_t)arena.len;
    for (i = 0; i < 2; i++) {
        ab_desc *d = &descs[i + 1];
        d->target = 1;
        d->seq = i + 1;
        d->type = i == 0 ? TYPE_TELL : TYPE_ASK;
        d->correlation = i == 0 ? 0 : correlation;
        d->ttl_ms = 5000;
        d->off = (uint32_t)arena.len;
        put_text(&arena, 1, names[i]); /* Hello.name */
        d->len = (uint32_t)arena.len - d->off;
    }
    if (arena.full)
        die("send", AB_TOO_LARGE, NULL);
    check("send", ab_link_send(link, descs, 3, arena.bytes, arena.len, statuses));
    for (i = 0; i < 3; i++)
        if (statuses[i] != AB_OK)
            die("send one", statuses[i], NULL);
}

/* Prints a Greeting, or why there is none; 0 = it was a Greeting. */
static int print_answer(const receiver *r, const ab_desc *answer) {
    const uint8_t *at = r->arena + answer->off, *end = at + answer->len;
    uint32_t kind = kind_of(r->kinds, answer->type, answer->kind);
    int result = 1;
    field f;
    if (kind == KIND_REPLY) {
        while (next_field(&at, end, &f))
            if (f.number == 1) { /* Greeting.text */
                printf("%.*s\n", (int)f.len, (const char *)f.bytes);
                result = 0;
            }
    }
    at = r->arena + answer->ext_off;
    end = at + answer->ext_len;
    while (kind == KIND_FAILURE && next_field(&at, end, &f))
        if (f.number == 21) { /* Envelope.failure */
            printf("greeter: %s\n", ab_status_name(failure_status(f.bytes, f.len)));
            result = 2;
        }
    if (result == 1)
        fprintf(stderr, "greeter: the answer is neither a Greeting nor a failure\n");
    return result;
}

static void close_node(ab_node node) {
    ab_node_status status = {0};
    struct timespec moment = {0, 1000000};
    int i;
    status.struct_size = sizeof status;
    check("stop", ab_node_stop(node, 1000));
    for (i = 0; i < 10000 && status.state != AB_STATE_STOPPED; i++) {
        check("status", ab_node_status_get(node, &status));
        nanosleep(&moment, NULL);
    }
    check("close", ab_node_close(node));
}

int main(void) {
    static receiver r;
    uint64_t correlation = random_number();
    ab_node node;
    ab_desc answer;
    int result;
    open_node(&node);
    open_link(node, &r);
    send_hello(r.link, correlation);
    while (receive(&r, correlation, &answer) != 1)
        if (!wait_for(r.link))
            die("answer", AB_EXPIRED, NULL);
    result = print_answer(&r, &answer);
    check("close link", ab_link_close(r.link));
    close_node(node);
    return result;
}
