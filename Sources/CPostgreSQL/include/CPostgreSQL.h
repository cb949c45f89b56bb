#pragma once
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

// libpq, loaded when a connection is first made: it brings twenty libraries with it (Kerberos, LDAP,
// GnuTLS), which a process that keeps its log in SQLite, or the one with the keys, should not hold.
// PQconnectdbParams gives NULL when it cannot be loaded; nothing else may be called before it.

// Why libpq cannot be loaded; NULL when it can.
const char *portolan_pq_problem(void);

// Keeps the server's notices off standard error: they can quote values.
void portolan_pq_silence(PGconn *connection);
