// Signing: an enveloped signature in the one shape that cxml_verify accepts.

#include "internal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <xmlsec/base64.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/templates.h>
#include <xmlsec/xmldsig.h>

typedef struct {
    xmlSecTransformId signature, digest;
} algorithms;

static bool choose(cxml_sign_algorithm algorithm, algorithms *chosen) {
    switch (algorithm) {
    case CXML_SIGN_RSA_SHA256:
        *chosen = (algorithms){xmlSecOpenSSLTransformRsaSha256Id, xmlSecOpenSSLTransformSha256Id};
        return true;
    case CXML_SIGN_RSA_SHA384:
        *chosen = (algorithms){xmlSecOpenSSLTransformRsaSha384Id, xmlSecOpenSSLTransformSha384Id};
        return true;
    case CXML_SIGN_RSA_SHA512:
        *chosen = (algorithms){xmlSecOpenSSLTransformRsaSha512Id, xmlSecOpenSSLTransformSha512Id};
        return true;
    case CXML_SIGN_ECDSA_SHA256:
        *chosen = (algorithms){xmlSecOpenSSLTransformEcdsaSha256Id, xmlSecOpenSSLTransformSha256Id};
        return true;
    case CXML_SIGN_ECDSA_SHA384:
        *chosen = (algorithms){xmlSecOpenSSLTransformEcdsaSha384Id, xmlSecOpenSSLTransformSha384Id};
        return true;
    case CXML_SIGN_ECDSA_SHA512:
        *chosen = (algorithms){xmlSecOpenSSLTransformEcdsaSha512Id, xmlSecOpenSSLTransformSha512Id};
        return true;
    }
    return false;
}

static xmlSecKeyPtr read_private_key(cxml_bytes bytes) {
    if (bytes.count == 0 || bytes.count > LONG_MAX) return NULL;
    const unsigned char *cursor = bytes.bytes;
    EVP_PKEY *parsed = d2i_AutoPrivateKey(NULL, &cursor, (long)bytes.count);
    if (parsed == NULL) return NULL;
    xmlSecKeyDataPtr data = xmlSecOpenSSLEvpKeyAdopt(parsed);
    if (data == NULL) {
        EVP_PKEY_free(parsed);
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

static bool add_certificate(xmlNodePtr signature, cxml_bytes certificate) {
    if (certificate.count == 0) return true;
    if (certificate.count > INT_MAX) return false;
    xmlNodePtr info = xmlSecTmplSignatureEnsureKeyInfo(signature, NULL);
    xmlNodePtr data = info == NULL ? NULL : xmlSecTmplKeyInfoAddX509Data(info);
    if (data == NULL) return false;
    xmlChar *text = xmlSecBase64Encode(certificate.bytes, (xmlSecSize)certificate.count, 0);
    if (text == NULL) return false;
    xmlNodePtr node = xmlNewChild(data, data->ns, cxml_chars("X509Certificate"), text);
    xmlFree(text);
    return node != NULL;
}

// The signature's skeleton, already in its place in the tree; NULL when anything fails.
static xmlNodePtr insert_template(xmlNodePtr element, const algorithms *chosen,
                                  cxml_bytes certificate) {
    xmlChar *identifier = xmlGetNoNsProp(element, cxml_chars("ID"));
    if (identifier == NULL) return NULL;
    xmlChar *uri = xmlStrncatNew(cxml_chars("#"), identifier, -1);
    bool plain = cxml_id_is_plain(identifier);
    xmlFree(identifier);
    xmlNodePtr signature = uri == NULL || !plain
        ? NULL
        : xmlSecTmplSignatureCreateNsPref(element->doc, xmlSecTransformExclC14NId,
                                          chosen->signature, NULL, cxml_chars("ds"));
    xmlNodePtr reference = signature == NULL
        ? NULL
        : xmlSecTmplSignatureAddReference(signature, chosen->digest, NULL, uri, NULL);
    xmlFree(uri);
    bool complete = reference != NULL
        && xmlSecTmplReferenceAddTransform(reference, xmlSecTransformEnvelopedId) != NULL
        && xmlSecTmplReferenceAddTransform(reference, xmlSecTransformExclC14NId) != NULL
        && add_certificate(signature, certificate);
    if (!complete) {
        if (signature != NULL) xmlFreeNode(signature);
        return NULL;
    }
    // The SAML schema wants it behind Issuer.
    xmlNodePtr child = cxml_element_from(element->children);
    if (child != NULL && xmlStrEqual(child->name, cxml_chars("Issuer"))) {
        xmlAddNextSibling(child, signature);
    } else if (element->children != NULL) {
        xmlAddPrevSibling(element->children, signature);
    } else {
        xmlAddChild(element, signature);
    }
    return signature;
}

bool cxml_sign(cxml_document *document, cxml_element *element, cxml_sign_algorithm algorithm,
               cxml_bytes private_key, cxml_bytes certificate) {
    cxml_silence();
    algorithms chosen;
    if (!choose(algorithm, &chosen)) return false;
    xmlNodePtr target = cxml_node(element);
    xmlSecKeyPtr key = read_private_key(private_key);
    if (key == NULL) return false;
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(NULL);
    xmlNodePtr signature = insert_template(target, &chosen, certificate);
    if (context == NULL || signature == NULL) {
        if (context != NULL) xmlSecDSigCtxDestroy(context);
        xmlSecKeyDestroy(key);
        return false;
    }
    context->signKey = key;
    // KeyInfo is ours already; an empty list keeps xmlsec1 from filling in more.
    xmlAttrPtr attribute = xmlHasNsProp(target, cxml_chars("ID"), NULL);
    xmlChar *value = xmlNodeListGetString(cxml_doc(document), attribute->children, 1);
    if (value != NULL && xmlGetID(cxml_doc(document), value) == NULL)
        xmlAddID(NULL, cxml_doc(document), value, attribute);
    xmlFree(value);
    bool done = xmlSecDSigCtxSign(context, signature) == 0
        && context->status == xmlSecDSigStatusSucceeded;
    xmlSecDSigCtxDestroy(context);
    if (!done) {
        xmlUnlinkNode(signature);
        xmlFreeNode(signature);
    }
    return done;
}
