// Reads a user of a Region's directory.
//
//     cc find_user.c $(pkg-config --cflags --libs portolan) -o find_user
//     ./find_user 127.0.0.1:7001 portolan.example eu-central-1 identity-directory root.pem NAME
#include <stdio.h>
#include <stdlib.h>

#include <portolan.h>
#include <portolan/directory/v1/directory.pb-c.h>

int main(int count, char *arguments[]) {
    if (count != 7) {
        fprintf(stderr, "usage: %s ADDRESS TRUST-DOMAIN REGION IDENTITY ROOT NAME\n", arguments[0]);
        return 2;
    }
    char certificate[4096], key[4096];
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", arguments[4]);
    snprintf(key, sizeof key, "%s/key.pem", arguments[4]);
    portolan_options options = {
        .address = arguments[1], .trust_domain = arguments[2], .region = arguments[3],
        .service = "directory", .certificate_file = certificate, .key_file = key,
        .roots_file = arguments[5],
    };
    portolan_error error = PORTOLAN_ERROR_INIT;
    portolan_client *client = portolan_client_new(&options, &error);
    ProtobufCMessage *answer = NULL;
    if (client != NULL) {
        Portolan__Directory__V1__FindUserRequest request =
            PORTOLAN__DIRECTORY__V1__FIND_USER_REQUEST__INIT;
        request.by_case = PORTOLAN__DIRECTORY__V1__FIND_USER_REQUEST__BY_USER_NAME;
        request.user_name = arguments[6];
        portolan_call_options call = {.timeout_ms = 10000, .idempotent = true};
        portolan_call_message(
            client, &portolan__directory__v1__directory__descriptor, "FindUser", &call,
            &request.base, &answer, &error);
    }
    if (answer != NULL) {
        Portolan__Directory__V1__User *user =
            ((Portolan__Directory__V1__FindUserResponse *)answer)->user;
        printf("%s %s\n", user->user_id, user->user_name);
        protobuf_c_message_free_unpacked(answer, NULL);
    } else {
        fprintf(stderr, "%s %s: %s\n", portolan_code_name(error.code), error.reason, error.message);
    }
    int status = error.code == PORTOLAN_OK ? 0 : 1;
    portolan_error_clear(&error);
    portolan_client_free(client);
    return status;
}
