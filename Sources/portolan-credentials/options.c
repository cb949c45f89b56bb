#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"

static const char usage[] =
    "Usage: portolan-credentials --account ID --role NAME [options]\n"
    "       portolan-credentials --operator [options]\n"
    "\n"
    "Prints the keys of a role, or the operator's own for the APIs of this installation, as the AWS\n"
    "CLI and the SDKs want them from a credential_process.\n"
    "In ~/.aws/config:\n"
    "\n"
    "    [profile production]\n"
    "    credential_process = portolan-credentials --account 210000000001 --role ViewOnlyAccess\n"
    "\n"
    "Options:\n"
    "  --account ID            the account, 12 digits\n"
    "  --role NAME             the permission set\n"
    "  --operator              keys of the operator whose certificate the context names\n"
    "  --context FILE          certificate and addresses (PORTOLAN_CONTEXT, then\n"
    "                          ~/.config/portolan/context.json)\n"
    "  --session-file FILE     holds the session token of the access portal, mode 0600\n"
    "                          (PORTOLAN_SESSION_FILE, then ~/.config/portolan/session)\n"
    "  --region NAME           the Region to ask first (the context's); the others are asked when\n"
    "                          it does not answer\n"
    "  --cache-directory DIR   (~/.cache/portolan/credentials)\n"
    "  --margin SECONDS        fetch new keys when those kept last shorter (960)\n"
    "  --no-cache              neither read nor keep keys\n"
    "  --version, --help\n";

static void wrong(const char *what) {
    complain("%s; see portolan-credentials --help", what);
    exit(2);
}

static int64_t read_seconds(const char *text) {
    char *end = NULL;
    long seconds = strtol(text, &end, 10);
    if (end == text || *end != 0 || seconds < 0 || seconds > CACHED_SECONDS_MAX)
        wrong("--margin is 0 to 43200 seconds");
    return seconds;
}

static void check(const options *read) {
    if (read->is_operator) {
        if (read->account != NULL || read->role != NULL)
            wrong("--operator goes without --account and --role");
        return;
    }
    if (read->account == NULL || strlen(read->account) != 12 ||
        strspn(read->account, "0123456789") != 12)
        wrong("--account with 12 digits is needed");
    if (read->role == NULL || read->role[0] == 0 || strlen(read->role) > 64)
        wrong("--role is needed");
}

options read_options(int count, char *const arguments[]) {
    enum {
        CONTEXT = 1, SESSION, REGION, ACCOUNT, ROLE, OPERATOR, CACHE, MARGIN, NO_CACHE, VERSION, HELP
    };
    static const struct option known[] = {
        {"context", required_argument, NULL, CONTEXT},
        {"session-file", required_argument, NULL, SESSION},
        {"region", required_argument, NULL, REGION},
        {"account", required_argument, NULL, ACCOUNT},
        {"role", required_argument, NULL, ROLE},
        {"operator", no_argument, NULL, OPERATOR},
        {"cache-directory", required_argument, NULL, CACHE},
        {"margin", required_argument, NULL, MARGIN},
        {"no-cache", no_argument, NULL, NO_CACHE},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    options read = {.margin_seconds = MARGIN_SECONDS};
    read.context = getenv("PORTOLAN_CONTEXT");
    read.session_file = getenv("PORTOLAN_SESSION_FILE");
    for (int next; (next = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (next) {
        case CONTEXT: read.context = optarg; break;
        case SESSION: read.session_file = optarg; break;
        case REGION: read.region = optarg; break;
        case ACCOUNT: read.account = optarg; break;
        case ROLE: read.role = optarg; break;
        case OPERATOR: read.is_operator = true; break;
        case CACHE: read.cache_directory = optarg; break;
        case MARGIN: read.margin_seconds = read_seconds(optarg); break;
        case NO_CACHE: read.no_cache = true; break;
        case VERSION: puts("portolan-credentials " PORTOLAN_VERSION); exit(0);
        case HELP: fputs(usage, stdout); exit(0);
        default: exit(2);  // getopt_long has said why.
        }
    }
    if (optind < count) wrong("there is an argument too many");
    check(&read);
    return read;
}
