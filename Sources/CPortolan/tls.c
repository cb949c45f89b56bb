#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

// A key with a passphrase is refused rather than asked about at the terminal.
static int no_passphrase(char *buffer, int size, int is_writing, void *data) {
    (void)buffer, (void)size, (void)is_writing, (void)data;
    return 0;
}

static SSL_CTX *refused(SSL_CTX *context, portolan_error *error, const char *what) {
    char text[200] = "";
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    ERR_clear_error();
    SSL_CTX_free(context);
    fail(error, PORTOLAN_FAILED_PRECONDITION, "TLS_IDENTITY", "%s: %s", what, text);
    return NULL;
}

SSL_CTX *tls_context(const portolan_options *options, portolan_error *error) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) return refused(NULL, error, "TLS cannot be used");
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    static const unsigned char protocols[] = "\x0e" ALPN;
    if (SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1) != 0)
        return refused(context, error, "TLS cannot be used");
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate_file) != 1)
        return refused(context, error, options->certificate_file);
    if (SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1)
        return refused(context, error, options->key_file);
    if (SSL_CTX_check_private_key(context) != 1)
        return refused(context, error, "the key is not the certificate's");
    if (SSL_CTX_load_verify_locations(context, options->roots_file, NULL) != 1)
        return refused(context, error, options->roots_file);
    return context;
}

// The only URI among the certificate's names, or NULL. Points into `names`.
static const ASN1_IA5STRING *only_uri(const GENERAL_NAMES *names) {
    const ASN1_IA5STRING *found = NULL;
    for (int index = 0; index < sk_GENERAL_NAME_num(names); index++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
        if (name->type != GEN_URI) continue;
        if (found != NULL) return NULL;
        found = name->d.uniformResourceIdentifier;
    }
    return found;
}

static bool names_service(X509 *certificate, const char *spiffe_id) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) return false;
    const ASN1_IA5STRING *uri = only_uri(names);
    size_t count = strlen(spiffe_id);
    bool is_named = uri != NULL && (size_t)ASN1_STRING_length(uri) == count &&
        memcmp(ASN1_STRING_get0_data(uri), spiffe_id, count) == 0;
    GENERAL_NAMES_free(names);
    return is_named;
}

bool tls_check(SSL *tls, const char *spiffe_id, portolan_error *error) {
    X509 *certificate = SSL_get1_peer_certificate(tls);
    bool is_named = certificate != NULL && names_service(certificate, spiffe_id);
    X509_free(certificate);
    if (!is_named) {
        fail(
            error, PORTOLAN_UNAUTHENTICATED, "WRONG_SERVER",
            "The server's certificate does not name %s alone.", spiffe_id);
        return false;
    }
    const unsigned char *protocol = NULL;
    unsigned count = 0;
    SSL_get0_alpn_selected(tls, &protocol, &count);
    if (count != strlen(ALPN) || memcmp(protocol, ALPN, count) != 0) {
        fail_unprocessed(
            error, PORTOLAN_UNAVAILABLE, "TLS_HANDSHAKE", "The server does not speak %s.", ALPN);
        return false;
    }
    return true;
}

bool wait_for_socket(int socket, short events, int64_t deadline) {
    struct pollfd poll_for = {.fd = socket, .events = events};
    while (true) {
        int64_t left = deadline - now_ms();
        if (left <= 0) return false;
        int outcome = poll(&poll_for, 1, left > 60000 ? 60000 : (int)left);
        if (outcome > 0) return true;
        if (outcome < 0 && errno != EINTR) return false;
    }
}

// Splits "host:port" or "[address]:port" in place.
static bool split_address(char *text, char **host, char **port) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == 0) return false;
    *colon = 0;
    *port = colon + 1;
    *host = text;
    size_t count = strlen(text);
    if (text[0] == '[' && text[count - 1] == ']') {
        text[count - 1] = 0;
        *host = text + 1;
    }
    return **host != 0;
}

static int connect_to(const struct addrinfo *to, int64_t deadline) {
    int found = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (found < 0) return -1;
    int one = 1, problem = 0;
    socklen_t count = sizeof problem;
    setsockopt(found, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(found, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (connect(found, to->ai_addr, to->ai_addrlen) == 0) return found;
    if (errno == EINPROGRESS) {
        errno = ETIMEDOUT;
        if (wait_for_socket(found, POLLOUT, deadline) &&
            getsockopt(found, SOL_SOCKET, SO_ERROR, &problem, &count) == 0) {
            if (problem == 0) return found;
            errno = problem;
        }
    }
    problem = errno;
    close(found);
    errno = problem;
    return -1;
}

// One of the client's addresses.
static int connect_one(const char *address, int64_t deadline, portolan_error *error) {
    char copy[512], *host = NULL, *port = NULL;
    if ((size_t)snprintf(copy, sizeof copy, "%s", address) >= sizeof copy ||
        !split_address(copy, &host, &port)) {
        fail(
            error, PORTOLAN_INVALID_ARGUMENT, "ADDRESS", "%.200s is not host:port.", address);
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int outcome = getaddrinfo(host, port, &hints, &found);
    if (outcome != 0) {
        fail_unprocessed(
            error, PORTOLAN_UNAVAILABLE, "CANNOT_CONNECT", "%.200s: %s", address,
            gai_strerror(outcome));
        return -1;
    }
    int socket = -1;
    for (struct addrinfo *next = found; next != NULL && socket < 0; next = next->ai_next)
        socket = connect_to(next, deadline);
    int problem = errno;
    freeaddrinfo(found);
    if (socket < 0) {
        char text[128];
        fail_unprocessed(
            error, PORTOLAN_UNAVAILABLE, "CANNOT_CONNECT", "%.200s: %s", address,
            strerror_r(problem, text, sizeof text));
    }
    return socket;
}

int tcp_connect(const char *addresses, int64_t deadline, portolan_error *error) {
    int socket = -1;
    while (socket < 0 && *addresses != 0) {
        char address[512];
        size_t count = strcspn(addresses, ",");
        snprintf(address, sizeof address, "%.*s", (int)count, addresses);
        socket = connect_one(address, deadline, error);
        addresses += count + (addresses[count] == ',');
    }
    return socket;
}
