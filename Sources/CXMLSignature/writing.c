// Building documents.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

cxml_document *cxml_document_create(const char *name, const char *prefix, const char *uri) {
    if (!cxml_initialize()) return NULL;
    cxml_silence();
    xmlDocPtr document = xmlNewDoc(cxml_chars("1.0"));
    if (document == NULL) return NULL;
    xmlNodePtr root = xmlNewDocNode(document, NULL, cxml_chars(name), NULL);
    if (root == NULL) {
        xmlFreeDoc(document);
        return NULL;
    }
    xmlDocSetRootElement(document, root);
    xmlNsPtr ns = xmlNewNs(root, cxml_chars(uri), cxml_chars(prefix));
    if (ns == NULL) {
        xmlFreeDoc(document);
        return NULL;
    }
    xmlSetNs(root, ns);
    return (cxml_document *)document;
}

cxml_element *cxml_add_child(cxml_element *parent, const char *name, const char *prefix,
                             const char *uri) {
    xmlNodePtr above = cxml_node(parent);
    xmlNodePtr child = xmlNewChild(above, NULL, cxml_chars(name), NULL);
    if (child == NULL) return NULL;
    xmlNsPtr ns = xmlSearchNsByHref(above->doc, above, cxml_chars(uri));
    if (ns == NULL) ns = xmlNewNs(child, cxml_chars(uri), cxml_chars(prefix));
    if (ns == NULL) return NULL;
    xmlSetNs(child, ns);
    return (cxml_element *)child;
}

bool cxml_set_attribute(cxml_element *element, const char *name, const char *value) {
    return xmlSetProp(cxml_node(element), cxml_chars(name), cxml_chars(value)) != NULL;
}

bool cxml_add_text(cxml_element *element, const char *text) {
    xmlNodePtr node = xmlNewDocText(cxml_node(element)->doc, cxml_chars(text));
    return node != NULL && xmlAddChild(cxml_node(element), node) != NULL;
}

bool cxml_serialize(const cxml_document *document, uint8_t **bytes, size_t *count) {
    xmlChar *text = NULL;
    int length = 0;
    xmlDocDumpMemoryEnc(cxml_doc(document), &text, &length, "UTF-8");
    if (text == NULL || length < 0) return false;
    *bytes = malloc((size_t)length + 1);
    if (*bytes != NULL) {
        memcpy(*bytes, text, (size_t)length);
        *count = (size_t)length;
    }
    xmlFree(text);
    return *bytes != NULL;
}

size_t cxml_byte_count(const cxml_element *element) {
    xmlBufferPtr buffer = xmlBufferCreate();
    if (buffer == NULL) return SIZE_MAX;
    int count = xmlNodeDump(buffer, cxml_node(element)->doc, cxml_node(element), 0, 0);
    xmlBufferFree(buffer);
    return count < 0 ? SIZE_MAX : (size_t)count;
}
