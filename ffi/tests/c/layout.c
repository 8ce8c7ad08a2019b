/* Prints the layout of the header's structs and its constants that are no statuses: `make c-check` compares it with
 * ffi/tests/golden/layout.txt. */
#include <stddef.h>
#include <stdio.h>

#include <actorbridge.h>

#define STRUCT(type) printf("%s %u\n", #type, (unsigned)sizeof(type))
#define FIELD(type, field)                                                                                             \
    printf("  %s %u %u\n", #field, (unsigned)offsetof(type, field), (unsigned)sizeof(((type *)0)->field))
#define CONSTANT(name) printf("%s %u\n", #name, (unsigned)(name))

int main(void) {
    STRUCT(ab_node_opts);
    FIELD(ab_node_opts, struct_size);
    FIELD(ab_node_opts, abi);
    FIELD(ab_node_opts, name);
    FIELD(ab_node_opts, name_len);
    FIELD(ab_node_opts, workers);
    FIELD(ab_node_opts, mem_limit);
    STRUCT(ab_error);
    FIELD(ab_error, struct_size);
    FIELD(ab_error, code);
    FIELD(ab_error, os_errno);
    FIELD(ab_error, retry_after_ms);
    FIELD(ab_error, text_len);
    FIELD(ab_error, text);
    STRUCT(ab_span);
    FIELD(ab_span, off);
    FIELD(ab_span, len);
    STRUCT(ab_desc);
    FIELD(ab_desc, target);
    FIELD(ab_desc, source);
    FIELD(ab_desc, correlation);
    FIELD(ab_desc, seq);
    FIELD(ab_desc, type);
    FIELD(ab_desc, ttl_ms);
    FIELD(ab_desc, off);
    FIELD(ab_desc, len);
    FIELD(ab_desc, ext_off);
    FIELD(ab_desc, ext_len);
    FIELD(ab_desc, kind);
    FIELD(ab_desc, flags);
    FIELD(ab_desc, attempt);
    STRUCT(ab_lane);
    FIELD(ab_lane, struct_size);
    FIELD(ab_lane, reserved);
    FIELD(ab_lane, base);
    FIELD(ab_lane, size);
    FIELD(ab_lane, map);
    STRUCT(ab_node_status);
    FIELD(ab_node_status, struct_size);
    FIELD(ab_node_status, state);
    FIELD(ab_node_status, actors);
    FIELD(ab_node_status, links);
    FIELD(ab_node_status, dead_letters);
    FIELD(ab_node_status, logs_dropped);
    STRUCT(ab_log);
    FIELD(ab_log, level);
    FIELD(ab_log, unix_nanos);
    FIELD(ab_log, target);
    FIELD(ab_log, message);
    FIELD(ab_log, fields_json);
    FIELD(ab_log, actor);
    STRUCT(ab_node);
    STRUCT(ab_link);
    CONSTANT(AB_ABI_VERSION);
    CONSTANT(AB_KIND_HEAD);
    CONSTANT(AB_DESC_WHOLE);
    CONSTANT(AB_DESC_HOPS);
    CONSTANT(AB_STATE_RUNNING);
    CONSTANT(AB_STATE_STOPPING);
    CONSTANT(AB_STATE_STOPPED);
    CONSTANT(AB_DUMP_NODE);
    CONSTANT(AB_DUMP_DEAD_LETTERS);
    CONSTANT(AB_LANE_LAYOUT);
    CONSTANT(AB_RECORD_PAD);
    CONSTANT(AB_RECORD_FRAME);
    CONSTANT(AB_RECORD_RUN);
    CONSTANT(AB_RECORD_ITEM);
    CONSTANT(AB_RECORD_PAYLOAD);
    CONSTANT(AB_LOG_ERROR);
    CONSTANT(AB_LOG_WARN);
    CONSTANT(AB_LOG_INFO);
    return 0;
}
