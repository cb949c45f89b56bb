// One-time set-up of libxml2 and xmlsec1.

#include "internal.h"

#include <libxml/parser.h>
#include <pthread.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/openssl/app.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable = false;

static void ignore_report(const char *file, int line, const char *function, const char *object,
                          const char *subject, int reason, const char *message) {
    (void)file;
    (void)line;
    (void)function;
    (void)object;
    (void)subject;
    (void)reason;
    (void)message;
}

// The sizes in xmlsec1's structures depend on XMLSEC_NO_SIZE_T, which must be set as it was for the
// installed library. Two pointers on both sides of such sizes are found only if it was.
static bool layout_matches(void) {
    xmlSecKeysMngrPtr manager = xmlSecKeysMngrCreate();
    if (manager == NULL) return false;
    xmlSecDSigCtxPtr context = xmlSecDSigCtxCreate(manager);
    bool matches = context != NULL && context->keyInfoReadCtx.keysMngr == manager
        && context->keyInfoWriteCtx.keysMngr == manager
        && context->enabledReferenceUris == xmlSecTransformUriTypeAny;
    if (context != NULL) xmlSecDSigCtxDestroy(context);
    xmlSecKeysMngrDestroy(manager);
    return matches;
}

static void set_up(void) {
    xmlInitParser();
    cxml_silence();
    if (xmlSecInit() < 0 || xmlSecCheckVersion() != 1) return;
    if (xmlSecOpenSSLAppInit(NULL) < 0 || xmlSecOpenSSLInit() < 0) return;
    // After the line above, which sets one that writes to standard error.
    xmlSecErrorsSetCallback(ignore_report);
    usable = layout_matches();
}

bool cxml_initialize(void) {
    return pthread_once(&once, set_up) == 0 && usable;
}
