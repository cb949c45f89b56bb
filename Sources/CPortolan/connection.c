#define _GNU_SOURCE
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

// --- The thread -----------------------------------------------------------------------------------

static void lost(connection *connection, const char *what) {
    portolan_error error = PORTOLAN_ERROR_INIT;
    fail(&error, PORTOLAN_UNAVAILABLE, "CONNECTION_LOST", "%s", what);
    connection_fail(connection, &error);
}

// TLS on a connected socket; false and the error.
static bool handshake(connection *connection, portolan_error *error) {
    SSL_set_fd(connection->tls, connection->socket);
    while (true) {
        ERR_clear_error();
        int outcome = SSL_connect(connection->tls);
        if (outcome == 1) return tls_check(connection->tls, connection->spiffe_id, error);
        int wanted = SSL_get_error(connection->tls, outcome);
        short events = wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        bool is_waiting = wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE;
        if (is_waiting &&
            wait_for_socket(connection->socket, events, connection->connect_deadline))
            continue;
        char text[200] = "";
        ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
        fail_unprocessed(
            error, PORTOLAN_UNAVAILABLE, "TLS_HANDSHAKE", "%.200s: %s", connection->address,
            is_waiting ? "no answer in time" : text);
        return false;
    }
}

static bool open_connection(connection *connection) {
    portolan_error error = PORTOLAN_ERROR_INIT;
    connection->socket =
        tcp_connect(connection->address, connection->connect_deadline, &error);
    bool is_open = connection->socket >= 0 && handshake(connection, &error);
    pthread_mutex_lock(&connection->lock);
    if (is_open) {
        connection->phase = OPEN;
        connection->last_read = now_ms();
        pthread_cond_broadcast(&connection->changed);
    } else {
        connection_fail(connection, &error);
    }
    pthread_mutex_unlock(&connection->lock);
    return is_open;
}

// Takes what callers left to be sent; with the lock held.
static bool take_outbound(connection *connection) {
    if (connection->sending.count == 0 && connection->outbound.count > 0) {
        bytes taken = connection->outbound;
        connection->outbound = connection->sending;
        connection->sending = taken;
        pthread_cond_broadcast(&connection->changed);
    }
    return connection->sending.count > 0;
}

// Sends as much as the socket takes; false when the connection is lost.
static bool write_some(connection *connection) {
    while (connection->sending.count > 0) {
        size_t written = 0;
        ERR_clear_error();
        int outcome = SSL_write_ex(
            connection->tls, connection->sending.data, connection->sending.count, &written);
        if (outcome != 1) {
            int wanted = SSL_get_error(connection->tls, outcome);
            return wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE;
        }
        bytes_remove(&connection->sending, written);
    }
    return true;
}

// Reads and handles what is there; false when the connection is over.
static bool read_some(connection *connection) {
    uint8_t chunk[16384];
    while (true) {
        size_t count = 0;
        ERR_clear_error();
        int outcome = SSL_read_ex(connection->tls, chunk, sizeof chunk, &count);
        if (outcome != 1) {
            int wanted = SSL_get_error(connection->tls, outcome);
            if (wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE) return true;
            pthread_mutex_lock(&connection->lock);
            lost(connection, "The server closed the connection.");
            pthread_mutex_unlock(&connection->lock);
            return false;
        }
        pthread_mutex_lock(&connection->lock);
        connection->last_read = now_ms();
        connection->asked = false;
        bool is_good = bytes_append(&connection->inbound, chunk, count);
        if (!is_good) lost(connection, "There is no memory left.");
        is_good = is_good && receive_frames(connection);
        pthread_mutex_unlock(&connection->lock);
        if (!is_good) return false;
    }
}

// Asks a silent server whether it is there, with the lock held; gives it up after twice the time.
static bool inspect(connection *connection) {
    int64_t silence = now_ms() - connection->last_read;
    if (connection->calls_count == 0 || silence < PING_MS) return true;
    if (silence >= 2 * PING_MS) {
        lost(connection, "The server has gone silent.");
        return false;
    }
    if (!connection->asked) {
        connection->asked = true;
        send_ping(connection, 0, false);
    }
    return true;
}

// Whether there is more to do; with the lock held.
static bool goes_on(connection *connection) {
    if (connection->is_stopping || connection->phase == FAILED) return false;
    return connection->phase != DRAINING || connection->calls_count > 0;
}

static void serve(connection *connection) {
    while (true) {
        pthread_mutex_lock(&connection->lock);
        bool is_going_on = goes_on(connection) && inspect(connection);
        bool is_sending = take_outbound(connection);
        bool has_calls = connection->calls_count > 0;
        pthread_mutex_unlock(&connection->lock);
        if (!is_going_on) return;
        if (is_sending && !write_some(connection)) {
            // What the server said before it closed is worth more than that it closed.
            if (!read_some(connection)) return;
            pthread_mutex_lock(&connection->lock);
            lost(connection, "The connection was lost.");
            pthread_mutex_unlock(&connection->lock);
            return;
        }
        struct pollfd poll_for[] = {
            {.fd = connection->socket,
             .events = (short)(POLLIN | (connection->sending.count > 0 ? POLLOUT : 0))},
            {.fd = connection->wake, .events = POLLIN},
        };
        if (poll(poll_for, 2, has_calls ? PING_MS / 4 : -1) < 0 && errno != EINTR) return;
        if (poll_for[1].revents != 0) {
            uint64_t count;
            ssize_t taken = read(connection->wake, &count, sizeof count);
            (void)taken;
        }
        if (poll_for[0].revents != 0 && !read_some(connection)) return;
    }
}

static void *run(void *argument) {
    connection *connection = argument;
    if (open_connection(connection)) {
        serve(connection);
        pthread_mutex_lock(&connection->lock);
        bool is_polite = connection->phase != FAILED;
        portolan_error error = PORTOLAN_ERROR_INIT;
        fail(
            &error, connection->is_stopping ? PORTOLAN_CANCELLED : PORTOLAN_UNAVAILABLE,
            connection->is_stopping ? "CANCELLED" : "CONNECTION_LOST",
            "The connection was closed.");
        connection_fail(connection, &error);
        pthread_mutex_unlock(&connection->lock);
        if (is_polite) SSL_shutdown(connection->tls);
    }
    if (connection->socket >= 0) close(connection->socket);
    connection->socket = -1;
    // This thread's queue of OpenSSL's errors ends with it.
    ERR_clear_error();
    return NULL;
}

// --- Making and ending ------------------------------------------------------------------------------

static bool start_thread(connection *connection) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&connection->thread, NULL, run, connection) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

static void dispose(connection *connection) {
    pthread_cond_destroy(&connection->changed);
    pthread_mutex_destroy(&connection->lock);
    if (connection->wake >= 0) close(connection->wake);
    SSL_free(connection->tls);
    bytes_free(&connection->inbound);
    bytes_free(&connection->sending);
    bytes_free(&connection->outbound);
    portolan_error_clear(&connection->failure);
    free(connection->address);
    free(connection->spiffe_id);
    free(connection);
}

connection *connection_new(
    SSL_CTX *context, const char *address, const char *spiffe_id, uint32_t connect_ms,
    portolan_error *error) {
    connection *made = calloc(1, sizeof *made);
    if (made == NULL) {
        out_of_memory(error);
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&made->lock, NULL);
    made->phase = CONNECTING;
    made->next_id = 1;
    // The first call need not wait for the settings, which say how many there may be.
    made->streams_max = 1;
    made->socket = -1;
    made->connect_deadline = now_ms() + connect_ms;
    made->address = strdup(address);
    made->spiffe_id = strdup(spiffe_id);
    made->tls = SSL_new(context);
    made->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->address == NULL || made->spiffe_id == NULL || made->tls == NULL ||
        made->wake < 0 || !start_thread(made)) {
        dispose(made);
        out_of_memory(error);
        return NULL;
    }
    return made;
}

void connection_free(connection *connection) {
    pthread_mutex_lock(&connection->lock);
    connection->is_stopping = true;
    connection_wake(connection);
    pthread_mutex_unlock(&connection->lock);
    pthread_join(connection->thread, NULL);
    dispose(connection);
}

bool connection_is_usable(connection *connection) {
    pthread_mutex_lock(&connection->lock);
    bool is_usable = connection->phase == CONNECTING || connection->phase == OPEN;
    pthread_mutex_unlock(&connection->lock);
    return is_usable;
}

bool connection_is_idle(connection *connection) {
    pthread_mutex_lock(&connection->lock);
    bool is_idle = connection->phase == FAILED && connection->calls_count == 0;
    pthread_mutex_unlock(&connection->lock);
    return is_idle;
}
