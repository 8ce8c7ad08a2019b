/* As much of protobuf as the example needs: it has no dependency but the library. */
#ifndef EXAMPLE_PROTO_H
#define EXAMPLE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that are written one field after the other. What does not fit is left out, and `full` says so. */
typedef struct {
    uint8_t bytes[2048];
    size_t len;
    int full;
} buffer;

static void put(buffer *b, const void *bytes, size_t len) {
    if (len > sizeof b->bytes - b->len) {
        b->full = 1;
        return;
    }
    if (len > 0)
        memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void put_varint(buffer *b, uint64_t value) {
    uint8_t byte;
    do {
        byte = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value != 0)
            byte |= 0x80;
        put(b, &byte, 1);
    } while (value != 0);
}

static void put_number(buffer *b, uint32_t field, uint64_t value) {
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, value);
}

static void put_fixed64(buffer *b, uint32_t field, uint64_t value) {
    uint8_t bytes[8];
    int i;
    for (i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put_varint(b, (uint64_t)field << 3 | 1);
    put(b, bytes, sizeof bytes);
}

static void put_bytes(buffer *b, uint32_t field, const void *bytes, size_t len) {
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, len);
    put(b, bytes, len);
}

static void put_text(buffer *b, uint32_t field, const char *text) {
    put_bytes(b, field, text, strlen(text));
}

/* One field of an encoded message: a number, or bytes. */
typedef struct {
    uint32_t number;
    uint64_t value;
    const uint8_t *bytes;
    size_t len;
} field;

static int get_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    int shift;
    *value = 0;
    for (shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return 1;
    }
    return 0;
}

/* Reads the next field and moves `at` behind it; 0 at the end, or where the bytes make no sense. */
static int next_field(const uint8_t **at, const uint8_t *end, field *f) {
    uint64_t tag, len;
    memset(f, 0, sizeof *f);
    if (!get_varint(at, end, &tag))
        return 0;
    f->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case 0:
        return get_varint(at, end, &f->value);
    case 1:
        len = 8;
        break;
    case 2:
        if (!get_varint(at, end, &len))
            return 0;
        break;
    case 5:
        len = 4;
        break;
    default:
        return 0;
    }
    if (len > (uint64_t)(end - *at))
        return 0;
    f->bytes = *at;
    f->len = (size_t)len;
    *at += len;
    return 1;
}

#endif
