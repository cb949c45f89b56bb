#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credentials.h"

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("portolan-credentials: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

char *text(const char *format, ...) {
    char *made = NULL;
    va_list arguments;
    va_start(arguments, format);
    int count = vasprintf(&made, format, arguments);
    va_end(arguments);
    if (count < 0) {
        complain("there is no memory left");
        exit(1);
    }
    return made;
}

char *standard_path(const char *variable, const char *under_home, const char *rest) {
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base != NULL && base[0] == '/') return text("%s/%s", base, rest);
    return text("%s/%s/%s", home == NULL ? "." : home, under_home, rest);
}

int open_private(const char *path, bool *is_missing) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *is_missing = file < 0 && errno == ENOENT;
    if (file < 0) {
        if (!*is_missing) complain("%s: %s", path, strerror(errno));
        return -1;
    }
    struct stat status;
    bool is_private = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_uid == geteuid() && (status.st_mode & 077) == 0;
    if (is_private) return file;
    complain("%s must be your own file with mode 0600: others could read it", path);
    close(file);
    return -1;
}

char *read_session_token(const char *path) {
    bool is_missing = false;
    int file = open_private(path, &is_missing);
    if (file < 0) {
        if (is_missing) complain("there is no session token at %s: sign in first", path);
        return NULL;
    }
    char buffer[TOKEN_BYTES_MAX + 2];
    ssize_t count = read(file, buffer, sizeof buffer - 1);
    close(file);
    char *token = NULL;
    if (count > 0) {
        buffer[count] = 0;
        buffer[strcspn(buffer, "\r\n")] = 0;
        size_t length = strlen(buffer);
        if (length > 0 && length <= TOKEN_BYTES_MAX) token = text("%s", buffer);
    }
    OPENSSL_cleanse(buffer, sizeof buffer);
    if (token == NULL) complain("%s does not hold a session token in its first line", path);
    return token;
}
