// Client of Portolan's services over the native protocol, portolan-rpc/1 (Docs/protocol.md).
//
//     portolan_options options = {
//         .address = "127.0.0.1:7001", .trust_domain = "portolan.example",
//         .region = "eu-central-1", .service = "directory",
//         .certificate_file = "certificate.pem", .key_file = "key.pem", .roots_file = "root.pem",
//     };
//     portolan_error error = PORTOLAN_ERROR_INIT;
//     portolan_client *client = portolan_client_new(&options, &error);
//
// Threads: every function may be called from any thread, and any number of threads may have calls
// under way on one client; they share one connection. Exceptions are named where they apply: a
// stream has one reader, and a client or stream is freed once, when nobody uses it any more.
//
// Signals: the library's own threads block all signals; a lost connection raises no SIGPIPE.
//
// Memory: what a function gives is freed by the function named with it. Strings passed in are
// copied. After fork() the child must not use a client of the parent.
#ifndef PORTOLAN_H
#define PORTOLAN_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PORTOLAN_VERSION "0.1.0"

// The canonical status codes of gRPC.
typedef enum {
    PORTOLAN_OK = 0,
    PORTOLAN_CANCELLED = 1,
    PORTOLAN_UNKNOWN = 2,
    PORTOLAN_INVALID_ARGUMENT = 3,
    PORTOLAN_DEADLINE_EXCEEDED = 4,
    PORTOLAN_NOT_FOUND = 5,
    PORTOLAN_ALREADY_EXISTS = 6,
    PORTOLAN_PERMISSION_DENIED = 7,
    PORTOLAN_RESOURCE_EXHAUSTED = 8,
    PORTOLAN_FAILED_PRECONDITION = 9,
    PORTOLAN_ABORTED = 10,
    PORTOLAN_OUT_OF_RANGE = 11,
    PORTOLAN_UNIMPLEMENTED = 12,
    PORTOLAN_INTERNAL = 13,
    PORTOLAN_UNAVAILABLE = 14,
    PORTOLAN_DATA_LOSS = 15,
    PORTOLAN_UNAUTHENTICATED = 16,
} portolan_code;

// "NOT_FOUND" for PORTOLAN_NOT_FOUND; "UNKNOWN" for what is no code.
const char *portolan_code_name(portolan_code code);

typedef struct {
    const char *name;
    const char *value;
} portolan_pair;

// Why a call did not give an answer. Starts as PORTOLAN_ERROR_INIT and may be used for any number of
// calls; each failure replaces what it held.
typedef struct {
    portolan_code code;
    // Stable, for programs: "USER_NOT_FOUND". The client's own: CANNOT_CONNECT, TLS_IDENTITY,
    // TLS_HANDSHAKE, WRONG_SERVER, CONNECTION_LOST, CONNECTION_FAILED, DEADLINE_EXCEEDED, CANCELLED,
    // MESSAGE_TOO_LARGE, MALFORMED_MESSAGE, UNKNOWN_METHOD, REQUESTS_ENDED, OUT_OF_MEMORY.
    char reason[65];
    // For people; cut at this size.
    char message[1025];
    // The call certainly reached no handler and may be sent again.
    bool unprocessed;
    // Facts such as "primary-region"; valid until the error is used again or cleared.
    portolan_pair *metadata;
    size_t metadata_count;
} portolan_error;

#define PORTOLAN_ERROR_INIT {PORTOLAN_OK, "", "", false, NULL, 0}

// Frees what the error holds; it may be used again.
void portolan_error_clear(portolan_error *error);

// The value of a fact, NULL when the error does not have it.
const char *portolan_error_fact(const portolan_error *error, const char *name);

// Bytes that the caller frees with portolan_buffer_free.
typedef struct {
    uint8_t *data;
    size_t count;
} portolan_buffer;

void portolan_buffer_free(portolan_buffer *buffer);

// Whom to call and who calls. All strings are needed.
typedef struct {
    // "host:port" or "[IPv6 address]:port"; several of the same service with commas between are tried
    // in turn.
    const char *address;
    // The server's certificate must say spiffe://<trust domain>/region/<region>/service/<service>.
    const char *trust_domain;
    const char *region;
    const char *service;
    // PEM files: the caller's chain, its key without a passphrase, the installation's root. They are
    // read once, when the client is made.
    const char *certificate_file;
    const char *key_file;
    const char *roots_file;
    // From the look-up of the name to the end of TLS. 0: 5,000.
    uint32_t connect_timeout_ms;
} portolan_options;

typedef struct portolan_client portolan_client;

// Makes a client; it connects when it is first called, and again after a loss. NULL and the error
// (FAILED_PRECONDITION TLS_IDENTITY, INVALID_ARGUMENT) when the options cannot be used.
portolan_client *portolan_client_new(const portolan_options *options, portolan_error *error);

// Ends the connection and frees the client. Nobody may use it, or a stream of it, any more. Waits
// until a connection that is just being made is there or has failed.
void portolan_client_free(portolan_client *client);

// Settings of one call; NULL stands for all zeros.
typedef struct {
    // For the whole call, connecting included. 0: 30,000 for a unary call, no end for a stream. A
    // unary call gets 120,000 at most.
    uint32_t timeout_ms;
    // Sent again also when it is not known whether the server ran it: for methods that are declared
    // idempotent. What certainly did not reach a handler is sent again in any case. Three attempts.
    bool idempotent;
    // At most 32 pairs and 8 KiB; names of a-z, 0-9, dot, dash, underscore.
    const portolan_pair *metadata;
    size_t metadata_count;
} portolan_call_options;

// A unary call with an encoded request of at most 4 MiB. `method` is
// "portolan.directory.v1.Directory/GetUser". On PORTOLAN_OK `answer` holds the encoded answer, to be
// freed; otherwise the error says why. `error` may be NULL.
portolan_code portolan_call(
    portolan_client *client, const char *method, const portolan_call_options *options,
    const uint8_t *request, size_t request_count, portolan_buffer *answer, portolan_error *error);

// The same with messages of protobuf-c. `service` is a generated descriptor, such as
// portolan__directory__v1__directory__descriptor, which says the types; `method` is "GetUser". The
// answer is freed with protobuf_c_message_free_unpacked(answer, NULL).
portolan_code portolan_call_message(
    portolan_client *client, const ProtobufCServiceDescriptor *service, const char *method,
    const portolan_call_options *options, const ProtobufCMessage *request,
    ProtobufCMessage **answer, portolan_error *error);

// A call with a streamed answer.
typedef struct portolan_stream portolan_stream;

// Starts a call with a streamed answer; NULL and the error when it cannot be started. The server
// sends no more than 1 MiB ahead of the reader. Never sent again by itself.
portolan_stream *portolan_stream_open(
    portolan_client *client, const char *method, const portolan_call_options *options,
    const uint8_t *request, size_t request_count, portolan_error *error);

// Waits for the next message: 1 with a message to be freed, 0 at the end, -1 with the error. One
// thread at a time.
int portolan_stream_next(
    portolan_stream *stream, portolan_buffer *message, portolan_error *error);

// Starts a call whose requests follow by portolan_stream_send, up to portolan_stream_end_requests. What
// it gives is read with portolan_stream_next, or, where the method answers once, with
// portolan_stream_answer. NULL and the error when it cannot be started.
portolan_stream *portolan_stream_start(
    portolan_client *client, const char *method, const portolan_call_options *options,
    portolan_error *error);

// Sends one more request of at most 4 MiB, once the server gives credit for it: 1 when it is on its
// way, 0 when the server has answered already and wants no more, -1 with the error. One thread at a
// time, which may be another than the one that reads.
int portolan_stream_send(
    portolan_stream *stream, const uint8_t *request, size_t request_count, portolan_error *error);

// Says that there are no more requests. Harmless when the call is over.
void portolan_stream_end_requests(portolan_stream *stream);

// Waits for the one answer to streamed requests, which may come before the last of them. On
// PORTOLAN_OK it is to be freed; it is given once.
portolan_code portolan_stream_answer(
    portolan_stream *stream, portolan_buffer *answer, portolan_error *error);

// Makes a waiting and every later portolan_stream_next fail with CANCELLED. From any thread.
void portolan_stream_cancel(portolan_stream *stream);

// Cancels the call if it is not over, and frees the stream.
void portolan_stream_free(portolan_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
