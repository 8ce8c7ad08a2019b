/* As much of protobuf as the peer needs, on memory that grows. */
#ifndef COMPAT_WIRE_H
#define COMPAT_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct {
    uint8_t *bytes;
    size_t len, cap;
} buffer;

/* A test program without memory has nothing to say to its runner. */
static void *must_have(void *memory) {
    if (memory == NULL) {
        fputs("compat-matrix-c: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void reserve(buffer *b, size_t more) {
    if (b->cap - b->len >= more)
        return;
    while (b->cap - b->len < more)
        b->cap = b->cap == 0 ? 256 : 2 * b->cap;
    b->bytes = must_have(realloc(b->bytes, b->cap));
}

static void put(buffer *b, const void *bytes, size_t len) {
    if (len == 0)
        return;
    reserve(b, len);
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void put_varint(buffer *b, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put(b, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

static void put_tag(buffer *b, uint32_t number, enum wire_type type) { put_varint(b, (uint64_t)number << 3 | type); }

static void put_little_endian(buffer *b, uint64_t value, int bytes) {
    int i;
    for (i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        put(b, &byte, 1);
    }
}

static void put_number(buffer *b, uint32_t number, enum wire_type type, uint64_t value) {
    put_tag(b, number, type);
    if (type == VARINT)
        put_varint(b, value);
    else
        put_little_endian(b, value, type == FIXED64 ? 8 : 4);
}

static void put_bytes(buffer *b, uint32_t number, const void *bytes, size_t len) {
    put_tag(b, number, BYTES);
    put_varint(b, len);
    put(b, bytes, len);
}

/* Bytes that belong to someone else. */
typedef struct {
    const uint8_t *at;
    size_t len;
} span;

static int span_is(span s, const char *text) { return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0; }

/* One field of an encoded message. `whole` is its tag and value. */
typedef struct {
    uint32_t number;
    enum wire_type type;
    uint64_t value;
    span bytes, whole;
} field;

static int get_varint(span *from, uint64_t *value) {
    int shift;
    *value = 0;
    for (shift = 0; shift < 64 && from->len > 0; shift += 7) {
        uint8_t byte = *from->at++;
        from->len--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return 1;
    }
    return 0;
}

static uint64_t little_endian(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    while (bytes > 0)
        value = value << 8 | at[--bytes];
    return value;
}

/* Takes the next field off the front; 0 at the end, or where the bytes make no sense. */
static int next_field(span *from, field *f) {
    uint64_t tag, len;
    span start = *from;
    memset(f, 0, sizeof *f);
    if (!get_varint(from, &tag))
        return 0;
    f->number = (uint32_t)(tag >> 3);
    f->type = (enum wire_type)(tag & 7);
    switch (tag & 7) {
    case VARINT:
        if (!get_varint(from, &f->value))
            return 0;
        len = 0;
        break;
    case FIXED64:
        len = 8;
        break;
    case BYTES:
        if (!get_varint(from, &len))
            return 0;
        break;
    case FIXED32:
        len = 4;
        break;
    default:
        return 0;
    }
    if (len > from->len)
        return 0;
    if (f->type == FIXED64 || f->type == FIXED32)
        f->value = little_endian(from->at, (size_t)len);
    f->bytes.at = from->at;
    f->bytes.len = (size_t)len;
    from->at += len;
    from->len -= (size_t)len;
    f->whole.at = start.at;
    f->whole.len = start.len - from->len;
    return 1;
}

#endif
