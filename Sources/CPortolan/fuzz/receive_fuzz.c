// libFuzzer: what a hostile server sends, as the client's thread reads it, with a call of each kind under way.
//
//     make fuzz      builds it with clang's address sanitizer; `make chaos` runs it for a while
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../internal.h"

static void add_call(connection *connection, call *added, uint32_t id, call_kind kind) {
    *added = (call){.id = id, .kind = kind, .credit = STREAM_CREDIT_BYTES};
    pthread_cond_init(&added->changed, NULL);
    added->next = connection->calls[id % CALL_BUCKETS];
    connection->calls[id % CALL_BUCKETS] = added;
    connection->calls_count++;
}

static void free_call(call *freed) {
    while (freed->first != NULL) {
        message *next = freed->first->next;
        portolan_buffer_free(&freed->first->content);
        free(freed->first);
        freed->first = next;
    }
    portolan_buffer_free(&freed->answer);
    portolan_error_clear(&freed->error);
    pthread_cond_destroy(&freed->changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    connection fuzzed = {.phase = OPEN, .streams_max = 1, .socket = -1};
    pthread_mutex_init(&fuzzed.lock, NULL);
    pthread_cond_init(&fuzzed.changed, NULL);
    fuzzed.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    call unary, stream, requests;
    add_call(&fuzzed, &unary, 1, UNARY);
    add_call(&fuzzed, &stream, 2, STREAMED_ANSWER);
    add_call(&fuzzed, &requests, 3, STREAMED_REQUESTS);
    // The first byte says how the rest is cut into reads.
    size_t piece = count > 0 ? 1 + data[0] : 1;
    bool is_good = true;
    for (size_t at = 1; is_good && at < count; at += piece) {
        size_t length = count - at < piece ? count - at : piece;
        is_good = bytes_append(&fuzzed.inbound, data + at, length) && receive_frames(&fuzzed);
    }
    // No more than one frame and one read is ever held, and no more than the credit is queued.
    if (fuzzed.inbound.count > FRAME_BYTES_MAX + 4 + 256) abort();
    if (stream.credit < -MESSAGE_BYTES_MAX - (64 << 10) - MESSAGE_OVERHEAD_BYTES) abort();
    portolan_error closed = PORTOLAN_ERROR_INIT;
    fail(&closed, PORTOLAN_CANCELLED, "CANCELLED", "over");
    connection_fail(&fuzzed, &closed);
    if (!unary.is_over || !stream.is_over || !requests.is_over || fuzzed.calls_count != 0) abort();
    free_call(&unary);
    free_call(&stream);
    free_call(&requests);
    bytes_free(&fuzzed.inbound);
    bytes_free(&fuzzed.outbound);
    portolan_error_clear(&fuzzed.failure);
    pthread_cond_destroy(&fuzzed.changed);
    pthread_mutex_destroy(&fuzzed.lock);
    close(fuzzed.wake);
    return 0;
}
