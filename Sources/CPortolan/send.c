#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "portolan/rpc/v1/frame.pb-c.h"
#include "internal.h"

void connection_wake(connection *connection) {
    uint64_t one = 1;
    // Full means that the thread has not looked yet, and will.
    ssize_t written = write(connection->wake, &one, sizeof one);
    (void)written;
}

// Puts a frame behind what waits to be sent, its length before it.
static bool send_frame(connection *connection, const Portolan__Rpc__V1__Frame *frame) {
    size_t count = portolan__rpc__v1__frame__get_packed_size(frame);
    uint8_t length[4] = {
        (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};
    uint8_t *packed = malloc(count > 0 ? count : 1);
    if (packed == NULL) return false;
    portolan__rpc__v1__frame__pack(frame, packed);
    size_t before = connection->outbound.count;
    bool is_there = bytes_append(&connection->outbound, length, sizeof length) &&
        bytes_append(&connection->outbound, packed, count);
    if (!is_there) connection->outbound.count = before;
    free(packed);
    if (is_there) connection_wake(connection);
    return is_there;
}

bool send_call(
    connection *connection, uint32_t id, const char *method, uint64_t timeout_us,
    const portolan_call_options *options, const uint8_t *request, size_t count, call_kind kind) {
    Portolan__Rpc__V1__Call__MetadataEntry entries[METADATA_PAIRS_MAX];
    Portolan__Rpc__V1__Call__MetadataEntry *pointers[METADATA_PAIRS_MAX];
    Portolan__Rpc__V1__Call call = PORTOLAN__RPC__V1__CALL__INIT;
    for (size_t index = 0; index < options->metadata_count; index++) {
        portolan__rpc__v1__call__metadata_entry__init(&entries[index]);
        entries[index].key = (char *)options->metadata[index].name;
        entries[index].value = (char *)options->metadata[index].value;
        pointers[index] = &entries[index];
    }
    call.method = (char *)method;
    call.timeout_microseconds = timeout_us;
    if (kind != STREAMED_REQUESTS) {
        call._payload_case = PORTOLAN__RPC__V1__CALL___PAYLOAD_PAYLOAD;
        call.payload = (ProtobufCBinaryData){.len = count, .data = (uint8_t *)request};
        call.end_of_requests = true;
    }
    call.n_metadata = options->metadata_count;
    call.metadata = pointers;
    Portolan__Rpc__V1__Frame frame = PORTOLAN__RPC__V1__FRAME__INIT;
    frame.stream_id = id;
    frame.body_case = PORTOLAN__RPC__V1__FRAME__BODY_CALL;
    frame.call = &call;
    return send_frame(connection, &frame);
}

bool send_request(connection *connection, uint32_t id, const uint8_t *request, size_t count) {
    Portolan__Rpc__V1__Message message = PORTOLAN__RPC__V1__MESSAGE__INIT;
    if (request != NULL) {
        message._payload_case = PORTOLAN__RPC__V1__MESSAGE___PAYLOAD_PAYLOAD;
        message.payload = (ProtobufCBinaryData){.len = count, .data = (uint8_t *)request};
    }
    message.end_of_requests = request == NULL;
    Portolan__Rpc__V1__Frame frame = PORTOLAN__RPC__V1__FRAME__INIT;
    frame.stream_id = id;
    frame.body_case = PORTOLAN__RPC__V1__FRAME__BODY_MESSAGE;
    frame.message = &message;
    return send_frame(connection, &frame);
}

bool send_cancel(connection *connection, uint32_t id) {
    Portolan__Rpc__V1__Cancel cancel = PORTOLAN__RPC__V1__CANCEL__INIT;
    Portolan__Rpc__V1__Frame frame = PORTOLAN__RPC__V1__FRAME__INIT;
    frame.stream_id = id;
    frame.body_case = PORTOLAN__RPC__V1__FRAME__BODY_CANCEL;
    frame.cancel = &cancel;
    return send_frame(connection, &frame);
}

bool send_credit(connection *connection, uint32_t id, uint32_t bytes) {
    Portolan__Rpc__V1__Credit credit = PORTOLAN__RPC__V1__CREDIT__INIT;
    credit.bytes = bytes;
    Portolan__Rpc__V1__Frame frame = PORTOLAN__RPC__V1__FRAME__INIT;
    frame.stream_id = id;
    frame.body_case = PORTOLAN__RPC__V1__FRAME__BODY_CREDIT;
    frame.credit = &credit;
    return send_frame(connection, &frame);
}

bool send_ping(connection *connection, uint64_t data, bool is_acknowledgement) {
    Portolan__Rpc__V1__Ping ping = PORTOLAN__RPC__V1__PING__INIT;
    ping.data = data;
    ping.acknowledgement = is_acknowledgement;
    Portolan__Rpc__V1__Frame frame = PORTOLAN__RPC__V1__FRAME__INIT;
    frame.body_case = PORTOLAN__RPC__V1__FRAME__BODY_PING;
    frame.ping = &ping;
    return send_frame(connection, &frame);
}
