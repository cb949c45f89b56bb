// Raw DEFLATE for the HTTP-Redirect binding, bounded before and after.

#include "CXMLSignature.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

bool cxml_deflate(cxml_bytes input, uint8_t **output, size_t *count) {
    if (input.count > UINT_MAX / 2) return false;
    z_stream stream;
    memset(&stream, 0, sizeof(stream));
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY)
        != Z_OK) return false;
    uLong bound = deflateBound(&stream, (uLong)input.count);
    uint8_t *buffer = malloc(bound);
    bool done = false;
    if (buffer != NULL) {
        stream.next_in = (Bytef *)input.bytes;
        stream.avail_in = (uInt)input.count;
        stream.next_out = buffer;
        stream.avail_out = (uInt)bound;
        done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    deflateEnd(&stream);
    if (!done) {
        free(buffer);
        return false;
    }
    *output = buffer;
    *count = stream.total_out;
    return true;
}

bool cxml_inflate(cxml_bytes input, size_t count_max, uint8_t **output, size_t *count) {
    if (input.count > UINT_MAX || count_max >= UINT_MAX) return false;
    z_stream stream;
    memset(&stream, 0, sizeof(stream));
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    // One byte more than allowed tells "just fits" from "goes on".
    uint8_t *buffer = malloc(count_max + 1);
    bool done = false;
    if (buffer != NULL) {
        stream.next_in = (Bytef *)input.bytes;
        stream.avail_in = (uInt)input.count;
        stream.next_out = buffer;
        stream.avail_out = (uInt)(count_max + 1);
        done = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out <= count_max
            && stream.avail_in == 0;
    }
    inflateEnd(&stream);
    if (!done) {
        free(buffer);
        return false;
    }
    *output = buffer;
    *count = stream.total_out;
    return true;
}
