#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

portolan_code portolan_call_message(
    portolan_client *client, const ProtobufCServiceDescriptor *service, const char *method,
    const portolan_call_options *options, const ProtobufCMessage *request,
    ProtobufCMessage **answer, portolan_error *error) {
    *answer = NULL;
    const ProtobufCMethodDescriptor *found =
        protobuf_c_service_descriptor_get_method_by_name(service, method);
    if (found == NULL || found->input != request->descriptor)
        return fail_unprocessed(
            error, PORTOLAN_UNIMPLEMENTED, "UNKNOWN_METHOD", "%s has no method %s that takes a %s.",
            service->name, method, request->descriptor->name);
    char name[256];
    if ((size_t)snprintf(name, sizeof name, "%s/%s", service->name, method) >= sizeof name)
        return fail_unprocessed(
            error, PORTOLAN_UNIMPLEMENTED, "UNKNOWN_METHOD", "The method's name is too long.");
    size_t count = protobuf_c_message_get_packed_size(request);
    uint8_t *packed = malloc(count + 1);
    if (packed == NULL) return out_of_memory(error);
    protobuf_c_message_pack(request, packed);
    portolan_buffer received;
    portolan_code code = portolan_call(client, name, options, packed, count, &received, error);
    free(packed);
    if (code != PORTOLAN_OK) return code;
    *answer = protobuf_c_message_unpack(found->output, NULL, received.count, received.data);
    portolan_buffer_free(&received);
    if (*answer != NULL) return PORTOLAN_OK;
    return fail(
        error, PORTOLAN_INTERNAL, "MALFORMED_MESSAGE", "The answer is not a %s.",
        found->output->name);
}
