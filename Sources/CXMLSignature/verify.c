// Verification with given certificates only.

#include "shape.h"

#include <libxml/valid.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <time.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmltree.h>

enum { RSA_BITS_MIN = 2048, EC_BITS_MIN = 256 };

static X509 *read_certificate(cxml_bytes certificate) {
    if (certificate.count == 0 || certificate.count > LONG_MAX) return NULL;
    const unsigned char *cursor = certificate.bytes;
    X509 *parsed = d2i_X509(NULL, &cursor, (long)certificate.count);
    if (parsed != NULL && cursor != certificate.bytes + certificate.count) {
        X509_free(parsed);
        return NULL;
    }
    return parsed;
}

EVP_PKEY *cxml_certificate_key(X509 *certificate) {
    EVP_PKEY *key = X509_get_pubkey(certificate);
    if (key == NULL) return NULL;
    int kind = EVP_PKEY_base_id(key), bits = EVP_PKEY_bits(key);
    bool accepted = (kind == EVP_PKEY_RSA && bits >= RSA_BITS_MIN)
        || (kind == EVP_PKEY_EC && bits >= EC_BITS_MIN);
    if (accepted) return key;
    EVP_PKEY_free(key);
    return NULL;
}

cxml_key *cxml_certificate_read(cxml_bytes certificate, int64_t *not_after) {
    X509 *parsed = read_certificate(certificate);
    if (parsed == NULL) return NULL;
    EVP_PKEY *key = cxml_certificate_key(parsed);
    struct tm time;
    if (key != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(parsed), &time) == 1) {
        *not_after = (int64_t)timegm(&time);
    } else {
        EVP_PKEY_free(key);
        key = NULL;
    }
    X509_free(parsed);
    return (cxml_key *)key;
}

void cxml_key_free(cxml_key *key) { EVP_PKEY_free((EVP_PKEY *)key); }

static xmlSecKeyPtr make_key(const cxml_key *known) {
    EVP_PKEY *public_key = (EVP_PKEY *)known;
    if (public_key == NULL || EVP_PKEY_up_ref(public_key) != 1) return NULL;
    // On success the data owns public_key, and then the key owns the data.
    xmlSecKeyDataPtr data = xmlSecOpenSSLEvpKeyAdopt(public_key);
    if (data == NULL) {
        EVP_PKEY_free(public_key);
        return NULL;
    }
    xmlSecKeyPtr key = xmlSecKeyCreate();
    if (key == NULL || xmlSecKeySetValue(key, data) < 0) {
        xmlSecKeyDataDestroy(data);
        if (key != NULL) xmlSecKeyDestroy(key);
        return NULL;
    }
    return key;
}

// A second line behind cxml_check_shape: xmlsec1's own lists.
static bool restrict_algorithms(xmlSecDSigCtxPtr context) {
    xmlSecTransformId of_reference[] = {
        xmlSecTransformEnvelopedId, xmlSecTransformExclC14NId, xmlSecOpenSSLTransformSha256Id,
        xmlSecOpenSSLTransformSha384Id, xmlSecOpenSSLTransformSha512Id,
    };
    xmlSecTransformId of_signature[] = {
        xmlSecTransformExclC14NId, xmlSecOpenSSLTransformRsaSha256Id,
        xmlSecOpenSSLTransformRsaSha384Id, xmlSecOpenSSLTransformRsaSha512Id,
        xmlSecOpenSSLTransformEcdsaSha256Id, xmlSecOpenSSLTransformEcdsaSha384Id,
        xmlSecOpenSSLTransformEcdsaSha512Id,
    };
    context->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
    context->flags |= XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS
        | XMLSEC_DSIG_FLAGS_STORE_SIGNEDINFO_REFERENCES;
    for (size_t i = 0; i < sizeof(of_reference) / sizeof(of_reference[0]); i++) {
        if (xmlSecDSigCtxEnableReferenceTransform(context, of_reference[i]) < 0) return false;
    }
    for (size_t i = 0; i < sizeof(of_signature) / sizeof(of_signature[0]); i++) {
        if (xmlSecDSigCtxEnableSignatureTransform(context, of_signature[i]) < 0) return false;
    }
    return true;
}

// What was digested exists and is an element: an empty canonical form must not pass.
static bool covered_something(xmlSecDSigCtxPtr context) {
    if (xmlSecPtrListGetSize(&context->signedInfoReferences) != 1) return false;
    xmlSecDSigReferenceCtxPtr reference =
        xmlSecPtrListGetItem(&context->signedInfoReferences, 0);
    if (reference == NULL || reference->status != xmlSecDSigStatusSucceeded) return false;
    xmlSecBufferPtr buffer = xmlSecDSigReferenceCtxGetPreDigestBuffer(reference);
    return buffer != NULL && xmlSecBufferGetSize(buffer) > 0
        && xmlSecBufferGetData(buffer)[0] == '<';
}

static bool verify_with(xmlNodePtr signature, xmlSecKeyPtr key) {
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
    if (context == NULL) {
        xmlSecKeyDestroy(key);
        return false;
    }
    // A key that is set is used as it is: KeyInfo is then not read. The context frees it.
    context->signKey = key;
    bool valid = restrict_algorithms(context) && xmlSecDSigCtxVerify(context, signature) == 0
        && context->status == xmlSecDSigStatusSucceeded && covered_something(context);
    xmlSecDSigCtxDestroy(context);
    return valid;
}

// Makes the element the target of its own ID. IDs are unique in a parsed document.
static bool register_id(xmlDocPtr document, xmlNodePtr element) {
    xmlAttrPtr attribute = xmlHasNsProp(element, cxml_chars("ID"), NULL);
    if (attribute == NULL) return false;
    xmlChar *value = xmlNodeListGetString(document, attribute->children, 1);
    if (value == NULL) return false;
    xmlAttrPtr known = xmlGetID(document, value);
    bool registered =
        known == attribute || (known == NULL && xmlAddID(NULL, document, value, attribute) != NULL);
    xmlFree(value);
    return registered;
}

cxml_signature_status cxml_verify(cxml_document *document, cxml_element *element,
                                  const cxml_key *const *keys, size_t key_count) {
    cxml_silence();
    xmlNodePtr signature = NULL;
    cxml_signature_status status = cxml_check_shape(cxml_node(element), &signature);
    if (status != CXML_SIGNATURE_VALID) return status;
    if (!register_id(cxml_doc(document), cxml_node(element))) return CXML_SIGNATURE_REFERENCE;
    status = CXML_SIGNATURE_CERTIFICATE;
    for (size_t index = 0; index < key_count; index++) {
        xmlSecKeyPtr key = make_key(keys[index]);
        if (key == NULL) continue;
        status = CXML_SIGNATURE_INVALID;
        if (verify_with(signature, key)) return CXML_SIGNATURE_VALID;
    }
    return status;
}
