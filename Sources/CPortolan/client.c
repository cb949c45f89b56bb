#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct portolan_client {
    pthread_mutex_t lock;
    SSL_CTX *tls;
    char *address, *spiffe_id;
    uint32_t connect_ms;
    // The one that new calls use, and those before it whose calls go on.
    connection *current, *older;
    // Calls that use some connection; an old one is freed when there are none.
    size_t users;
};

struct portolan_stream {
    portolan_client *client;
    connection *connection;
    call *call;
    int64_t deadline;
};

static char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *pattern, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, pattern);
    int count = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    return count < 0 ? NULL : text;
}

portolan_client *portolan_client_new(const portolan_options *options, portolan_error *error) {
    const char *const needed[] = {
        options->address,  options->trust_domain,     options->region,    options->service,
        options->key_file, options->certificate_file, options->roots_file,
    };
    for (size_t index = 0; index < sizeof needed / sizeof *needed; index++) {
        if (needed[index] != NULL && needed[index][0] != 0) continue;
        fail(error, PORTOLAN_INVALID_ARGUMENT, "OPTIONS", "One of the options is missing.");
        return NULL;
    }
    portolan_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        out_of_memory(error);
        return NULL;
    }
    pthread_mutex_init(&client->lock, NULL);
    client->connect_ms =
        options->connect_timeout_ms == 0 ? CONNECT_MS : options->connect_timeout_ms;
    client->address = strdup(options->address);
    client->spiffe_id = format(
        "spiffe://%s/region/%s/service/%s", options->trust_domain, options->region,
        options->service);
    if (client->address == NULL || client->spiffe_id == NULL) out_of_memory(error);
    else client->tls = tls_context(options, error);
    if (client->tls != NULL) return client;
    portolan_client_free(client);
    return NULL;
}

void portolan_client_free(portolan_client *client) {
    if (client == NULL) return;
    if (client->current != NULL) connection_free(client->current);
    while (client->older != NULL) {
        connection *next = client->older->next;
        connection_free(client->older);
        client->older = next;
    }
    SSL_CTX_free(client->tls);
    free(client->address);
    free(client->spiffe_id);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

// The connection for a new call, made if there is none; to be given back with `leave`.
static connection *enter(portolan_client *client, portolan_error *error) {
    pthread_mutex_lock(&client->lock);
    if (client->current != NULL && !connection_is_usable(client->current)) {
        client->current->next = client->older;
        client->older = client->current;
        client->current = NULL;
    }
    if (client->current == NULL)
        client->current = connection_new(
            client->tls, client->address, client->spiffe_id, client->connect_ms, error);
    connection *entered = client->current;
    if (entered != NULL) client->users++;
    pthread_mutex_unlock(&client->lock);
    return entered;
}

// Frees old connections once nobody can be using one.
static void leave(portolan_client *client) {
    pthread_mutex_lock(&client->lock);
    connection *unused = NULL;
    if (--client->users == 0) {
        unused = client->older;
        client->older = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    while (unused != NULL) {
        connection *next = unused->next;
        connection_free(unused);
        unused = next;
    }
}

static bool is_name(const char *name) {
    size_t count = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
    return name[count] == 0 && count >= 1 && count <= 64;
}

static portolan_code check(
    const portolan_call_options *options, size_t count, portolan_error *error) {
    if (count > MESSAGE_BYTES_MAX)
        return fail_unprocessed(
            error, PORTOLAN_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "The request has %zu bytes.",
            count);
    size_t total = 0;
    for (size_t index = 0; index < options->metadata_count; index++) {
        if (index >= METADATA_PAIRS_MAX || !is_name(options->metadata[index].name))
            return fail_unprocessed(
                error, PORTOLAN_INVALID_ARGUMENT, "METADATA_NAME",
                "A name of metadata is not allowed, or there are more than %d.",
                METADATA_PAIRS_MAX);
        total += strlen(options->metadata[index].name) + strlen(options->metadata[index].value);
    }
    if (total > METADATA_BYTES_MAX)
        return fail_unprocessed(
            error, PORTOLAN_RESOURCE_EXHAUSTED, "METADATA_TOO_LARGE",
            "The metadata has %zu bytes.", total);
    return PORTOLAN_OK;
}

static portolan_code attempt(
    portolan_client *client, const char *method, const portolan_call_options *options,
    int64_t deadline, const uint8_t *request, size_t count, portolan_buffer *answer,
    portolan_error *error) {
    connection *connection = enter(client, error);
    if (connection == NULL) return error->code;
    call *call = connection_start(
        connection, method, options, deadline, request, count, UNARY, error);
    portolan_code code = call == NULL
        ? error->code
        : connection_answer(connection, call, deadline, answer, error);
    leave(client);
    return code;
}

// Whether sending again is safe and may help.
static bool may_repeat(const portolan_error *error, bool is_idempotent) {
    if (error->code != PORTOLAN_UNAVAILABLE) return false;
    // Who cannot be reached now is not reached by asking at once again.
    if (strcmp(error->reason, "CANNOT_CONNECT") == 0 ||
        strcmp(error->reason, "TLS_HANDSHAKE") == 0)
        return false;
    bool is_of_connection = strcmp(error->reason, "CONNECTION_LOST") == 0 ||
        strcmp(error->reason, "CONNECTION_FAILED") == 0 ||
        strcmp(error->reason, "SERVER_STOPPING") == 0;
    return error->unprocessed || (is_idempotent && is_of_connection);
}

portolan_code portolan_call(
    portolan_client *client, const char *method, const portolan_call_options *options,
    const uint8_t *request, size_t request_count, portolan_buffer *answer,
    portolan_error *error) {
    static const portolan_call_options none;
    if (options == NULL) options = &none;
    *answer = (portolan_buffer){NULL, 0};
    portolan_error failure = PORTOLAN_ERROR_INIT;
    uint32_t timeout = options->timeout_ms == 0 ? UNARY_MS
        : options->timeout_ms > UNARY_MS_MAX    ? UNARY_MS_MAX
                                                : options->timeout_ms;
    int64_t deadline = now_ms() + timeout;
    portolan_code code = check(options, request_count, &failure);
    for (int attempts = 1; code == PORTOLAN_OK; attempts++) {
        code = attempt(
            client, method, options, deadline, request, request_count, answer, &failure);
        if (code == PORTOLAN_OK || attempts == ATTEMPTS_MAX || now_ms() >= deadline ||
            !may_repeat(&failure, options->idempotent))
            break;
        code = PORTOLAN_OK;
    }
    if (code == PORTOLAN_OK) portolan_error_clear(&failure);
    else error_move(error, &failure);
    return code;
}

static portolan_stream *open_stream(
    portolan_client *client, const char *method, const portolan_call_options *options,
    const uint8_t *request, size_t count, call_kind kind, portolan_error *error) {
    static const portolan_call_options none;
    if (options == NULL) options = &none;
    if (check(options, count, error) != PORTOLAN_OK) return NULL;
    portolan_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        out_of_memory(error);
        return NULL;
    }
    stream->client = client;
    stream->deadline = options->timeout_ms == 0 ? NEVER : now_ms() + options->timeout_ms;
    stream->connection = enter(client, error);
    if (stream->connection != NULL) {
        stream->call = connection_start(
            stream->connection, method, options, stream->deadline, request, count, kind, error);
        if (stream->call != NULL) return stream;
        leave(client);
    }
    free(stream);
    return NULL;
}

portolan_stream *portolan_stream_open(
    portolan_client *client, const char *method, const portolan_call_options *options,
    const uint8_t *request, size_t request_count, portolan_error *error) {
    return open_stream(
        client, method, options, request, request_count, STREAMED_ANSWER, error);
}

portolan_stream *portolan_stream_start(
    portolan_client *client, const char *method, const portolan_call_options *options,
    portolan_error *error) {
    return open_stream(client, method, options, NULL, 0, STREAMED_REQUESTS, error);
}

int portolan_stream_send(
    portolan_stream *stream, const uint8_t *request, size_t request_count,
    portolan_error *error) {
    static const portolan_call_options none;
    if (check(&none, request_count, error) != PORTOLAN_OK) return -1;
    return connection_send(
        stream->connection, stream->call, stream->deadline, request, request_count, error);
}

void portolan_stream_end_requests(portolan_stream *stream) {
    connection_end_requests(stream->connection, stream->call);
}

portolan_code portolan_stream_answer(
    portolan_stream *stream, portolan_buffer *answer, portolan_error *error) {
    *answer = (portolan_buffer){NULL, 0};
    return connection_wait(stream->connection, stream->call, stream->deadline, answer, error);
}

int portolan_stream_next(
    portolan_stream *stream, portolan_buffer *message, portolan_error *error) {
    *message = (portolan_buffer){NULL, 0};
    return connection_next(stream->connection, stream->call, stream->deadline, message, error);
}

void portolan_stream_cancel(portolan_stream *stream) {
    connection_cancel(stream->connection, stream->call);
}

void portolan_stream_free(portolan_stream *stream) {
    if (stream == NULL) return;
    connection_release(stream->connection, stream->call);
    leave(stream->client);
    free(stream);
}
