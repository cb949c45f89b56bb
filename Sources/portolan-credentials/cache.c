#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "credentials.h"

enum { ENTRY_BYTES_MAX = 16 << 10 };
// In front of each entry, so that another version's is not misread.
static const char magic[8] = "PTLCRED1";

// Makes the directory and those above it, and checks that it is this user's alone.
static bool make_directory(const char *path) {
    char *copy = text("%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0700);
        *slash = '/';
    }
    mkdir(copy, 0700);
    free(copy);
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
        (status.st_mode & 077) == 0)
        return true;
    complain("%s must be your own directory with mode 0700; nothing is kept", path);
    return false;
}

// A name that says nothing: a digest of what the keys belong to.
static char *entry_name(
    const char *trust_domain, const char *account, const char *role, const char *token) {
    const char *const parts[] = {trust_domain, account, role, token};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t index = 0; is_done && index < sizeof parts / sizeof *parts; index++)
        is_done = EVP_DigestUpdate(context, parts[index], strlen(parts[index]) + 1) == 1;
    is_done = is_done && EVP_DigestFinal_ex(context, digest, &count) == 1;
    EVP_MD_CTX_free(context);
    if (!is_done) return NULL;
    char *name = calloc(2, 41);
    if (name == NULL) return NULL;
    for (size_t index = 0; index < 20; index++) sprintf(name + 2 * index, "%02x", digest[index]);
    return name;
}

bool cache_open(
    cache *cache, const char *directory, const char *trust_domain, const char *account,
    const char *role, const char *token) {
    *cache = (struct cache){.lock = -1};
    if (!make_directory(directory)) return false;
    char *name = entry_name(trust_domain, account, role, token);
    if (name == NULL) return false;
    cache->directory = text("%s", directory);
    cache->path = text("%s/%s.keys", directory, name);
    cache->lock_path = text("%s/%s.lock", directory, name);
    free(name);
    return true;
}

credentials *cache_read(const cache *cache, int64_t seconds_min) {
    bool is_missing = false;
    int file = open_private(cache->path, &is_missing);
    if (file < 0) return NULL;
    uint8_t entry[ENTRY_BYTES_MAX];
    ssize_t count = read(file, entry, sizeof entry);
    close(file);
    credentials *kept = NULL;
    if (count > (ssize_t)sizeof magic && memcmp(entry, magic, sizeof magic) == 0)
        kept = portolan__portal__v1__get_role_credentials_response__unpack(
            NULL, (size_t)count - sizeof magic, entry + sizeof magic);
    OPENSSL_cleanse(entry, sizeof entry);
    if (kept == NULL) return NULL;
    int64_t left = seconds_left(kept);
    // Keys that last longer than any can were not written by us, or the clock was set back.
    if (left >= seconds_min && left <= CACHED_SECONDS_MAX) return kept;
    portolan__portal__v1__get_role_credentials_response__free_unpacked(kept, NULL);
    return NULL;
}

bool cache_lock(cache *cache) {
    cache->lock = open(cache->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (cache->lock < 0) return false;
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int waited = 0; waited < LOCK_MS; waited += 10) {
        if (flock(cache->lock, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK && errno != EINTR) return false;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool write_all(int file, const void *data, size_t count) {
    const uint8_t *next = data;
    while (count > 0) {
        ssize_t written = write(file, next, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        next += written;
        count -= (size_t)written;
    }
    return true;
}

// Removes entries that nobody can use any more.
static void sweep(const cache *cache) {
    DIR *directory = opendir(cache->directory);
    if (directory == NULL) return;
    time_t oldest = time(NULL) - CACHED_SECONDS_MAX;
    for (struct dirent *next; (next = readdir(directory)) != NULL;) {
        struct stat status;
        if (next->d_name[0] == '.') continue;
        if (fstatat(dirfd(directory), next->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_mtime < oldest)
            unlinkat(dirfd(directory), next->d_name, 0);
    }
    closedir(directory);
}

void cache_write(const cache *cache, const credentials *kept) {
    uint8_t entry[ENTRY_BYTES_MAX];
    size_t count = portolan__portal__v1__get_role_credentials_response__get_packed_size(kept);
    if (count > sizeof entry - sizeof magic) return;
    memcpy(entry, magic, sizeof magic);
    portolan__portal__v1__get_role_credentials_response__pack(kept, entry + sizeof magic);
    char *temporary = text("%s.XXXXXX", cache->path);
    // mkostemp makes the file with mode 0600.
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file >= 0) {
        bool is_written = write_all(file, entry, sizeof magic + count) && fsync(file) == 0;
        close(file);
        if (!is_written || rename(temporary, cache->path) != 0) unlink(temporary);
    }
    free(temporary);
    OPENSSL_cleanse(entry, sizeof entry);
    sweep(cache);
}

void cache_forget(const cache *cache) { unlink(cache->path); }

void cache_close(cache *cache) {
    if (cache->lock >= 0) close(cache->lock);
    free(cache->directory);
    free(cache->path);
    free(cache->lock_path);
}
