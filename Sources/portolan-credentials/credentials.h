// What the files of portolan-credentials share.
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "portolan.h"
#include "portolan/portal/v1/portal.pb-c.h"

typedef Portolan__Portal__V1__GetRoleCredentialsResponse credentials;

enum {
    REGIONS_MAX = 32,
    // The SDKs fetch new keys 15 minutes before the end of those they have; ours must last longer.
    MARGIN_SECONDS = 16 * 60,
    // What is still given out when no Region answers.
    LEFT_SECONDS_MIN = 60,
    // No role's keys live longer.
    CACHED_SECONDS_MAX = 12 * 60 * 60,
    LOCK_MS = 30000,
    CONNECT_MS_EACH = 2000,
    CALL_MS_EACH = 10000,
    TOKEN_BYTES_MAX = 8 << 10,
};

// --- options.c ----------------------------------------------------------------------------------

typedef struct {
    const char *context, *session_file, *region, *account, *role, *cache_directory;
    int64_t margin_seconds;
    bool no_cache;
    // The operator's own keys, for this certificate, rather than a role's for a session.
    bool is_operator;
} options;

// Reads the command line; the program ends when it is wrong or asks for help.
options read_options(int count, char *const arguments[]);

// --- files.c ------------------------------------------------------------------------------------

// Says what went wrong on standard error, as one line.
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A text made like printf; the program ends when there is no memory for it.
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A path under the variable's directory, or else under the home directory.
char *standard_path(const char *variable, const char *under_home, const char *rest);
// Opens a file that belongs to this user and that nobody else can read; -1 after a complaint unless
// there is none.
int open_private(const char *path, bool *is_missing);
// The session token: the first line of a private file; NULL after a complaint.
char *read_session_token(const char *path);

// --- context.c ----------------------------------------------------------------------------------

// The operator's context, the same file that the command line reads.
typedef struct context {
    json_t *json;
    const char *trust_domain;
    char *certificate, *key, *roots;
    size_t regions_count;
    // The one to ask first in front.
    struct {
        const char *name, *portal;
    } regions[REGIONS_MAX];
} context;

bool context_load(context *context, const char *path, const char *region);
void context_free(context *context);

// --- cache.c ------------------------------------------------------------------------------------

// One entry: the keys of a role for a session.
typedef struct cache {
    char *directory, *path, *lock_path;
    int lock;
} cache;

// Makes the directory; false after a complaint when it cannot be used safely.
bool cache_open(
    cache *cache, const char *directory, const char *trust_domain, const char *account,
    const char *role, const char *token);
// What is kept, if it lasts for so many seconds; NULL otherwise.
credentials *cache_read(const cache *cache, int64_t seconds_min);
// Keeps others from fetching the same keys meanwhile; false when that took too long.
bool cache_lock(cache *cache);
void cache_write(const cache *cache, const credentials *kept);
void cache_forget(const cache *cache);
void cache_close(cache *cache);

// --- main.c -------------------------------------------------------------------------------------

// Seconds that the keys are still good for.
int64_t seconds_left(const credentials *held);

#endif
