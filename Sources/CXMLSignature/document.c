// Parsing with hard limits, and reading the tree.

#include "internal.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

enum {
    // libxml2 itself stops at 256 levels; SAML needs about ten.
    DEPTH_MAX = 64,
    ATTRIBUTES_MAX = 64,
    NAMESPACES_MAX = 64,
    // Declarations in the whole document: canonicalisation is slow in their number.
    NAMESPACES_TOTAL_MAX = 1024,
    ELEMENTS_MAX = 20000,
    IDS_MAX = 2048,
};

static void ignore_error(void *context, xmlErrorPtr error) {
    (void)context;
    (void)error;
}

void cxml_silence(void) { xmlSetStructuredErrorFunc(NULL, ignore_error); }

void cxml_free(void *memory) { free(memory); }

// The parser's _private field carries why it was stopped.
static void stop(void *context, cxml_parse_status reason) {
    xmlParserCtxtPtr parser = context;
    *(cxml_parse_status *)parser->_private = reason;
    xmlStopParser(parser);
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *external_id,
                           const xmlChar *system_id) {
    (void)name;
    (void)external_id;
    (void)system_id;
    stop(context, CXML_PARSE_DOCTYPE);
}

static void refuse_instruction(void *context, const xmlChar *target, const xmlChar *data) {
    (void)target;
    (void)data;
    stop(context, CXML_PARSE_PROCESSING_INSTRUCTION);
}

xmlNodePtr cxml_element_from(xmlNodePtr node) {
    while (node != NULL && node->type != XML_ELEMENT_NODE) node = node->next;
    return node;
}

typedef struct {
    size_t elements, namespaces, id_count;
    xmlChar *ids[IDS_MAX];
} census;

static cxml_parse_status count_attributes(xmlNodePtr node, census *seen) {
    size_t namespaces = 0, attributes = 0;
    for (xmlNsPtr ns = node->nsDef; ns != NULL; ns = ns->next) namespaces++;
    seen->namespaces += namespaces;
    if (namespaces > NAMESPACES_MAX || seen->namespaces > NAMESPACES_TOTAL_MAX)
        return CXML_PARSE_TOO_COMPLEX;
    for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next) {
        if (++attributes > ATTRIBUTES_MAX) return CXML_PARSE_TOO_COMPLEX;
        if (xmlStrcasecmp(attribute->name, cxml_chars("id")) != 0) continue;
        // xml:id makes a target for references behind the back of the check below.
        if (attribute->ns != NULL
            && xmlStrEqual(attribute->ns->href, XML_XML_NAMESPACE)) return CXML_PARSE_DUPLICATE_ID;
        if (seen->id_count == IDS_MAX) return CXML_PARSE_TOO_COMPLEX;
        xmlChar *value = xmlNodeListGetString(node->doc, attribute->children, 1);
        if (value != NULL) seen->ids[seen->id_count++] = value;
    }
    return CXML_PARSED;
}

static cxml_parse_status walk(xmlNodePtr node, int depth, census *seen) {
    if (depth > DEPTH_MAX || ++seen->elements > ELEMENTS_MAX) return CXML_PARSE_TOO_COMPLEX;
    cxml_parse_status status = count_attributes(node, seen);
    for (xmlNodePtr child = node->children; status == CXML_PARSED && child != NULL;
         child = child->next) {
        if (child->type == XML_ELEMENT_NODE)
            status = walk(child, depth + 1, seen);
        else if (child->type != XML_TEXT_NODE)
            status = CXML_PARSE_MALFORMED;
    }
    return status;
}

static int compare_ids(const void *left, const void *right) {
    return xmlStrcmp(*(xmlChar *const *)left, *(xmlChar *const *)right);
}

static cxml_parse_status inspect(xmlDocPtr document) {
    xmlNodePtr root = xmlDocGetRootElement(document);
    if (root == NULL) return CXML_PARSE_MALFORMED;
    census *seen = calloc(1, sizeof(census));
    if (seen == NULL) return CXML_PARSE_OUT_OF_MEMORY;
    cxml_parse_status status = walk(root, 1, seen);
    qsort(seen->ids, seen->id_count, sizeof(seen->ids[0]), compare_ids);
    for (size_t index = 1; index < seen->id_count && status == CXML_PARSED; index++) {
        if (xmlStrEqual(seen->ids[index - 1], seen->ids[index])) status = CXML_PARSE_DUPLICATE_ID;
    }
    for (size_t index = 0; index < seen->id_count; index++) xmlFree(seen->ids[index]);
    free(seen);
    return status;
}

cxml_parse_status cxml_parse(const uint8_t *bytes, size_t count, size_t count_max,
                             cxml_document **document) {
    *document = NULL;
    if (count > count_max || count > INT32_MAX) return CXML_PARSE_TOO_LARGE;
    if (count == 0) return CXML_PARSE_MALFORMED;
    if (!cxml_initialize()) return CXML_PARSE_OUT_OF_MEMORY;
    cxml_silence();
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (parser == NULL) return CXML_PARSE_OUT_OF_MEMORY;

    cxml_parse_status status = CXML_PARSED;
    parser->_private = &status;
    parser->sax->internalSubset = refuse_doctype;
    parser->sax->processingInstruction = refuse_instruction;
    // Without a handler comments leave no trace and the text around them grows together, so what
    // is read is what is canonicalised without comments.
    parser->sax->comment = NULL;
    xmlDocPtr parsed = xmlCtxtReadMemory(
        parser, (const char *)bytes, (int)count, NULL, "UTF-8",
        XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (status == CXML_PARSED && (parsed == NULL || !parser->wellFormed || !parser->nsWellFormed))
        status = CXML_PARSE_MALFORMED;
    if (status == CXML_PARSED) status = inspect(parsed);
    xmlFreeParserCtxt(parser);
    if (status != CXML_PARSED) {
        if (parsed != NULL) xmlFreeDoc(parsed);
        return status;
    }
    *document = (cxml_document *)parsed;
    return CXML_PARSED;
}

void cxml_document_free(cxml_document *document) {
    if (document != NULL) xmlFreeDoc(cxml_doc(document));
}

cxml_element *cxml_root(const cxml_document *document) {
    return (cxml_element *)xmlDocGetRootElement(cxml_doc(document));
}

cxml_element *cxml_first_child(const cxml_element *element) {
    return (cxml_element *)cxml_element_from(cxml_node(element)->children);
}

cxml_element *cxml_next_sibling(const cxml_element *element) {
    return (cxml_element *)cxml_element_from(cxml_node(element)->next);
}

const char *cxml_name(const cxml_element *element) {
    return (const char *)cxml_node(element)->name;
}

const char *cxml_namespace(const cxml_element *element) {
    xmlNsPtr ns = cxml_node(element)->ns;
    return ns == NULL ? NULL : (const char *)ns->href;
}

// Moves a string from libxml2's allocator to the one of cxml_free.
static char *take(xmlChar *text) {
    if (text == NULL) return NULL;
    char *copy = strdup((const char *)text);
    xmlFree(text);
    return copy;
}

char *cxml_attribute(const cxml_element *element, const char *name) {
    return take(xmlGetNoNsProp(cxml_node(element), cxml_chars(name)));
}

char *cxml_text(const cxml_element *element) {
    if (cxml_first_child(element) != NULL) return NULL;
    return take(xmlNodeGetContent(cxml_node(element)));
}
