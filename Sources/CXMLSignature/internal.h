// Shared by the C files of this target only.
#ifndef CXMLSIGNATURE_INTERNAL_H
#define CXMLSIGNATURE_INTERNAL_H

#include "CXMLSignature.h"

#include <libxml/tree.h>
#include <openssl/x509.h>

#define CXML_DSIG_NAMESPACE "http://www.w3.org/2000/09/xmldsig#"
#define CXML_EXC_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"
#define CXML_ENVELOPED "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

// A document is libxml2's; the opaque names keep its headers out of Swift.
static inline xmlDocPtr cxml_doc(const cxml_document *document) { return (xmlDocPtr)document; }
static inline xmlNodePtr cxml_node(const cxml_element *element) { return (xmlNodePtr)element; }
static inline const xmlChar *cxml_chars(const char *text) { return (const xmlChar *)text; }

// The first element among node and its following siblings, or NULL.
xmlNodePtr cxml_element_from(xmlNodePtr node);
// Whether the node is the named element of the XML-DSig namespace.
bool cxml_is_dsig(xmlNodePtr node, const char *name);
// libxml2 keeps its error handler per thread; this one says nothing.
void cxml_silence(void);
// The public key of a certificate, when it is of an accepted kind and strength; else NULL.
EVP_PKEY *cxml_certificate_key(X509 *certificate);
// An ID that can be put into a same-document reference as it is.
bool cxml_id_is_plain(const xmlChar *identifier);

#endif
