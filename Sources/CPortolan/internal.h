// What the files of the library share. Nothing here is exported.
#ifndef PORTOLAN_INTERNAL_H
#define PORTOLAN_INTERNAL_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <time.h>

#include "portolan.h"

#define INTERNAL __attribute__((visibility("hidden")))

enum {
    MESSAGE_BYTES_MAX = 4 << 20,
    FRAME_BYTES_MAX = (4 << 20) + (64 << 10),
    // What each streamed answer may send ahead of its reader, and what a message costs besides.
    STREAM_CREDIT_BYTES = 1 << 20,
    MESSAGE_OVERHEAD_BYTES = 16,
    STREAMS_DEFAULT = 100,
    // Requests on their way to the socket before callers wait.
    OUTBOUND_BYTES_MAX = 8 << 20,
    PING_MS = 10000,
    UNARY_MS = 30000,
    UNARY_MS_MAX = 120000,
    CONNECT_MS = 5000,
    ATTEMPTS_MAX = 3,
    // How long a cancelled call is taken to count on the server, which says nothing when it stops.
    CANCELLED_MS = 1000,
    CALL_BUCKETS = 256,
    METADATA_PAIRS_MAX = 32,
    METADATA_BYTES_MAX = 8 << 10,
};

#define ALPN "portolan-rpc/1"

// --- error.c ------------------------------------------------------------------------------------

// Fills the error, which may be NULL, and gives the code.
INTERNAL portolan_code fail(
    portolan_error *error, portolan_code code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// A failure after which the call may be sent again.
INTERNAL portolan_code fail_unprocessed(
    portolan_error *error, portolan_code code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
INTERNAL portolan_code out_of_memory(portolan_error *error);
// Gives `target`, which may be NULL, what `source` holds; `source` is empty afterwards.
INTERNAL void error_move(portolan_error *target, portolan_error *source);
INTERNAL void error_copy(portolan_error *target, const portolan_error *source);
INTERNAL bool error_set_metadata(
    portolan_error *error, size_t count, const char *const *names, const char *const *values);

// --- time and memory ----------------------------------------------------------------------------

// Milliseconds of the monotonic clock.
INTERNAL int64_t now_ms(void);
INTERNAL struct timespec timespec_of(int64_t ms);
#define NEVER INT64_MAX

typedef struct {
    uint8_t *data;
    size_t count, capacity;
} bytes;

INTERNAL bool bytes_append(bytes *target, const void *data, size_t count);
INTERNAL void bytes_remove(bytes *target, size_t count);
INTERNAL void bytes_free(bytes *target);

// --- tls.c --------------------------------------------------------------------------------------

// A context with the caller's identity; NULL and the error.
INTERNAL SSL_CTX *tls_context(const portolan_options *options, portolan_error *error);
// Whether the peer's certificate, which TLS has verified, names exactly this SPIFFE ID and the
// application protocol was agreed on.
INTERNAL bool tls_check(SSL *tls, const char *spiffe_id, portolan_error *error);
// Connects to the first address that answers, within the time; -1 and the error. The socket does not
// block.
INTERNAL int tcp_connect(const char *addresses, int64_t deadline, portolan_error *error);
// Waits until the socket can be read (or written).
INTERNAL bool wait_for_socket(int socket, short events, int64_t deadline);

// --- connection.c -------------------------------------------------------------------------------

typedef struct message {
    struct message *next;
    portolan_buffer content;
} message;

typedef enum {
    // One request, one answer.
    UNARY,
    // One request, answers that are read as they come.
    STREAMED_ANSWER,
    // Requests that follow, and one answer or streamed ones.
    STREAMED_REQUESTS,
} call_kind;

// One call under way. Protected by its connection's lock.
typedef struct call {
    struct call *next;
    uint32_t id;
    pthread_cond_t changed;
    call_kind kind;
    // What may still be sent of streamed requests, and whether the last was.
    int64_t allowance;
    bool has_ended_requests;
    // Of a streamed answer.
    message *first, *last;
    // What the server may still send, and what was read but not given back.
    int64_t credit, consumed;
    // The end has arrived, with the answer of a unary call or an error.
    bool is_over;
    // Its reader wants no more, not even what has arrived.
    bool is_cancelled;
    portolan_buffer answer;
    portolan_error error;
} call;

typedef enum { CONNECTING, OPEN, DRAINING, FAILED } phase;

typedef struct connection {
    struct connection *next;
    pthread_mutex_t lock;
    // Phase, room for calls, room in `outbound`.
    pthread_cond_t changed;
    pthread_t thread;
    phase phase;
    bool is_stopping;
    portolan_error failure;
    uint32_t next_id, streams_max;
    // What streamed requests start with, once the server's settings are there.
    int64_t request_credit;
    bool is_settled;
    size_t calls_count;
    call *calls[CALL_BUCKETS];
    // Ends of the grace of cancelled calls that may still count on the server.
    int64_t cancelled[STREAMS_DEFAULT];
    size_t cancelled_count;
    bytes outbound;
    // The thread's own.
    int wake;
    char *address, *spiffe_id;
    int64_t connect_deadline;
    SSL *tls;
    int socket;
    bytes inbound, sending;
    int64_t last_read;
    bool asked;
} connection;

// A connection whose thread has begun to connect; NULL and the error.
INTERNAL connection *connection_new(
    SSL_CTX *context, const char *address, const char *spiffe_id, uint32_t connect_ms,
    portolan_error *error);
// Ends it, waits for its thread and frees it. No call of it may be in use.
INTERNAL void connection_free(connection *connection);
// Whether new calls may use it, or it is still connecting.
INTERNAL bool connection_is_usable(connection *connection);
INTERNAL bool connection_is_idle(connection *connection);
// Starts a call; waits for the connection and for room on it. NULL and the error.
INTERNAL call *connection_start(
    connection *connection, const char *method, const portolan_call_options *options,
    int64_t deadline, const uint8_t *request, size_t count, call_kind kind, portolan_error *error);
// Waits for the end of a unary call.
INTERNAL portolan_code connection_answer(
    connection *connection, call *call, int64_t deadline, portolan_buffer *answer,
    portolan_error *error);
// The same, without freeing the call.
INTERNAL portolan_code connection_wait(
    connection *connection, call *call, int64_t deadline, portolan_buffer *answer,
    portolan_error *error);
// Sends one more of streamed requests, once there is credit: 1, 0 when the call has ended well, -1.
INTERNAL int connection_send(
    connection *connection, call *call, int64_t deadline, const uint8_t *request, size_t count,
    portolan_error *error);
INTERNAL void connection_end_requests(connection *connection, call *call);
// The next message of a stream: 1, 0 or -1.
INTERNAL int connection_next(
    connection *connection, call *call, int64_t deadline, portolan_buffer *message,
    portolan_error *error);
// Ends the call for its reader, and tells the server.
INTERNAL void connection_cancel(connection *connection, call *call);
// Frees a call, cancelling it if it is not over.
INTERNAL void connection_release(connection *connection, call *call);

// --- receive.c ----------------------------------------------------------------------------------

// Handles the whole frames of `inbound`, with the lock held; false when the connection has failed.
INTERNAL bool receive_frames(connection *connection);
// Fails the connection and its calls, with the lock held. The first failure stays.
INTERNAL void connection_fail(connection *connection, portolan_error *error);
// Takes a call out of the table.
INTERNAL bool connection_remove(connection *connection, call *call);
INTERNAL call *connection_find(connection *connection, uint32_t id);

// --- send.c -------------------------------------------------------------------------------------

INTERNAL bool send_call(
    connection *connection, uint32_t id, const char *method, uint64_t timeout_us,
    const portolan_call_options *options, const uint8_t *request, size_t count, call_kind kind);
// One of streamed requests; NULL says that there are no more.
INTERNAL bool send_request(
    connection *connection, uint32_t id, const uint8_t *request, size_t count);
INTERNAL bool send_cancel(connection *connection, uint32_t id);
INTERNAL bool send_credit(connection *connection, uint32_t id, uint32_t bytes);
INTERNAL bool send_ping(connection *connection, uint64_t data, bool is_acknowledgement);
// Tells the thread that there is something to send.
INTERNAL void connection_wake(connection *connection);

#endif
