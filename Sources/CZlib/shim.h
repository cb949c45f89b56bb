#pragma once
#include <limits.h>
#include <stddef.h>
#include <zlib.h>

// zlib's entry points are macros, and its stream must not move in memory: Swift holds it by pointer.

// Starts reading gzip (RFC 1952).
static inline int portolan_inflate_start(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}

// Reads some of the input and writes some of the output; says how much of each.
static inline int portolan_inflate_some(
    z_stream *stream, const void *input, size_t input_count, void *output, size_t output_count,
    size_t *taken, size_t *given) {
    uInt available_in = input_count > INT_MAX ? INT_MAX : (uInt)input_count;
    uInt available_out = output_count > INT_MAX ? INT_MAX : (uInt)output_count;
    stream->next_in = (Bytef *)input;
    stream->avail_in = available_in;
    stream->next_out = output;
    stream->avail_out = available_out;
    int outcome = inflate(stream, Z_NO_FLUSH);
    *taken = available_in - stream->avail_in;
    *given = available_out - stream->avail_out;
    return outcome;
}

// Writes all of the input as gzip, quickly rather than small; 0 when it does not fit.
static inline size_t portolan_gzip(
    const void *input, size_t input_count, void *output, size_t output_count) {
    z_stream stream = {0};
    if (input_count > INT_MAX || output_count > INT_MAX) return 0;
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    stream.next_in = (Bytef *)input;
    stream.avail_in = (uInt)input_count;
    stream.next_out = output;
    stream.avail_out = (uInt)output_count;
    size_t written = deflate(&stream, Z_FINISH) == Z_STREAM_END ? stream.total_out : 0;
    deflateEnd(&stream);
    return written;
}
