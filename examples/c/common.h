/* What both examples do in the same way, whether their messages go by calls or by rings: random numbers, and what the node says of types,
 * failures and the end. */
#ifndef EXAMPLE_COMMON_H
#define EXAMPLE_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto.h"

enum { KIND_TELL = 1, KIND_ASK = 2, KIND_REPLY = 3, KIND_FAILURE = 4 };
enum { TYPE_TELL = 1, TYPE_ASK = 2 };
enum { MOST_TYPES = 4096 };

/* A random number that is not 0. The clock or a counter would not do: incarnations, streams and correlations are told apart by their
 * numbers alone, also from those of an earlier start of the program and of other programs. */
static uint64_t random_number(void) {
    uint64_t number = 0;
    FILE *source = fopen("/dev/urandom", "rb");
    if (source == NULL || fread(&number, sizeof number, 1, source) != 1) {
        perror("/dev/urandom");
        exit(1);
    }
    fclose(source);
    return number != 0 ? number : 1;
}

/* Notes the kind of a type that the node tells (Frame.type): its messages say only the type's id. */
static void read_type(uint32_t kinds[MOST_TYPES + 1], const uint8_t *at, size_t len) {
    const uint8_t *end = at + len;
    uint64_t id = 0, kind = 0;
    field f, inner;
    while (next_field(&at, end, &f)) {
        if (f.number == 1) /* TypeDef.id */
            id = f.value;
        if (f.number == 2) { /* TypeDef.prefix, an Envelope */
            const uint8_t *prefix = f.bytes;
            while (next_field(&prefix, f.bytes + f.len, &inner))
                if (inner.number == 1) /* Envelope.kind */
                    kind = inner.value;
        }
    }
    if (id <= MOST_TYPES)
        kinds[id] = (uint32_t)kind;
}

/* The kind of a message: its envelope says it, or its type. */
static uint32_t kind_of(const uint32_t kinds[MOST_TYPES + 1], uint32_t type, uint32_t own) {
    if (own != 0)
        return own;
    return type <= MOST_TYPES ? kinds[type] : 0;
}

/* A code as the status that ab_status_name names. */
static int32_t status_of(uint64_t code) { return -100 - (int32_t)code; }

/* The code of an encoded Failure, as a status. */
static int32_t failure_status(const uint8_t *at, size_t len) {
    const uint8_t *end = at + len;
    uint64_t code = 0;
    field f;
    while (next_field(&at, end, &f))
        if (f.number == 1) /* Failure.code */
            code = f.value;
    return status_of(code);
}

/* Says that the node ends the link, and why, where it says that. */
static void print_goodbye(const uint8_t *at, size_t len) {
    const uint8_t *end = at + len;
    field f;
    fprintf(stderr, "the node said goodbye");
    while (next_field(&at, end, &f))
        if (f.number == 2) /* Goodbye.detail */
            fprintf(stderr, ": %.*s", (int)f.len, (const char *)f.bytes);
    fputc('\n', stderr);
}

#endif
