#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "portolan/rpc/v1/frame.pb-c.h"
#include "internal.h"

call *connection_find(connection *connection, uint32_t id) {
    call *found = connection->calls[id % CALL_BUCKETS];
    while (found != NULL && found->id != id) found = found->next;
    return found;
}

bool connection_remove(connection *connection, call *removed) {
    call **link = &connection->calls[removed->id % CALL_BUCKETS];
    while (*link != NULL && *link != removed) link = &(*link)->next;
    if (*link == NULL) return false;
    *link = removed->next;
    removed->next = NULL;
    connection->calls_count--;
    pthread_cond_broadcast(&connection->changed);
    return true;
}

static void end_with(connection *connection, call *ended, const portolan_error *error) {
    connection_remove(connection, ended);
    ended->is_over = true;
    error_copy(&ended->error, error);
    pthread_cond_broadcast(&ended->changed);
}

void connection_fail(connection *connection, portolan_error *error) {
    if (connection->phase != FAILED) {
        connection->phase = FAILED;
        error_move(&connection->failure, error);
    } else {
        portolan_error_clear(error);
    }
    for (size_t bucket = 0; bucket < CALL_BUCKETS; bucket++) {
        while (connection->calls[bucket] != NULL)
            end_with(connection, connection->calls[bucket], &connection->failure);
    }
    pthread_cond_broadcast(&connection->changed);
}

static bool garbage(connection *connection, const char *what) {
    portolan_error error = PORTOLAN_ERROR_INIT;
    fail(&error, PORTOLAN_UNAVAILABLE, "CONNECTION_FAILED", "The server sent %s.", what);
    connection_fail(connection, &error);
    return false;
}

static bool no_memory(connection *connection) {
    portolan_error error = PORTOLAN_ERROR_INIT;
    out_of_memory(&error);
    connection_fail(connection, &error);
    return false;
}

static bool copy_payload(portolan_buffer *target, const ProtobufCBinaryData *payload) {
    // One byte more, so that an empty answer has an address too.
    target->data = malloc(payload->len + 1);
    if (target->data == NULL) return false;
    if (payload->len > 0) memcpy(target->data, payload->data, payload->len);
    target->count = payload->len;
    return true;
}

static bool receive_message(
    connection *connection, call *call, const Portolan__Rpc__V1__Message *body) {
    if (call->kind == UNARY || call->credit <= 0)
        return garbage(connection, "more than it may on a stream");
    message *arrived = calloc(1, sizeof *arrived);
    if (arrived == NULL || !copy_payload(&arrived->content, &body->payload)) {
        free(arrived);
        return no_memory(connection);
    }
    call->credit -= (int64_t)body->payload.len + MESSAGE_OVERHEAD_BYTES;
    if (call->last == NULL) call->first = arrived;
    else call->last->next = arrived;
    call->last = arrived;
    pthread_cond_broadcast(&call->changed);
    return true;
}

// Fills the error from an `end`, whose texts protobuf-c has checked for zeros.
static bool refusal(portolan_error *error, const Portolan__Rpc__V1__End *end) {
    portolan_code code = end->status <= 16 ? (portolan_code)end->status : PORTOLAN_UNKNOWN;
    fail(error, code, end->reason, "%s", end->message);
    size_t count =
        end->n_metadata < METADATA_PAIRS_MAX ? end->n_metadata : METADATA_PAIRS_MAX;
    const char *names[METADATA_PAIRS_MAX], *values[METADATA_PAIRS_MAX];
    for (size_t index = 0; index < count; index++) {
        names[index] = end->metadata[index]->key;
        values[index] = end->metadata[index]->value;
    }
    return error_set_metadata(error, count, names, values);
}

static bool receive_end(connection *connection, call *call, const Portolan__Rpc__V1__End *end) {
    connection_remove(connection, call);
    call->is_over = true;
    bool is_kept = end->status == 0
        ? call->kind == STREAMED_ANSWER || copy_payload(&call->answer, &end->payload)
        : refusal(&call->error, end);
    if (!is_kept) out_of_memory(&call->error);
    pthread_cond_broadcast(&call->changed);
    return true;
}

static bool receive_go_away(connection *connection, const Portolan__Rpc__V1__GoAway *said) {
    portolan_error error = PORTOLAN_ERROR_INIT;
    if (said->status != 0) {
        fail(
            &error, said->status <= 16 ? (portolan_code)said->status : PORTOLAN_UNKNOWN,
            said->reason, "%s", said->message);
        connection_fail(connection, &error);
        return false;
    }
    if (connection->phase == OPEN) connection->phase = DRAINING;
    fail_unprocessed(
        &error, PORTOLAN_UNAVAILABLE, "CONNECTION_LOST", "The server is stopping.");
    for (size_t bucket = 0; bucket < CALL_BUCKETS; bucket++) {
        call *next = connection->calls[bucket];
        while (next != NULL) {
            call *looked_at = next;
            next = next->next;
            if (looked_at->id > said->last_stream_id) end_with(connection, looked_at, &error);
        }
    }
    portolan_error_clear(&error);
    pthread_cond_broadcast(&connection->changed);
    return true;
}

static bool receive_settings(
    connection *connection, const Portolan__Rpc__V1__Settings *settings) {
    connection->streams_max =
        settings->streams_max > 0 ? settings->streams_max : STREAMS_DEFAULT;
    connection->request_credit =
        settings->stream_credit_bytes > 0 ? settings->stream_credit_bytes : STREAM_CREDIT_BYTES;
    connection->is_settled = true;
    pthread_cond_broadcast(&connection->changed);
    return true;
}

static bool receive_ping(connection *connection, const Portolan__Rpc__V1__Ping *ping) {
    if (ping->acknowledgement) return true;
    // Whoever asks and does not read the answers would make them pile up.
    if (connection->outbound.count > OUTBOUND_BYTES_MAX)
        return garbage(connection, "pings and took nothing");
    return send_ping(connection, ping->data, true) || no_memory(connection);
}

static bool receive_credit(
    connection *connection, call *call, const Portolan__Rpc__V1__Credit *credit) {
    // Added up far beyond what anybody would send, it must not overflow.
    if (call->allowance < INT64_MAX / 2) call->allowance += credit->bytes;
    pthread_cond_broadcast(&connection->changed);
    return true;
}

static bool receive_frame(connection *connection, const Portolan__Rpc__V1__Frame *frame) {
    call *call = connection_find(connection, frame->stream_id);
    switch (frame->body_case) {
    case PORTOLAN__RPC__V1__FRAME__BODY_SETTINGS:
        return receive_settings(connection, frame->settings);
    case PORTOLAN__RPC__V1__FRAME__BODY_PING: return receive_ping(connection, frame->ping);
    case PORTOLAN__RPC__V1__FRAME__BODY_GO_AWAY:
        return receive_go_away(connection, frame->go_away);
    case PORTOLAN__RPC__V1__FRAME__BODY_MESSAGE:
        return call == NULL || receive_message(connection, call, frame->message);
    case PORTOLAN__RPC__V1__FRAME__BODY_END:
        return call == NULL || receive_end(connection, call, frame->end);
    case PORTOLAN__RPC__V1__FRAME__BODY_CREDIT:
        return call == NULL || receive_credit(connection, call, frame->credit);
    case PORTOLAN__RPC__V1__FRAME__BODY_CALL:
    case PORTOLAN__RPC__V1__FRAME__BODY_CANCEL:
        return garbage(connection, "a frame that only clients send");
    default:
        // A body that this version does not know is skipped.
        return frame->base.n_unknown_fields > 0 || garbage(connection, "a frame without a body");
    }
}

bool receive_frames(connection *connection) {
    bytes *inbound = &connection->inbound;
    size_t start = 0;
    bool is_good = true;
    while (is_good && inbound->count - start >= 4) {
        const uint8_t *at = inbound->data + start;
        uint32_t count = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
            at[3];
        if (count > FRAME_BYTES_MAX) return garbage(connection, "a frame over the limit");
        if (inbound->count - start - 4 < count) break;
        Portolan__Rpc__V1__Frame *frame = portolan__rpc__v1__frame__unpack(NULL, count, at + 4);
        if (frame == NULL) return garbage(connection, "what is no frame");
        is_good = receive_frame(connection, frame);
        portolan__rpc__v1__frame__free_unpacked(frame, NULL);
        start += 4 + count;
    }
    bytes_remove(inbound, start);
    return is_good;
}
