#pragma once
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

// Everything below exists because Swift cannot import macros with arguments, variadic functions or
// arrays of OSSL_PARAM comfortably. Each returns 1 on success and 0 on failure unless it returns a
// pointer, which is NULL on failure. None keeps a pointer it was lent.

static inline void *portolan_secure_allocate(size_t count) {
    void *memory = OPENSSL_secure_zalloc(count);
    if (memory != NULL && !CRYPTO_secure_allocated(memory)) {
        OPENSSL_free(memory);
        return NULL;
    }
    return memory;
}

static inline void portolan_secure_free(void *memory, size_t count) {
    OPENSSL_secure_clear_free(memory, count);
}

// Turns core files off, for this process and for those it starts.
static inline int portolan_disable_core_dumps(void) {
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

// --- AES-256-GCM over a context that already holds the key schedule ---------------------------

static inline EVP_CIPHER_CTX *portolan_gcm_context(
    const EVP_CIPHER *cipher, const unsigned char *key, int encrypt) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) return NULL;
    if (EVP_CipherInit_ex2(context, cipher, key, NULL, encrypt, NULL) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

// Writes `count` bytes of ciphertext and then 16 bytes of tag to `output`.
static inline int portolan_gcm_seal(
    EVP_CIPHER_CTX *context, const unsigned char *nonce, const unsigned char *associated,
    int associated_count, const unsigned char *plaintext, int count, unsigned char *output) {
    int written = 0, tail = 0;
    if (EVP_EncryptInit_ex2(context, NULL, NULL, nonce, NULL) != 1) return 0;
    if (associated_count > 0 &&
        EVP_EncryptUpdate(context, NULL, &written, associated, associated_count) != 1) return 0;
    written = 0;
    if (count > 0 && EVP_EncryptUpdate(context, output, &written, plaintext, count) != 1) return 0;
    if (EVP_EncryptFinal_ex(context, output + written, &tail) != 1) return 0;
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, output + count) == 1;
}

// Reads `count` bytes of ciphertext and then 16 bytes of tag. On failure `output` is cleansed.
static inline int portolan_gcm_open(
    EVP_CIPHER_CTX *context, const unsigned char *nonce, const unsigned char *associated,
    int associated_count, const unsigned char *sealed, int count, unsigned char *output) {
    int written = 0, tail = 0;
    unsigned char tag[16], none[16];
    memcpy(tag, sealed + count, 16);
    if (EVP_DecryptInit_ex2(context, NULL, NULL, nonce, NULL) != 1) return 0;
    if (associated_count > 0 &&
        EVP_DecryptUpdate(context, NULL, &written, associated, associated_count) != 1) return 0;
    written = 0;
    if (count > 0 && EVP_DecryptUpdate(context, output, &written, sealed, count) != 1) return 0;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) != 1) return 0;
    if (EVP_DecryptFinal_ex(context, count > 0 ? output + written : none, &tail) == 1) return 1;
    if (count > 0) OPENSSL_cleanse(output, (size_t)count);
    return 0;
}

// AES key wrap with padding (RFC 5649). `output` has 16 bytes more than `input` when wrapping,
// as many when unwrapping.
static inline int portolan_kwp(
    int wrap, const unsigned char *key, size_t key_count, const unsigned char *input, int count,
    unsigned char *output, int *written) {
    int tail = 0, outcome = 0;
    const char *name = key_count == 16 ? "AES-128-WRAP-PAD"
        : key_count == 24 ? "AES-192-WRAP-PAD" : "AES-256-WRAP-PAD";
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = cipher ? EVP_CIPHER_CTX_new() : NULL;
    if (context != NULL) {
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_CipherInit_ex2(context, cipher, key, NULL, wrap, NULL) == 1 &&
            EVP_CipherUpdate(context, output, written, input, count) == 1 &&
            EVP_CipherFinal_ex(context, output + *written, &tail) == 1) {
            *written += tail;
            outcome = 1;
        }
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return outcome;
}

// --- Derivation and authentication codes ------------------------------------------------------

// HKDF-SHA-256 (RFC 5869), extract and expand.
static inline int portolan_hkdf_sha256(
    EVP_KDF *kdf, const unsigned char *key, size_t key_count, const unsigned char *salt,
    size_t salt_count, const unsigned char *info, size_t info_count, unsigned char *output,
    size_t output_count) {
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    if (context == NULL) return 0;
    OSSL_PARAM parameters[5], *next = parameters;
    *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA2-256", 0);
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_count);
    if (salt_count > 0)
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count);
    if (info_count > 0)
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count);
    *next = OSSL_PARAM_construct_end();
    int outcome = EVP_KDF_derive(context, output, output_count, parameters);
    EVP_KDF_CTX_free(context);
    return outcome == 1;
}

static inline EVP_MAC_CTX *portolan_hmac_sha256_context(
    EVP_MAC *mac, const unsigned char *key, size_t key_count) {
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    if (context == NULL) return NULL;
    OSSL_PARAM parameters[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA2-256", 0),
        OSSL_PARAM_construct_end(),
    };
    // OpenSSL reads a NULL key as "keep the last one", so an empty key needs an address.
    static const unsigned char empty[1] = {0};
    if (EVP_MAC_init(context, key_count > 0 ? key : empty, key_count, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

// --- Diffie-Hellman and ECDSA on P-256 ---------------------------------------------------------

static inline void portolan_free(void *memory) { OPENSSL_free(memory); }

static inline EVP_PKEY *portolan_p256_public(const unsigned char *point, size_t count) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM parameters[3] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, count),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static inline int portolan_p256_derive(
    EVP_PKEY *own, const unsigned char *point, size_t point_count, unsigned char *secret) {
    int outcome = 0;
    size_t count = 32;
    EVP_PKEY *other = portolan_p256_public(point, point_count);
    EVP_PKEY_CTX *context = other ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    // The peer's point is validated before it is used.
    if (context != NULL && EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer_ex(context, other, 1) == 1 &&
        EVP_PKEY_derive(context, secret, &count) == 1 && count == 32) outcome = 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(other);
    return outcome;
}

static inline EVP_PKEY *portolan_p256_generate(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static inline int portolan_is_p256(const EVP_PKEY *key) {
    char name[32];
    size_t count = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
        EVP_PKEY_get_group_name(key, name, sizeof name, &count) == 1 &&
        (strcmp(name, "prime256v1") == 0 || strcmp(name, "P-256") == 0);
}

static inline EVP_PKEY_CTX *portolan_signing_context(EVP_PKEY *key, int verify) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL) return NULL;
    if ((verify ? EVP_PKEY_verify_init(context) : EVP_PKEY_sign_init(context)) != 1) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

// --- RSA and other curves -----------------------------------------------------------------------

static inline EVP_PKEY *portolan_rsa_generate(size_t bits) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

static inline EVP_PKEY *portolan_ec_generate(const char *curve) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

static inline int portolan_is_rsa(const EVP_PKEY *key, int bits) {
    return EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) == bits;
}

static inline int portolan_is_curve(const EVP_PKEY *key, const char *curve) {
    char name[32];
    size_t count = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
        EVP_PKEY_get_group_name(key, name, sizeof name, &count) == 1 &&
        OBJ_txt2nid(name) == EC_curve_nist2nid(curve);
}

// A context for signing or verifying a digest. `padding` is 0 for ECDSA.
static inline EVP_PKEY_CTX *portolan_digest_signing_context(
    EVP_PKEY *key, int verify, int padding, const EVP_MD *digest) {
    EVP_PKEY_CTX *context = portolan_signing_context(key, verify);
    if (context == NULL) return NULL;
    int outcome = EVP_PKEY_CTX_set_signature_md(context, digest) == 1;
    if (outcome && padding != 0) outcome = EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1;
    if (outcome && padding == RSA_PKCS1_PSS_PADDING)
        outcome = EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
    if (outcome) return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

// RSAES-OAEP. `count` is the capacity and becomes the number of bytes written.
static inline int portolan_oaep(
    EVP_PKEY *key, int encrypt, const EVP_MD *digest, const unsigned char *input,
    size_t input_count, unsigned char *output, size_t *count) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL) return 0;
    int outcome =
        (encrypt ? EVP_PKEY_encrypt_init(context) : EVP_PKEY_decrypt_init(context)) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1 &&
        (encrypt ? EVP_PKEY_encrypt(context, output, count, input, input_count)
                 : EVP_PKEY_decrypt(context, output, count, input, input_count)) == 1;
    EVP_PKEY_CTX_free(context);
    return outcome;
}

// --- Errors and providers ---------------------------------------------------------------------

// The newest queued error as text, and empties the queue. Never holds input or key bytes.
static inline void portolan_take_error(char *text, size_t capacity) {
    unsigned long code = ERR_peek_last_error();
    if (code == 0) {
        text[0] = 0;
    } else {
        ERR_error_string_n(code, text, capacity);
    }
    ERR_clear_error();
}
