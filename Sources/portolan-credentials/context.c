#include <stdlib.h>
#include <string.h>

#include "credentials.h"

// The path of a file that the context names; relative ones start at the context's directory.
static char *path_of(const context *context, const char *file, const char *key) {
    const char *named = json_string_value(json_object_get(context->json, key));
    if (named == NULL) return NULL;
    const char *slash = strrchr(file, '/');
    if (named[0] == '/' || slash == NULL) return text("%s", named);
    return text("%.*s/%s", (int)(slash - file), file, named);
}

static void add_region(context *context, const char *name, const json_t *services) {
    const char *portal = json_string_value(json_object_get(services, "portal"));
    if (portal == NULL || context->regions_count == REGIONS_MAX) return;
    context->regions[context->regions_count].name = name;
    context->regions[context->regions_count++].portal = portal;
}

// The wanted Region first, then the others as they stand.
static bool read_regions(context *context, const char *wanted) {
    json_t *regions = json_object_get(context->json, "regions"), *services = NULL;
    if (wanted == NULL) wanted = json_string_value(json_object_get(context->json, "region"));
    if (wanted != NULL && (services = json_object_get(regions, wanted)) != NULL)
        add_region(context, wanted, services);
    const char *name = NULL;
    json_object_foreach(regions, name, services) {
        if (wanted == NULL || strcmp(name, wanted) != 0) add_region(context, name, services);
    }
    return context->regions_count > 0 &&
        (wanted == NULL || strcmp(context->regions[0].name, wanted) == 0);
}

bool context_load(context *context, const char *path, const char *region) {
    *context = (struct context){0};
    json_error_t problem;
    context->json = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    if (context->json == NULL) {
        complain("%s: %s", path, problem.text);
        return false;
    }
    context->trust_domain = json_string_value(json_object_get(context->json, "trustDomain"));
    context->certificate = path_of(context, path, "certificate");
    context->key = path_of(context, path, "key");
    context->roots = path_of(context, path, "roots");
    if (context->trust_domain == NULL || context->certificate == NULL || context->key == NULL ||
        context->roots == NULL) {
        complain("%s is not a context: make it with portolan context create", path);
        return false;
    }
    if (read_regions(context, region)) return true;
    complain(
        "%s has no address of the portal service%s%s", path, region == NULL ? "" : " in ",
        region == NULL ? "" : region);
    return false;
}

void context_free(context *context) {
    free(context->certificate);
    free(context->key);
    free(context->roots);
    json_decref(context->json);
}
