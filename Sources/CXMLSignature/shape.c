// The one shape of signature that is accepted, checked on the tree before xmlsec1 sees it.
// XML-DSig allows far more than SAML uses, and attacks live in the difference.

#include "shape.h"

#include <string.h>

static const char *const signature_methods[] = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    NULL,
};
static const char *const digest_methods[] = {
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
    NULL,
};
static const char *const canonical_methods[] = {CXML_EXC_C14N, NULL};

bool cxml_is_dsig(xmlNodePtr node, const char *name) {
    return node != NULL && node->ns != NULL && xmlStrEqual(node->name, cxml_chars(name))
        && xmlStrEqual(node->ns->href, cxml_chars(CXML_DSIG_NAMESPACE));
}

static xmlNodePtr first(xmlNodePtr node) { return cxml_element_from(node->children); }
static xmlNodePtr following(xmlNodePtr node) { return cxml_element_from(node->next); }

// Whether the attribute's value is one of the list.
static bool attribute_in(xmlNodePtr node, const char *name, const char *const *list) {
    xmlChar *value = xmlGetNoNsProp(node, cxml_chars(name));
    if (value == NULL) return false;
    bool found = false;
    for (; *list != NULL && !found; list++) found = xmlStrEqual(value, cxml_chars(*list));
    xmlFree(value);
    return found;
}

bool cxml_id_is_plain(const xmlChar *identifier) {
    size_t length = strlen((const char *)identifier);
    if (length == 0 || length > 256) return false;
    for (size_t index = 0; index < length; index++) {
        unsigned char c = identifier[index];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool other = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!letter && !(index > 0 && other)) return false;
    }
    return true;
}

// The URI is "#" and the signed element's own ID: not "", not another element's.
static bool refers_to(xmlNodePtr reference, xmlNodePtr element) {
    xmlChar *identifier = xmlGetNoNsProp(element, cxml_chars("ID"));
    xmlChar *uri = xmlGetNoNsProp(reference, cxml_chars("URI"));
    bool same = identifier != NULL && uri != NULL && cxml_id_is_plain(identifier)
        && uri[0] == '#' && xmlStrEqual(uri + 1, identifier);
    if (identifier != NULL) xmlFree(identifier);
    if (uri != NULL) xmlFree(uri);
    return same;
}

// Exclusive canonicalisation may carry one InclusiveNamespaces, nothing else.
static bool inclusive_namespaces_only(xmlNodePtr method) {
    xmlNodePtr child = first(method);
    if (child == NULL) return true;
    return following(child) == NULL && first(child) == NULL && child->ns != NULL
        && xmlStrEqual(child->name, cxml_chars("InclusiveNamespaces"))
        && xmlStrEqual(child->ns->href, cxml_chars(CXML_EXC_C14N));
}

// Exactly the enveloped-signature transform, then exclusive canonicalisation.
static cxml_signature_status check_transforms(xmlNodePtr transforms) {
    static const char *const enveloped[] = {CXML_ENVELOPED, NULL};
    if (!cxml_is_dsig(transforms, "Transforms")) return CXML_SIGNATURE_SHAPE;
    xmlNodePtr envelope = first(transforms);
    if (!cxml_is_dsig(envelope, "Transform")) return CXML_SIGNATURE_SHAPE;
    xmlNodePtr canonical = following(envelope);
    if (!cxml_is_dsig(canonical, "Transform") || following(canonical) != NULL)
        return CXML_SIGNATURE_SHAPE;
    if (!attribute_in(envelope, "Algorithm", enveloped)
        || !attribute_in(canonical, "Algorithm", canonical_methods))
        return CXML_SIGNATURE_ALGORITHM;
    if (first(envelope) != NULL || !inclusive_namespaces_only(canonical))
        return CXML_SIGNATURE_SHAPE;
    return CXML_SIGNATURE_VALID;
}

static cxml_signature_status check_reference(xmlNodePtr reference, xmlNodePtr element) {
    if (!cxml_is_dsig(reference, "Reference") || following(reference) != NULL)
        return CXML_SIGNATURE_SHAPE;
    if (!refers_to(reference, element)) return CXML_SIGNATURE_REFERENCE;
    xmlNodePtr transforms = first(reference);
    if (transforms == NULL) return CXML_SIGNATURE_SHAPE;
    cxml_signature_status status = check_transforms(transforms);
    if (status != CXML_SIGNATURE_VALID) return status;
    xmlNodePtr method = following(transforms);
    if (!cxml_is_dsig(method, "DigestMethod") || first(method) != NULL)
        return CXML_SIGNATURE_SHAPE;
    if (!attribute_in(method, "Algorithm", digest_methods)) return CXML_SIGNATURE_ALGORITHM;
    xmlNodePtr value = following(method);
    if (!cxml_is_dsig(value, "DigestValue") || first(value) != NULL || following(value) != NULL)
        return CXML_SIGNATURE_SHAPE;
    return CXML_SIGNATURE_VALID;
}

static cxml_signature_status check_signed_info(xmlNodePtr info, xmlNodePtr element) {
    if (!cxml_is_dsig(info, "SignedInfo")) return CXML_SIGNATURE_SHAPE;
    xmlNodePtr canonical = first(info);
    if (!cxml_is_dsig(canonical, "CanonicalizationMethod")
        || !inclusive_namespaces_only(canonical)) return CXML_SIGNATURE_SHAPE;
    if (!attribute_in(canonical, "Algorithm", canonical_methods)) return CXML_SIGNATURE_ALGORITHM;
    xmlNodePtr method = following(canonical);
    if (!cxml_is_dsig(method, "SignatureMethod") || first(method) != NULL)
        return CXML_SIGNATURE_SHAPE;
    if (!attribute_in(method, "Algorithm", signature_methods)) return CXML_SIGNATURE_ALGORITHM;
    xmlNodePtr reference = following(method);
    return reference == NULL ? CXML_SIGNATURE_SHAPE : check_reference(reference, element);
}

cxml_signature_status cxml_check_shape(xmlNodePtr element, xmlNodePtr *signature) {
    xmlNodePtr found = NULL;
    for (xmlNodePtr child = first(element); child != NULL; child = following(child)) {
        if (!cxml_is_dsig(child, "Signature")) continue;
        if (found != NULL) return CXML_SIGNATURE_SHAPE;
        found = child;
    }
    if (found == NULL) return CXML_SIGNATURE_ABSENT;
    xmlNodePtr info = first(found);
    if (info == NULL) return CXML_SIGNATURE_SHAPE;
    cxml_signature_status status = check_signed_info(info, element);
    if (status != CXML_SIGNATURE_VALID) return status;
    xmlNodePtr value = following(info);
    if (!cxml_is_dsig(value, "SignatureValue") || first(value) != NULL)
        return CXML_SIGNATURE_SHAPE;
    // KeyInfo may stand here and is ignored; Object may not.
    xmlNodePtr last = following(value);
    if (last != NULL && (!cxml_is_dsig(last, "KeyInfo") || following(last) != NULL))
        return CXML_SIGNATURE_SHAPE;
    *signature = found;
    return CXML_SIGNATURE_VALID;
}
