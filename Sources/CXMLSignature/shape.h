#ifndef CXMLSIGNATURE_SHAPE_H
#define CXMLSIGNATURE_SHAPE_H

#include "internal.h"

// Finds the element's signature and checks all of its structure but the cryptography.
cxml_signature_status cxml_check_shape(xmlNodePtr element, xmlNodePtr *signature);

#endif
