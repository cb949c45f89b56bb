#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const char *portolan_code_name(portolan_code code) {
    static const char *const names[] = {
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "UNKNOWN";
}

void portolan_error_clear(portolan_error *error) {
    if (error == NULL) return;
    for (size_t index = 0; index < error->metadata_count; index++) {
        free((char *)error->metadata[index].name);
        free((char *)error->metadata[index].value);
    }
    free(error->metadata);
    *error = (portolan_error)PORTOLAN_ERROR_INIT;
}

const char *portolan_error_fact(const portolan_error *error, const char *name) {
    for (size_t index = 0; index < error->metadata_count; index++)
        if (strcmp(error->metadata[index].name, name) == 0) return error->metadata[index].value;
    return NULL;
}

void portolan_buffer_free(portolan_buffer *buffer) {
    if (buffer == NULL) return;
    free(buffer->data);
    *buffer = (portolan_buffer){NULL, 0};
}

static void fill(
    portolan_error *error, portolan_code code, bool unprocessed, const char *reason,
    const char *format, va_list arguments) {
    if (error == NULL) return;
    portolan_error_clear(error);
    error->code = code;
    error->unprocessed = unprocessed;
    snprintf(error->reason, sizeof error->reason, "%s", reason);
    vsnprintf(error->message, sizeof error->message, format, arguments);
}

portolan_code fail(
    portolan_error *error, portolan_code code, const char *reason, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, code, false, reason, format, arguments);
    va_end(arguments);
    return code;
}

portolan_code fail_unprocessed(
    portolan_error *error, portolan_code code, const char *reason, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, code, true, reason, format, arguments);
    va_end(arguments);
    return code;
}

portolan_code out_of_memory(portolan_error *error) {
    return fail(error, PORTOLAN_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "There is no memory left.");
}

void error_move(portolan_error *target, portolan_error *source) {
    if (target == NULL) {
        portolan_error_clear(source);
        return;
    }
    portolan_error_clear(target);
    *target = *source;
    *source = (portolan_error)PORTOLAN_ERROR_INIT;
}

void error_copy(portolan_error *target, const portolan_error *source) {
    if (target == NULL) return;
    portolan_error_clear(target);
    *target = *source;
    target->metadata = NULL;
    target->metadata_count = 0;
}

bool error_set_metadata(
    portolan_error *error, size_t count, const char *const *names, const char *const *values) {
    if (count == 0) return true;
    error->metadata = calloc(count, sizeof *error->metadata);
    if (error->metadata == NULL) return false;
    for (size_t index = 0; index < count; index++) {
        char *name = strdup(names[index]), *value = strdup(values[index]);
        if (name == NULL || value == NULL) {
            free(name);
            free(value);
            return false;
        }
        error->metadata[index] = (portolan_pair){name, value};
        error->metadata_count++;
    }
    return true;
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec timespec_of(int64_t ms) {
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

bool bytes_append(bytes *target, const void *data, size_t count) {
    if (target->capacity - target->count < count) {
        size_t capacity = target->capacity == 0 ? 4096 : target->capacity;
        while (capacity - target->count < count) capacity *= 2;
        uint8_t *grown = realloc(target->data, capacity);
        if (grown == NULL) return false;
        target->data = grown;
        target->capacity = capacity;
    }
    if (count > 0) memcpy(target->data + target->count, data, count);
    target->count += count;
    return true;
}

void bytes_remove(bytes *target, size_t count) {
    target->count -= count;
    if (target->count > 0) memmove(target->data, target->data + count, target->count);
    // One large message does not hold its room for the life of the connection.
    if (target->count == 0 && target->capacity > 1 << 18) bytes_free(target);
}

void bytes_free(bytes *target) {
    free(target->data);
    *target = (bytes){NULL, 0, 0};
}
