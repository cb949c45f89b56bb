#include "CPKCS11.h"

#include <dlfcn.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

struct portolan_token {
    void *library;
    CK_FUNCTION_LIST_PTR functions;
    char *token_label;
    char *key_label;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
};

static int has_label(const CK_TOKEN_INFO *info, const char *label) {
    size_t count = strlen(label);
    if (count > sizeof info->label || memcmp(info->label, label, count) != 0) return 0;
    for (; count < sizeof info->label; count++)
        if (info->label[count] != ' ') return 0;
    return 1;
}

static CK_RV find_slot(CK_FUNCTION_LIST_PTR functions, const char *label, CK_SLOT_ID *slot) {
    CK_ULONG count = 0;
    CK_RV outcome = functions->C_GetSlotList(CK_TRUE, NULL, &count);
    if (outcome != CKR_OK) return outcome;
    CK_SLOT_ID *slots = calloc(count + 1, sizeof *slots);
    if (slots == NULL) return PORTOLAN_TOKEN_MEMORY;
    outcome = functions->C_GetSlotList(CK_TRUE, slots, &count);
    CK_RV found = PORTOLAN_TOKEN_NO_TOKEN;
    for (CK_ULONG index = 0; outcome == CKR_OK && index < count; index++) {
        CK_TOKEN_INFO info;
        if (functions->C_GetTokenInfo(slots[index], &info) == CKR_OK && has_label(&info, label)) {
            *slot = slots[index];
            found = CKR_OK;
            break;
        }
    }
    free(slots);
    return outcome == CKR_OK ? found : outcome;
}

static CK_RV find_key(portolan_token *token) {
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_LABEL, token->key_label, strlen(token->key_label)},
    };
    CK_RV outcome = token->functions->C_FindObjectsInit(token->session, template, 2);
    if (outcome != CKR_OK) return outcome;
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    outcome = token->functions->C_FindObjects(token->session, found, 2, &count);
    token->functions->C_FindObjectsFinal(token->session);
    if (outcome != CKR_OK) return outcome;
    if (count == 0) return PORTOLAN_TOKEN_NO_KEY;
    if (count > 1) return PORTOLAN_TOKEN_KEYS;
    token->key = found[0];
    return CKR_OK;
}

static CK_RV make_key(portolan_token *token) {
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG count = 32;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {
        {CKA_TOKEN, &yes, sizeof yes},           {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},       {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},         {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_VALUE_LEN, &count, sizeof count},
        {CKA_LABEL, token->key_label, strlen(token->key_label)},
    };
    return token->functions->C_GenerateKey(
        token->session, &mechanism, template, sizeof template / sizeof *template, &token->key);
}

// A root key that anybody with the PIN could read out would be no better than a file.
static CK_RV check_key(portolan_token *token) {
    CK_BBOOL sensitive = CK_FALSE, extractable = CK_TRUE;
    CK_ULONG count = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_SENSITIVE, &sensitive, sizeof sensitive},
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
        {CKA_VALUE_LEN, &count, sizeof count},
    };
    CK_RV outcome =
        token->functions->C_GetAttributeValue(token->session, token->key, template, 3);
    if (outcome != CKR_OK) return outcome;
    return sensitive && !extractable && count == 32 ? CKR_OK : PORTOLAN_TOKEN_WEAK;
}

static CK_RV start(portolan_token *token, const unsigned char *pin, size_t count, int create) {
    CK_SLOT_ID slot;
    CK_RV outcome = find_slot(token->functions, token->token_label, &slot);
    if (outcome != CKR_OK) return outcome;
    CK_FLAGS flags = CKF_SERIAL_SESSION | (create ? CKF_RW_SESSION : 0);
    outcome = token->functions->C_OpenSession(slot, flags, NULL, NULL, &token->session);
    if (outcome != CKR_OK) return outcome;
    outcome = token->functions->C_Login(token->session, CKU_USER, (unsigned char *)pin, count);
    if (outcome == CKR_USER_ALREADY_LOGGED_IN) outcome = CKR_OK;
    if (outcome == CKR_OK) outcome = find_key(token);
    if (outcome == PORTOLAN_TOKEN_NO_KEY && create) outcome = make_key(token);
    if (outcome == CKR_OK) outcome = check_key(token);
    if (outcome != CKR_OK) {
        token->functions->C_CloseSession(token->session);
        token->session = CK_INVALID_HANDLE;
    }
    return outcome;
}

unsigned long portolan_token_open(
    const char *module, const char *token_label, const unsigned char *pin, size_t pin_count,
    const char *key_label, int create, portolan_token **result) {
    portolan_token *token = calloc(1, sizeof *token);
    if (token == NULL) return PORTOLAN_TOKEN_MEMORY;
    token->token_label = strdup(token_label);
    token->key_label = strdup(key_label);
    token->library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList list = NULL;
    if (token->library != NULL)
        list = (CK_C_GetFunctionList)dlsym(token->library, "C_GetFunctionList");
    CK_RV outcome = PORTOLAN_TOKEN_NO_MODULE;
    if (token->token_label == NULL || token->key_label == NULL) {
        outcome = PORTOLAN_TOKEN_MEMORY;
    } else if (list != NULL && (outcome = list(&token->functions)) == CKR_OK) {
        CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
        outcome = token->functions->C_Initialize(&arguments);
        // Another root key of this process may use the same module.
        if (outcome == CKR_CRYPTOKI_ALREADY_INITIALIZED) outcome = CKR_OK;
        if (outcome == CKR_OK) outcome = start(token, pin, pin_count, create);
    }
    if (outcome == CKR_OK) {
        *result = token;
    } else {
        portolan_token_close(token);
    }
    return outcome;
}

unsigned long portolan_token_reopen(
    portolan_token *token, const unsigned char *pin, size_t pin_count) {
    if (token->session != CK_INVALID_HANDLE) token->functions->C_CloseSession(token->session);
    token->session = CK_INVALID_HANDLE;
    return start(token, pin, pin_count, 0);
}

static CK_GCM_PARAMS parameters(
    const unsigned char *nonce, const unsigned char *associated, size_t count) {
    CK_GCM_PARAMS parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.iv_ptr = (unsigned char *)nonce;
    parameters.iv_len = 12;
    parameters.iv_bits = 96;
    parameters.aad_ptr = (unsigned char *)associated;
    parameters.aad_len = count;
    parameters.tag_bits = 128;
    return parameters;
}

unsigned long portolan_token_seal(
    portolan_token *token, const unsigned char *nonce, const unsigned char *associated,
    size_t associated_count, const unsigned char *plaintext, size_t count, unsigned char *output) {
    CK_GCM_PARAMS gcm = parameters(nonce, associated, associated_count);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_RV outcome = token->functions->C_EncryptInit(token->session, &mechanism, token->key);
    if (outcome != CKR_OK) return outcome;
    CK_ULONG written = count + 16;
    outcome = token->functions->C_Encrypt(
        token->session, (unsigned char *)plaintext, count, output, &written);
    if (outcome == CKR_OK && written != count + 16) return CKR_FUNCTION_FAILED;
    return outcome;
}

unsigned long portolan_token_open_sealed(
    portolan_token *token, const unsigned char *nonce, const unsigned char *associated,
    size_t associated_count, const unsigned char *sealed, size_t count, unsigned char *output) {
    CK_GCM_PARAMS gcm = parameters(nonce, associated, associated_count);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_RV outcome = token->functions->C_DecryptInit(token->session, &mechanism, token->key);
    if (outcome != CKR_OK) return outcome;
    CK_ULONG written = count + 16;
    outcome = token->functions->C_Decrypt(
        token->session, (unsigned char *)sealed, count + 16, output, &written);
    if (outcome == CKR_OK && written != count) return CKR_FUNCTION_FAILED;
    return outcome;
}

int portolan_token_is_lost(unsigned long error) {
    switch (error) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
        return 1;
    default:
        return 0;
    }
}

// The module stays initialised: other users of it in this process would lose their sessions.
void portolan_token_close(portolan_token *token) {
    if (token == NULL) return;
    if (token->functions != NULL && token->session != CK_INVALID_HANDLE)
        token->functions->C_CloseSession(token->session);
    free(token->token_label);
    free(token->key_label);
    free(token);
}
