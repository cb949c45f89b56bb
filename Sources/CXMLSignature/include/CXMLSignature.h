// libxml2 and xmlsec1 behind a narrow door: no type of theirs appears here.
//
// Rules for every function: strings are UTF-8 and NUL-terminated; a `char *` result belongs to the
// caller and goes back through cxml_free; a `const` pointer result lives as long as its document.
// A document is used by one thread at a time.
#ifndef CXMLSIGNATURE_H
#define CXMLSIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cxml_document cxml_document;
typedef struct cxml_element cxml_element;

// Sets both libraries up, once; safe to call from any thread. False: the libraries do not work, or
// this file was compiled with other settings than the installed xmlsec1.
bool cxml_initialize(void);

void cxml_free(void *memory);

// --- Reading ---

typedef enum {
    CXML_PARSED = 0,
    CXML_PARSE_TOO_LARGE,
    CXML_PARSE_MALFORMED,
    CXML_PARSE_DOCTYPE,
    CXML_PARSE_PROCESSING_INSTRUCTION,
    CXML_PARSE_TOO_COMPLEX,
    CXML_PARSE_DUPLICATE_ID,
    CXML_PARSE_OUT_OF_MEMORY,
} cxml_parse_status;

// Parses UTF-8 XML: no DTD, no entities but the predefined five, no processing instructions, no
// network. Comments are dropped and the text on both sides joined, CDATA becomes text. No two
// attributes named id (in any case) share a value, and xml:id does not occur.
cxml_parse_status cxml_parse(const uint8_t *bytes, size_t count, size_t count_max,
                             cxml_document **document);
void cxml_document_free(cxml_document *document);

cxml_element *cxml_root(const cxml_document *document);
cxml_element *cxml_first_child(const cxml_element *element);
cxml_element *cxml_next_sibling(const cxml_element *element);
const char *cxml_name(const cxml_element *element);
// NULL when the element is in no namespace.
const char *cxml_namespace(const cxml_element *element);
// The value of the attribute of this name in no namespace, or NULL.
char *cxml_attribute(const cxml_element *element, const char *name);
// The element's own text, all pieces joined; NULL when it also has child elements.
char *cxml_text(const cxml_element *element);
// Bytes of the element when written out, about as many as it had in the document.
size_t cxml_byte_count(const cxml_element *element);

// --- Writing ---

// The root is in the namespace, bound to the prefix (NULL: the default namespace).
cxml_document *cxml_document_create(const char *name, const char *prefix, const char *uri);
// Reuses the binding of uri that is in scope, else binds it to the prefix here.
cxml_element *cxml_add_child(cxml_element *parent, const char *name, const char *prefix,
                             const char *uri);
bool cxml_set_attribute(cxml_element *element, const char *name, const char *value);
bool cxml_add_text(cxml_element *element, const char *text);
// The document in UTF-8 with its XML declaration; not NUL-terminated.
bool cxml_serialize(const cxml_document *document, uint8_t **bytes, size_t *count);

// --- Signatures ---

typedef enum {
    CXML_SIGNATURE_VALID = 0,
    // The element has no ds:Signature child.
    CXML_SIGNATURE_ABSENT,
    // More than one signature, or not the one shape that SAML allows.
    CXML_SIGNATURE_SHAPE,
    // An algorithm that is not on the list.
    CXML_SIGNATURE_ALGORITHM,
    // The reference is not to the element itself.
    CXML_SIGNATURE_REFERENCE,
    // No key.
    CXML_SIGNATURE_CERTIFICATE,
    // It was not made over this content by any of the certificates' keys.
    CXML_SIGNATURE_INVALID,
    CXML_SIGNATURE_OUT_OF_MEMORY,
} cxml_signature_status;

typedef struct {
    const uint8_t *bytes;
    size_t count;
} cxml_bytes;

// The public key of a certificate. It never changes: any number of threads may use it at a time.
typedef struct cxml_key cxml_key;

// NULL unless the certificate (DER) can be read and its key is RSA (2048 bits at least) or EC.
// not_after is in seconds since 1970.
cxml_key *cxml_certificate_read(cxml_bytes certificate, int64_t *not_after);
void cxml_key_free(cxml_key *key);

// Whether the element is covered by its own enveloped signature, made by one of the keys. Exclusive
// canonicalisation without comments; RSA or ECDSA with SHA-256, SHA-384 or SHA-512. KeyInfo is not
// looked at.
cxml_signature_status cxml_verify(cxml_document *document, cxml_element *element,
                                  const cxml_key *const *keys, size_t key_count);

typedef enum {
    CXML_SIGN_RSA_SHA256 = 0,
    CXML_SIGN_RSA_SHA384,
    CXML_SIGN_RSA_SHA512,
    CXML_SIGN_ECDSA_SHA256,
    CXML_SIGN_ECDSA_SHA384,
    CXML_SIGN_ECDSA_SHA512,
} cxml_sign_algorithm;

// Adds an enveloped signature to the element (which has an ID attribute), after its Issuer child
// if it has one, else as its first child. The key is DER (PKCS #8 or traditional). The certificate
// (DER, may be empty) goes into KeyInfo.
bool cxml_sign(cxml_document *document, cxml_element *element, cxml_sign_algorithm algorithm,
               cxml_bytes private_key, cxml_bytes certificate);

// --- DEFLATE without header or checksum (RFC 1951) ---

bool cxml_deflate(cxml_bytes input, uint8_t **output, size_t *count);
// False when the input is not whole or the output would exceed count_max.
bool cxml_inflate(cxml_bytes input, size_t count_max, uint8_t **output, size_t *count);

#endif
