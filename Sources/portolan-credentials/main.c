// A credential_process for the AWS CLI and the SDKs: keys of a role, from whichever Region answers.
#define _GNU_SOURCE
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "credentials.h"

// Asking twice makes two sets of keys, which harms nobody.
static const portolan_call_options repeatable = {.timeout_ms = CALL_MS_EACH, .idempotent = true};

int64_t seconds_left(const credentials *held) {
    return held->expires_at_us / 1000000 - (int64_t)time(NULL);
}

// Keys of a role, for the person whose session it is.
static credentials *ask_role(
    portolan_client *client, const options *options, const char *token, portolan_error *error) {
    Portolan__Portal__V1__GetRoleCredentialsRequest request =
        PORTOLAN__PORTAL__V1__GET_ROLE_CREDENTIALS_REQUEST__INIT;
    request.session_token = (char *)token;
    request.account_id = (char *)options->account;
    request.role_name = (char *)options->role;
    ProtobufCMessage *answer = NULL;
    portolan_call_message(
        client, &portolan__portal__v1__credentials__descriptor, "GetRoleCredentials", &repeatable,
        &request.base, &answer, error);
    return (credentials *)answer;
}

// Gives a text of an answer away; freeing the answer leaves it alone.
static char *take(char **text) {
    char *taken = *text;
    *text = (char *)protobuf_c_empty_string;
    return taken;
}

// Keys of the operator whose certificate calls, in the shape of a role's.
static credentials *ask_operator(portolan_client *client, portolan_error *error) {
    Portolan__Portal__V1__IssueCredentialsRequest request =
        PORTOLAN__PORTAL__V1__ISSUE_CREDENTIALS_REQUEST__INIT;
    ProtobufCMessage *answer = NULL;
    portolan_call_message(
        client, &portolan__portal__v1__operator_credentials__descriptor, "IssueCredentials",
        &repeatable, &request.base, &answer, error);
    credentials *keys = answer == NULL ? NULL : malloc(sizeof *keys);
    if (keys != NULL) {
        Portolan__Portal__V1__IssueCredentialsResponse *issued = (void *)answer;
        portolan__portal__v1__get_role_credentials_response__init(keys);
        keys->access_key_id = take(&issued->access_key_id);
        keys->secret_access_key = take(&issued->secret_access_key);
        keys->session_token = take(&issued->session_token);
        keys->expires_at_us = issued->expires_at_us;
    }
    if (answer != NULL) protobuf_c_message_free_unpacked(answer, NULL);
    return keys;
}

static credentials *ask(
    const context *context, size_t index, const options *options, const char *token,
    portolan_error *error) {
    portolan_options where = {
        .address = context->regions[index].portal,
        .trust_domain = context->trust_domain,
        .region = context->regions[index].name,
        .service = "portal",
        .certificate_file = context->certificate,
        .key_file = context->key,
        .roots_file = context->roots,
        .connect_timeout_ms = CONNECT_MS_EACH,
    };
    portolan_client *client = portolan_client_new(&where, error);
    if (client == NULL) return NULL;
    credentials *keys = options->is_operator ? ask_operator(client, error)
                                             : ask_role(client, options, token, error);
    portolan_client_free(client);
    return keys;
}

// Whether another Region may know better.
static bool is_of_region(const portolan_error *error) {
    return error->code == PORTOLAN_UNAVAILABLE || error->code == PORTOLAN_DEADLINE_EXCEEDED;
}

// Asks the Regions one after the other; NULL and the last refusal.
static credentials *fetch(
    const context *context, const options *options, const char *token, portolan_error *error) {
    for (size_t index = 0; index < context->regions_count; index++) {
        credentials *fresh = ask(context, index, options, token, error);
        if (fresh != NULL) return fresh;
        complain(
            "%s: %s %s: %s", context->regions[index].name, portolan_code_name(error->code),
            error->reason, error->message);
        if (!is_of_region(error)) return NULL;
    }
    return NULL;
}

// From the cache, else from a Region; NULL after a complaint.
static credentials *obtain(
    const context *context, const options *options, const char *token, cache *cache) {
    credentials *held = cache == NULL ? NULL : cache_read(cache, options->margin_seconds);
    if (held != NULL) return held;
    // Somebody else may have fetched them while we waited.
    if (cache != NULL && cache_lock(cache)) held = cache_read(cache, options->margin_seconds);
    if (held != NULL) return held;
    portolan_error error = PORTOLAN_ERROR_INIT;
    held = fetch(context, options, token, &error);
    if (held != NULL && cache != NULL) cache_write(cache, held);
    if (held == NULL && cache != NULL) {
        if (is_of_region(&error)) {
            held = cache_read(cache, LEFT_SECONDS_MIN);
            if (held != NULL) complain("no Region answers; giving the keys that were kept");
        } else {
            cache_forget(cache);
        }
    }
    portolan_error_clear(&error);
    return held;
}

static bool print(const credentials *held) {
    time_t end = (time_t)(held->expires_at_us / 1000000);
    struct tm utc;
    char expiration[32];
    gmtime_r(&end, &utc);
    strftime(expiration, sizeof expiration, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *answer = json_pack(
        "{s:i, s:s, s:s, s:s, s:s}", "Version", 1, "AccessKeyId", held->access_key_id,
        "SecretAccessKey", held->secret_access_key, "SessionToken", held->session_token,
        "Expiration", expiration);
    bool is_printed = answer != NULL && json_dumpf(answer, stdout, 0) == 0 &&
        putchar('\n') != EOF && fflush(stdout) == 0;
    json_decref(answer);
    return is_printed;
}

static int run(const options *options) {
    char *context_path = options->context != NULL
        ? text("%s", options->context)
        : standard_path("XDG_CONFIG_HOME", ".config", "portolan/context.json");
    char *session_path = options->session_file != NULL
        ? text("%s", options->session_file)
        : standard_path("XDG_CONFIG_HOME", ".config", "portolan/session");
    char *cache_path = options->cache_directory != NULL
        ? text("%s", options->cache_directory)
        : standard_path("XDG_CACHE_HOME", ".cache", "portolan/credentials");
    context context = {0};
    cache cache = {.lock = -1};
    char *token = NULL;
    credentials *held = NULL;
    bool is_done = context_load(&context, context_path, options->region) &&
        (token = options->is_operator ? text("%s", "") : read_session_token(session_path)) != NULL;
    if (is_done) {
        const char *account = options->is_operator ? "operator" : options->account;
        const char *role = options->is_operator ? context.certificate : options->role;
        bool is_kept = !options->no_cache &&
            cache_open(&cache, cache_path, context.trust_domain, account, role, token);
        held = obtain(&context, options, token, is_kept ? &cache : NULL);
        is_done = held != NULL && print(held);
    }
    if (held != NULL)
        portolan__portal__v1__get_role_credentials_response__free_unpacked(held, NULL);
    if (token != NULL) OPENSSL_cleanse(token, strlen(token));
    free(token);
    cache_close(&cache);
    context_free(&context);
    free(context_path);
    free(session_path);
    free(cache_path);
    return is_done ? 0 : 1;
}

int main(int count, char *arguments[]) {
    // A core file would hold keys.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    options options = read_options(count, arguments);
    return run(&options);
}
