/*
 * The C peer of the compat matrix: envelopes with ab_envelope_encode and ab_envelope_decode, orders on stdin, answers on
 * stdout. C has no protobuf library here, so it encodes and decodes no messages. compat-tests/matrix/README.md describes
 * the conversation.
 */
#include <actorbridge.h>

#include "wire.h"

/* No message of the conversation is longer. */
#define MAX_BYTES (96u << 20)

/* Fields of the peer protocol (peer.proto). */
enum { ORDER_ID = 1, ORDER_WRITE_ENVELOPE = 4, ORDER_READ_ENVELOPE = 5 };
enum { ANSWER_ID = 1, ANSWER_WRITTEN = 2, ANSWER_SEEN = 3, ANSWER_REFUSED = 4, ANSWER_UNABLE = 5 };
enum { FIELD_NAME = 1, FIELD_NUMBER = 2, FIELD_TEXT = 3, FIELD_DATA = 4 };
enum { SEEN_FIELDS = 1, SEEN_PASSED_ON = 2 };

/* Fields of an envelope that need care of their own. */
enum { KIND = 1, PAYLOAD = 2, CORRELATION = 3, ATTRIBUTES = 24, ASK_PATH = 25 };

static const struct {
    const char *name;
    uint32_t number;
    enum wire_type type;
    int is_text;
} FIELDS[] = {
    {"kind", KIND, VARINT, 0},
    {"payload", PAYLOAD, BYTES, 0},
    {"correlation", CORRELATION, VARINT, 0},
    {"source", 4, BYTES, 1},
    {"target", 5, BYTES, 1},
    {"type", 6, BYTES, 1},
    {"type_version", 7, VARINT, 0},
    {"min_reader_version", 8, VARINT, 0},
    {"content_type", 9, VARINT, 0},
    {"reply_to", 10, BYTES, 1},
    {"trace", 11, BYTES, 0},
    {"id", 12, BYTES, 0},
    {"dedup_key", 13, BYTES, 0},
    {"compression", 14, VARINT, 0},
    {"raw_size", 16, VARINT, 0},
    {"expected_version", 17, VARINT, 0},
    {"causation_id", 18, BYTES, 0},
    {"tenant", 19, BYTES, 1},
    {"tracestate", 20, BYTES, 1},
    {"failure", 21, BYTES, 0},
    {"payload_crc32c", 22, FIXED32, 0},
    {"created_unix_ms", 23, FIXED64, 0},
    {"ask_path", ASK_PATH, FIXED64, 0},
};
enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0] };

/* A planned mistake (COMPAT_MUTANT): the runner must see it. */
static const char *mutant = "";

static int mutant_is(const char *name) { return strcmp(mutant, name) == 0; }

/* A value of one field, as an order says it. */
typedef struct {
    span name;
    field value;
} named;

static named read_named(span from) {
    named n;
    field f;
    memset(&n, 0, sizeof n);
    while (next_field(&from, &f)) {
        if (f.number == FIELD_NAME)
            n.name = f.bytes;
        else
            n.value = f;
    }
    return n;
}

/* What is written in an envelope, beside its ext: kind and correlation in the descriptor, the payload in the arena. */
typedef struct {
    ab_desc desc;
    span payload;
    buffer ext, ask_path;
} parts;

static void put_attribute(buffer *ext, named n) {
    static const char prefix[] = "attributes.";
    buffer entry = {0};
    put_bytes(&entry, 1, n.name.at + sizeof prefix - 1, n.name.len - (sizeof prefix - 1));
    put_bytes(&entry, 2, n.value.bytes.at, n.value.bytes.len);
    put_bytes(ext, ATTRIBUTES, entry.bytes, entry.len);
    free(entry.bytes);
}

/* 0: the schema has no such field. */
static int add_field(parts *p, named n) {
    int i;
    if (n.name.len > 11 && memcmp(n.name.at, "attributes.", 11) == 0) {
        put_attribute(&p->ext, n);
        return 1;
    }
    for (i = 0; i < FIELD_COUNT && !span_is(n.name, FIELDS[i].name); i++) {
    }
    if (i == FIELD_COUNT)
        return 0;
    switch (FIELDS[i].number) {
    case KIND:
        p->desc.kind = (uint16_t)n.value.value;
        break;
    case CORRELATION:
        p->desc.correlation = n.value.value;
        break;
    case PAYLOAD:
        p->payload = n.value.bytes;
        break;
    case ASK_PATH:
        put_little_endian(&p->ask_path, n.value.value, 8);
        break;
    default:
        if (FIELDS[i].type == BYTES)
            put_bytes(&p->ext, FIELDS[i].number, n.value.bytes.at, n.value.bytes.len);
        else
            put_number(&p->ext, FIELDS[i].number, FIELDS[i].type, n.value.value);
    }
    return 1;
}

/* The envelope of a descriptor and its arena. */
static buffer encoded(const ab_desc *desc, const buffer *arena) {
    buffer out = {0};
    size_t len = 0;
    int32_t status = ab_envelope_encode(desc, arena->bytes, arena->len, NULL, 0, &len);
    if (status == AB_SHORT_BUFFER) {
        reserve(&out, len);
        status = ab_envelope_encode(desc, arena->bytes, arena->len, out.bytes, out.cap, &len);
    }
    if (status != AB_OK) {
        fprintf(stderr, "compat-matrix-c: ab_envelope_encode: %s\n", ab_status_name(status));
        exit(1);
    }
    out.len = len;
    return out;
}

static void spoil(buffer *envelope, uint64_t correlation) {
    char digits[24];
    if (mutant_is("wrong-tag") && envelope->len > 0)
        envelope->bytes[0] = (uint8_t)(envelope->bytes[0] + 8);
    if (mutant_is("int-as-string") && correlation != 0) {
        sprintf(digits, "%llu", (unsigned long long)correlation);
        put_bytes(envelope, CORRELATION, digits, strlen(digits));
    }
}

static void write_envelope(span order, buffer *answer) {
    parts p;
    field f;
    buffer arena = {0}, envelope;
    span later = {0};
    memset(&p, 0, sizeof p);
    while (next_field(&order, &f)) {
        if (f.number == 2)
            later = f.bytes;
        else if (!add_field(&p, read_named(f.bytes))) {
            static const char text[] = "the schema has no such field";
            put_bytes(answer, ANSWER_UNABLE, text, sizeof text - 1);
            return;
        }
    }
    if (p.ask_path.len > 0)
        put_bytes(&p.ext, ASK_PATH, p.ask_path.bytes, p.ask_path.len);
    put(&p.ext, later.at, later.len);
    put(&arena, p.payload.at, p.payload.len);
    put(&arena, p.ext.bytes, p.ext.len);
    p.desc.len = (uint32_t)p.payload.len;
    p.desc.ext_off = p.desc.len;
    p.desc.ext_len = (uint32_t)p.ext.len;
    envelope = encoded(&p.desc, &arena);
    spoil(&envelope, p.desc.correlation);
    put_bytes(answer, ANSWER_WRITTEN, envelope.bytes, envelope.len);
    free(envelope.bytes);
    free(arena.bytes);
    free(p.ext.bytes);
    free(p.ask_path.bytes);
}

static void show(buffer *seen, const char *name, size_t name_len, int what, uint64_t number, span bytes) {
    buffer shown = {0};
    put_bytes(&shown, FIELD_NAME, name, name_len);
    if (what == FIELD_NUMBER)
        put_number(&shown, FIELD_NUMBER, VARINT, number);
    else
        put_bytes(&shown, (uint32_t)what, bytes.at, bytes.len);
    put_bytes(seen, SEEN_FIELDS, shown.bytes, shown.len);
    free(shown.bytes);
}

static void show_attribute(buffer *seen, span entry) {
    field f;
    span key = {0}, value = {0};
    buffer name = {0};
    while (next_field(&entry, &f)) {
        if (f.number == 1)
            key = f.bytes;
        else if (f.number == 2)
            value = f.bytes;
    }
    put(&name, "attributes.", 11);
    put(&name, key.at, key.len);
    show(seen, (const char *)name.bytes, name.len, FIELD_DATA, 0, value);
    free(name.bytes);
}

static void show_field(buffer *seen, field f) {
    int i;
    size_t at;
    if (f.number == ATTRIBUTES) {
        show_attribute(seen, f.bytes);
        return;
    }
    if (f.number == ASK_PATH && f.type == BYTES) {
        for (at = 0; at + 8 <= f.bytes.len; at += 8)
            show(seen, "ask_path", 8, FIELD_NUMBER, little_endian(f.bytes.at + at, 8), f.bytes);
        return;
    }
    for (i = 0; i < FIELD_COUNT; i++) {
        if (FIELDS[i].number == f.number) {
            int what = FIELDS[i].type != BYTES ? FIELD_NUMBER : FIELDS[i].is_text ? FIELD_TEXT : FIELD_DATA;
            show(seen, FIELDS[i].name, strlen(FIELDS[i].name), what, f.value, f.bytes);
            return;
        }
    }
}

/* The field is one of the schema's. */
static int is_known(uint32_t number) { return (number >= 1 && number <= 14) || (number >= 16 && number <= 25); }

/* Drops what this peer does not know from ext: a planned mistake. */
static void drop_unknown(ab_desc *desc, buffer *arena) {
    buffer kept = {0};
    field f;
    span ext = {arena->bytes + desc->ext_off, desc->ext_len};
    while (next_field(&ext, &f)) {
        if (is_known(f.number))
            put(&kept, f.whole.at, f.whole.len);
    }
    if (kept.len > 0)
        memcpy(arena->bytes + desc->ext_off, kept.bytes, kept.len);
    desc->ext_len = (uint32_t)kept.len;
    free(kept.bytes);
}

static void see(const ab_desc *desc, const buffer *arena, buffer *seen) {
    field f;
    span payload = {arena->bytes + desc->off, desc->len}, ext = {arena->bytes + desc->ext_off, desc->ext_len};
    if ((desc->flags & AB_DESC_WHOLE) == 0) {
        show(seen, "kind", 4, FIELD_NUMBER, desc->kind, payload);
        show(seen, "correlation", 11, FIELD_NUMBER, desc->correlation, payload);
        show(seen, "payload", 7, FIELD_DATA, 0, payload);
    }
    while (next_field(&ext, &f))
        show_field(seen, f);
}

static void read_envelope(span order, buffer *answer) {
    ab_desc desc;
    field f;
    buffer arena = {0}, seen = {0}, again;
    size_t need = 0;
    int32_t status;
    const char *name;
    span envelope = {0};
    memset(&desc, 0, sizeof desc);
    while (next_field(&order, &f))
        envelope = f.bytes;
    status = ab_envelope_decode(envelope.at, envelope.len, &desc, NULL, 0, &need);
    if (status == AB_SHORT_BUFFER) {
        reserve(&arena, need);
        arena.len = need;
        status = ab_envelope_decode(envelope.at, envelope.len, &desc, arena.bytes, arena.len, &need);
    }
    if (status != AB_OK) {
        name = ab_status_name(status); /* AB_UNDECODABLE */
        if (strncmp(name, "AB_", 3) == 0)
            name += 3;
        put_bytes(answer, ANSWER_REFUSED, name, strlen(name));
        return;
    }
    see(&desc, &arena, &seen);
    if (mutant_is("drop-unknown"))
        drop_unknown(&desc, &arena);
    again = encoded(&desc, &arena);
    put_bytes(&seen, SEEN_PASSED_ON, again.bytes, again.len);
    put_bytes(answer, ANSWER_SEEN, seen.bytes, seen.len);
    free(again.bytes);
    free(seen.bytes);
    free(arena.bytes);
}

static void carry_out(span order, buffer *answer) {
    static const char unable[] = "this peer does not know the order";
    field f;
    int known = 0;
    while (next_field(&order, &f)) {
        if (f.number == ORDER_ID) {
            put_number(answer, ANSWER_ID, VARINT, f.value);
        } else if (f.number == ORDER_WRITE_ENVELOPE || f.number == ORDER_READ_ENVELOPE) {
            known = 1;
            (f.number == ORDER_WRITE_ENVELOPE ? write_envelope : read_envelope)(f.bytes, answer);
        }
    }
    if (!known)
        put_bytes(answer, ANSWER_UNABLE, unable, sizeof unable - 1);
}

static uint8_t head[4];

int main(void) {
    if (getenv("COMPAT_MUTANT") != NULL)
        mutant = getenv("COMPAT_MUTANT");
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        buffer order = {0}, answer = {0};
        span whole;
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (len > MAX_BYTES)
            return 1;
        reserve(&order, len + 1);
        if (fread(order.bytes, 1, len, stdin) != len)
            return 1;
        whole.at = order.bytes;
        whole.len = len;
        carry_out(whole, &answer);
        head[0] = (uint8_t)(answer.len >> 24);
        head[1] = (uint8_t)(answer.len >> 16);
        head[2] = (uint8_t)(answer.len >> 8);
        head[3] = (uint8_t)answer.len;
        if (fwrite(head, 1, sizeof head, stdout) != sizeof head || fwrite(answer.bytes, 1, answer.len, stdout) != answer.len)
            return 1;
        fflush(stdout);
        free(order.bytes);
        free(answer.bytes);
    }
    return 0;
}
