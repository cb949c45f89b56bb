#pragma once
#include <stddef.h>

// One AES-256 key on a PKCS #11 token, for AES-256-GCM only. The module is loaded when it is asked
// for, so nothing of PKCS #11 is needed to build or run without a token.

typedef struct portolan_token portolan_token;

// What went wrong: a return value of PKCS #11 (CKR_…), or one of these.
enum {
    PORTOLAN_TOKEN_OK = 0,
    PORTOLAN_TOKEN_NO_MODULE = 0xFFFF0001,   // the library cannot be loaded
    PORTOLAN_TOKEN_NO_TOKEN = 0xFFFF0002,    // no token has the label
    PORTOLAN_TOKEN_NO_KEY = 0xFFFF0003,      // no key has the label
    PORTOLAN_TOKEN_KEYS = 0xFFFF0004,        // several keys have the label
    PORTOLAN_TOKEN_WEAK = 0xFFFF0005,        // the key can leave the token, or is no AES-256 key
    PORTOLAN_TOKEN_MEMORY = 0xFFFF0006,
};

// Opens a session, logs in and finds the key. With `create` a key that is not there is made on the
// token; it is sensitive and cannot be extracted. `*token` is set on success only.
unsigned long portolan_token_open(
    const char *module, const char *token_label, const unsigned char *pin, size_t pin_count,
    const char *key_label, int create, portolan_token **token);

// Logs in again after the session was lost, such as by a token that was reset.
unsigned long portolan_token_reopen(
    portolan_token *token, const unsigned char *pin, size_t pin_count);

// Writes `count` bytes of ciphertext and 16 of tag.
unsigned long portolan_token_seal(
    portolan_token *token, const unsigned char *nonce, const unsigned char *associated,
    size_t associated_count, const unsigned char *plaintext, size_t count, unsigned char *output);

// Reads `count` bytes of ciphertext and 16 of tag; `output` holds `count` + 16 bytes, of which the
// first `count` are the plaintext.
unsigned long portolan_token_open_sealed(
    portolan_token *token, const unsigned char *nonce, const unsigned char *associated,
    size_t associated_count, const unsigned char *sealed, size_t count, unsigned char *output);

// Whether an error means that the session is gone and may be opened again.
int portolan_token_is_lost(unsigned long error);

void portolan_token_close(portolan_token *token);
