#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

// The functions below stand for libpq's own in this program and for nobody else.
#pragma GCC visibility push(hidden)
#include "CPostgreSQL.h"
#pragma GCC visibility pop

// Result, name, parameters, arguments.
#define FUNCTIONS(F) \
    F(ConnStatusType, PQstatus, (const PGconn *c), (c)) \
    F(PGTransactionStatusType, PQtransactionStatus, (const PGconn *c), (c)) \
    F(char *, PQhost, (const PGconn *c), (c)) \
    F(char *, PQerrorMessage, (const PGconn *c), (c)) \
    F(int, PQsocket, (const PGconn *c), (c)) \
    F(int, PQsetnonblocking, (PGconn * c, int on), (c, on)) \
    F(int, PQenterPipelineMode, (PGconn * c), (c)) \
    F(int, PQpipelineSync, (PGconn * c), (c)) \
    F(int, PQflush, (PGconn * c), (c)) \
    F(int, PQisBusy, (PGconn * c), (c)) \
    F(int, PQconsumeInput, (PGconn * c), (c)) \
    F(PGresult *, PQgetResult, (PGconn * c), (c)) \
    F(PGnotify *, PQnotifies, (PGconn * c), (c)) \
    F(int, PQsendPrepare, \
      (PGconn * c, const char *name, const char *query, int count, const Oid *types), \
      (c, name, query, count, types)) \
    F(int, PQsendQueryPrepared, \
      (PGconn * c, const char *name, int count, const char *const *values, const int *lengths, \
       const int *formats, int format), \
      (c, name, count, values, lengths, formats, format)) \
    F(int, PQsendQueryParams, \
      (PGconn * c, const char *query, int count, const Oid *types, const char *const *values, \
       const int *lengths, const int *formats, int format), \
      (c, query, count, types, values, lengths, formats, format)) \
    F(ExecStatusType, PQresultStatus, (const PGresult *r), (r)) \
    F(char *, PQresultErrorField, (const PGresult *r, int field), (r, field)) \
    F(int, PQntuples, (const PGresult *r), (r)) \
    F(char *, PQgetvalue, (const PGresult *r, int row, int column), (r, row, column)) \
    F(int, PQgetlength, (const PGresult *r, int row, int column), (r, row, column)) \
    F(int, PQgetisnull, (const PGresult *r, int row, int column), (r, row, column))

static PGconn *(*loaded_PQconnectdbParams)(const char *const *, const char *const *, int);
static PQnoticeProcessor (*loaded_PQsetNoticeProcessor)(PGconn *, PQnoticeProcessor, void *);
static void (*loaded_PQfinish)(PGconn *);
static void (*loaded_PQclear)(PGresult *);
static void (*loaded_PQfreemem)(void *);
#define DECLARE(result, name, parameters, arguments) static result(*loaded_##name) parameters;
FUNCTIONS(DECLARE)

static const char *problem;

static void load(void) {
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        problem = "libpq.so.5 cannot be loaded: install libpq5";
        return;
    }
#define FIND(name) \
    *(void **)&loaded_##name = dlsym(library, #name); \
    if (loaded_##name == NULL) problem = "libpq.so.5 has no " #name ": it is too old";
#define FIND_LISTED(result, name, parameters, arguments) FIND(name)
    FIND(PQconnectdbParams)
    FIND(PQsetNoticeProcessor)
    FIND(PQfinish)
    FIND(PQclear)
    FIND(PQfreemem)
    FUNCTIONS(FIND_LISTED)
}

const char *portolan_pq_problem(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return problem;
}

PGconn *PQconnectdbParams(const char *const *keywords, const char *const *values, int expand) {
    if (portolan_pq_problem() != NULL) return NULL;
    return loaded_PQconnectdbParams(keywords, values, expand);
}

#define FORWARD(result, name, parameters, arguments) \
    result name parameters { return loaded_##name arguments; }
FUNCTIONS(FORWARD)

void PQfinish(PGconn *c) { loaded_PQfinish(c); }
void PQclear(PGresult *r) { loaded_PQclear(r); }
void PQfreemem(void *memory) { loaded_PQfreemem(memory); }

static void ignore_notice(void *argument, const char *message) {
    (void)argument;
    (void)message;
}

void portolan_pq_silence(PGconn *connection) {
    loaded_PQsetNoticeProcessor(connection, ignore_notice, NULL);
}
