// A load for an LDAP server: searches by uid over TLS with client certificates, a number of them
// under way on each of several connections, one thread per connection.
//
//   ldap_load URI CERTIFICATE KEY ROOTS BASE ENTRIES CONNECTIONS IN_FLIGHT SECONDS
//
// Entries are (uid=personN) for N below ENTRIES. Prints one line of JSON.

#include <ldap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDS = 1 << 16 };

struct load {
    const char *uri, *certificate, *key, *roots, *base;
    long entries;
    int in_flight;
    double start, end;
};

struct connection {
    const struct load *load;
    unsigned seed;
    double sent[IDS];
    float *times;
    long count, room, errors, found;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what, int code) {
    fprintf(stderr, "%s: %s\n", what, ldap_err2string(code));
    exit(1);
}

static LDAP *connect_to(const struct load *load) {
    LDAP *ldap;
    int code = ldap_initialize(&ldap, load->uri);
    if (code) die("initialize", code);
    int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, none = 0;
    ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, load->roots);
    ldap_set_option(ldap, LDAP_OPT_X_TLS_CERTFILE, load->certificate);
    ldap_set_option(ldap, LDAP_OPT_X_TLS_KEYFILE, load->key);
    ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &none);
    struct berval nobody = {0, NULL};
    code = ldap_sasl_bind_s(ldap, NULL, LDAP_SASL_SIMPLE, &nobody, NULL, NULL, NULL);
    if (code) die("bind", code);
    return ldap;
}

static void search(LDAP *ldap, struct connection *self) {
    char filter[64];
    int id = 0;
    snprintf(filter, sizeof filter, "(uid=person%ld)", rand_r(&self->seed) % self->load->entries);
    double at = now();
    int code = ldap_search_ext(ldap, self->load->base, LDAP_SCOPE_SUBTREE, filter, NULL, 0, NULL,
                               NULL, NULL, LDAP_NO_LIMIT, &id);
    if (code) die("search", code);
    self->sent[id % IDS] = at;
}

static void keep(struct connection *self, double took) {
    if (self->count == self->room) {
        self->room = self->room ? self->room * 2 : 1 << 16;
        self->times = realloc(self->times, sizeof(float) * (size_t)self->room);
        if (!self->times) exit(1);
    }
    self->times[self->count++] = (float)took;
}

static void *run(void *argument) {
    struct connection *self = argument;
    const struct load *load = self->load;
    LDAP *ldap = connect_to(load);
    for (int i = 0; i < load->in_flight; i++) search(ldap, self);
    while (now() < load->end) {
        LDAPMessage *message = NULL;
        struct timeval patience = {10, 0};
        int kind = ldap_result(ldap, LDAP_RES_ANY, LDAP_MSG_ONE, &patience, &message);
        if (kind <= 0) die("result", kind ? LDAP_SERVER_DOWN : LDAP_TIMEOUT);
        if (kind == LDAP_RES_SEARCH_ENTRY) self->found++;
        if (kind == LDAP_RES_SEARCH_RESULT) {
            double at = now();
            int code = 0;
            ldap_parse_result(ldap, message, &code, NULL, NULL, NULL, NULL, 0);
            if (code) self->errors++;
            if (at > load->start && at < load->end)
                keep(self, at - self->sent[ldap_msgid(message) % IDS]);
            search(ldap, self);
        }
        ldap_msgfree(message);
    }
    ldap_unbind_ext_s(ldap, NULL, NULL);
    return NULL;
}

static int compare(const void *one, const void *other) {
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

int main(int count, char **arguments) {
    if (count != 10) {
        fprintf(stderr, "usage: see the head of ldap_load.c\n");
        return 2;
    }
    int connections = atoi(arguments[7]), seconds = atoi(arguments[9]);
    struct load load = {arguments[1], arguments[2], arguments[3], arguments[4], arguments[5],
                        atol(arguments[6]), atoi(arguments[8]), now() + 1, now() + 1 + seconds};
    struct connection *all = calloc((size_t)connections, sizeof *all);
    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    if (!all || !threads) return 1;
    for (int i = 0; i < connections; i++) {
        all[i].load = &load;
        all[i].seed = (unsigned)i + 1;
        pthread_create(&threads[i], NULL, run, &all[i]);
    }
    struct connection sum = {0};
    for (int i = 0; i < connections; i++) {
        pthread_join(threads[i], NULL);
        for (long j = 0; j < all[i].count; j++) keep(&sum, all[i].times[j]);
        sum.errors += all[i].errors;
        sum.found += all[i].found;
    }
    qsort(sum.times, (size_t)sum.count, sizeof(float), compare);
    double p50 = sum.count ? (double)sum.times[sum.count / 2] * 1e6 : 0;
    double p99 = sum.count ? (double)sum.times[sum.count * 99 / 100] * 1e6 : 0;
    printf("{\"calls\":%ld,\"errors\":%ld,\"found\":%ld,\"seconds\":%d,\"perSecond\":%.1f,"
           "\"p50Microseconds\":%.1f,\"p99Microseconds\":%.1f}\n",
           sum.count, sum.errors, sum.found, seconds, (double)sum.count / seconds, p50, p99);
    return 0;
}
