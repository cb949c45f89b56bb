#pragma once
#include <libpq-fe.h>

// Keeps the server's notices off standard error: they can quote values.
static inline void portolan_pq_ignore_notice(void *argument, const char *message) {
    (void)argument;
    (void)message;
}

static inline void portolan_pq_silence(PGconn *connection) {
    PQsetNoticeProcessor(connection, portolan_pq_ignore_notice, NULL);
}
