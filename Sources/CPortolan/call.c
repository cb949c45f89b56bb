#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Waits for a change with the connection's lock held; false when the time is over.
static bool wait_for(pthread_cond_t *condition, connection *connection, int64_t deadline) {
    if (deadline == NEVER) return pthread_cond_wait(condition, &connection->lock) == 0;
    struct timespec until = timespec_of(deadline);
    return pthread_cond_timedwait(condition, &connection->lock, &until) != ETIMEDOUT;
}

static portolan_code late(portolan_error *error) {
    return fail(
        error, PORTOLAN_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "There was no answer in time.");
}

// Cancelled calls that may still count on the server, with the lock held; the earliest end of one.
static int64_t forget_cancelled(connection *connection) {
    int64_t now = now_ms(), earliest = NEVER;
    size_t kept = 0;
    for (size_t index = 0; index < connection->cancelled_count; index++) {
        int64_t end = connection->cancelled[index];
        if (end <= now) continue;
        connection->cancelled[kept++] = end;
        if (end < earliest) earliest = end;
    }
    connection->cancelled_count = kept;
    return earliest;
}

// Waits for the connection and for room on it, with the lock held. How much of streamed requests may be
// sent is among the server's settings.
static portolan_code wait_for_room(
    connection *connection, int64_t deadline, call_kind kind, portolan_error *error) {
    while (true) {
        if (connection->phase == FAILED || connection->phase == DRAINING) {
            error_copy(error, &connection->failure);
            if (connection->phase == DRAINING)
                fail(error, PORTOLAN_UNAVAILABLE, "CONNECTION_LOST", "The server is stopping.");
            // Nothing was sent.
            if (error != NULL) error->unprocessed = true;
            return connection->phase == DRAINING ? PORTOLAN_UNAVAILABLE
                                                 : connection->failure.code;
        }
        int64_t earliest = forget_cancelled(connection);
        if (connection->phase == OPEN && connection->outbound.count < OUTBOUND_BYTES_MAX &&
            (kind != STREAMED_REQUESTS || connection->is_settled) &&
            connection->calls_count + connection->cancelled_count < connection->streams_max)
            return PORTOLAN_OK;
        int64_t until = earliest < deadline ? earliest : deadline;
        if (!wait_for(&connection->changed, connection, until) && now_ms() >= deadline)
            return late(error);
    }
}

static call *call_new(call_kind kind) {
    call *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    made->kind = kind;
    made->credit = STREAM_CREDIT_BYTES;
    return made;
}

static void call_free(call *call) {
    while (call->first != NULL) {
        message *next = call->first->next;
        portolan_buffer_free(&call->first->content);
        free(call->first);
        call->first = next;
    }
    portolan_buffer_free(&call->answer);
    portolan_error_clear(&call->error);
    pthread_cond_destroy(&call->changed);
    free(call);
}

call *connection_start(
    connection *connection, const char *method, const portolan_call_options *options,
    int64_t deadline, const uint8_t *request, size_t count, call_kind kind,
    portolan_error *error) {
    call *made = call_new(kind);
    if (made == NULL) {
        out_of_memory(error);
        return NULL;
    }
    pthread_mutex_lock(&connection->lock);
    portolan_code code = wait_for_room(connection, deadline, kind, error);
    if (code == PORTOLAN_OK) {
        int64_t left = deadline == NEVER ? 0 : deadline - now_ms();
        uint64_t timeout = deadline == NEVER ? 0 : left > 0 ? (uint64_t)left * 1000 : 1;
        made->id = connection->next_id++;
        // Far from the end of the numbers another connection takes over.
        if (made->id > UINT32_MAX - (1 << 20)) connection->phase = DRAINING;
        // A server that was silent while nobody called has not gone silent.
        if (connection->calls_count == 0) connection->last_read = now_ms();
        made->allowance = connection->request_credit;
        if (send_call(connection, made->id, method, timeout, options, request, count, kind)) {
            size_t bucket = made->id % CALL_BUCKETS;
            made->next = connection->calls[bucket];
            connection->calls[bucket] = made;
            connection->calls_count++;
        } else {
            code = out_of_memory(error);
        }
    }
    pthread_mutex_unlock(&connection->lock);
    if (code == PORTOLAN_OK) return made;
    call_free(made);
    return NULL;
}

// Ends the call for whoever waits for it, with the lock held.
static void cancel(connection *connection, call *call) {
    if (!connection_remove(connection, call)) return;
    call->is_over = true;
    call->is_cancelled = true;
    fail(&call->error, PORTOLAN_CANCELLED, "CANCELLED", "The call was cancelled.");
    send_cancel(connection, call->id);
    if (connection->cancelled_count < STREAMS_DEFAULT)
        connection->cancelled[connection->cancelled_count++] = now_ms() + CANCELLED_MS;
    pthread_cond_broadcast(&call->changed);
}

void connection_cancel(connection *connection, call *call) {
    pthread_mutex_lock(&connection->lock);
    cancel(connection, call);
    pthread_mutex_unlock(&connection->lock);
}

void connection_release(connection *connection, call *call) {
    connection_cancel(connection, call);
    call_free(call);
}

portolan_code connection_wait(
    connection *connection, call *call, int64_t deadline, portolan_buffer *answer,
    portolan_error *error) {
    portolan_code code = PORTOLAN_OK;
    pthread_mutex_lock(&connection->lock);
    while (!call->is_over && code == PORTOLAN_OK)
        if (!wait_for(&call->changed, connection, deadline) && !call->is_over) code = late(error);
    if (code == PORTOLAN_OK && call->error.code != PORTOLAN_OK) {
        code = call->error.code;
        error_move(error, &call->error);
    } else if (code == PORTOLAN_OK) {
        *answer = call->answer;
        call->answer = (portolan_buffer){NULL, 0};
    }
    pthread_mutex_unlock(&connection->lock);
    return code;
}

portolan_code connection_answer(
    connection *connection, call *call, int64_t deadline, portolan_buffer *answer,
    portolan_error *error) {
    portolan_code code = connection_wait(connection, call, deadline, answer, error);
    connection_release(connection, call);
    return code;
}

int connection_send(
    connection *connection, call *call, int64_t deadline, const uint8_t *request, size_t count,
    portolan_error *error) {
    static const uint8_t none;
    int outcome = 1;
    pthread_mutex_lock(&connection->lock);
    bool is_late = false;
    while (!call->is_over && !is_late &&
           (call->allowance <= 0 || connection->outbound.count >= OUTBOUND_BYTES_MAX))
        is_late = !wait_for(&connection->changed, connection, deadline);
    if (call->is_over) {
        outcome = call->error.code == PORTOLAN_OK ? 0 : -1;
        if (outcome < 0) error_copy(error, &call->error);
    } else if (is_late) {
        cancel(connection, call);
        late(&call->error);
        late(error);
        outcome = -1;
    } else if (call->has_ended_requests ||
               !send_request(connection, call->id, request == NULL ? &none : request, count)) {
        if (call->has_ended_requests)
            fail(
                error, PORTOLAN_FAILED_PRECONDITION, "REQUESTS_ENDED",
                "The last request was sent already.");
        else out_of_memory(error);
        outcome = -1;
    } else {
        call->allowance -= (int64_t)count + MESSAGE_OVERHEAD_BYTES;
    }
    pthread_mutex_unlock(&connection->lock);
    return outcome;
}

void connection_end_requests(connection *connection, call *call) {
    pthread_mutex_lock(&connection->lock);
    if (!call->is_over && !call->has_ended_requests)
        call->has_ended_requests = send_request(connection, call->id, NULL, 0);
    pthread_mutex_unlock(&connection->lock);
}

// Takes the first message and gives credit back in large pieces, with the lock held.
static void take(connection *connection, call *call, portolan_buffer *taken) {
    message *first = call->first;
    *taken = first->content;
    call->first = first->next;
    if (call->first == NULL) call->last = NULL;
    free(first);
    call->consumed += (int64_t)taken->count + MESSAGE_OVERHEAD_BYTES;
    if (call->consumed < STREAM_CREDIT_BYTES / 4 || call->is_over) return;
    if (!send_credit(connection, call->id, (uint32_t)call->consumed)) return;
    call->credit += call->consumed;
    call->consumed = 0;
}

int connection_next(
    connection *connection, call *call, int64_t deadline, portolan_buffer *taken,
    portolan_error *error) {
    int outcome = 0;
    pthread_mutex_lock(&connection->lock);
    bool is_late = false;
    while (call->first == NULL && !call->is_over && !is_late)
        is_late = !wait_for(&call->changed, connection, deadline);
    if (call->first != NULL && !call->is_cancelled) {
        take(connection, call, taken);
        outcome = 1;
    } else if (call->is_over && call->error.code != PORTOLAN_OK) {
        // Stays with the call, so that asking again says the same.
        error_copy(error, &call->error);
        outcome = -1;
    } else if (!call->is_over) {
        cancel(connection, call);
        late(&call->error);
        late(error);
        outcome = -1;
    }
    pthread_mutex_unlock(&connection->lock);
    return outcome;
}
