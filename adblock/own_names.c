#include "adblock/own_names.h"

#include "adblock/hash_index.h"
#include "adblock/name_hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct own_name {
    char text[NAME_MAX_BYTES + 1];
    bool is_allowed;
};

struct own_names {
    struct hash_index index; /* of a name's hash: its place */
    size_t count;
    struct own_name names[];
};

static int add(struct own_names *names, const struct filter_own *own, uint64_t seed)
{
    struct own_name *name = &names->names[names->count];
    snprintf(name->text, sizeof(name->text), "%s", own->name);
    name->is_allowed = own->is_allowed;
    return hash_index_put(&names->index, name_hash(name->text, strlen(name->text), seed),
                          (uint32_t)names->count++);
}

int own_names_new(const struct filter_own *own, size_t count, uint64_t seed, struct own_names **ret)
{
    struct own_names *names = calloc(1, sizeof(*names) + count * sizeof(names->names[0]));
    int err = names ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && err == 0; i++)
        err = add(names, &own[i], seed);
    if (err < 0) {
        own_names_free(names);
        return err;
    }
    *ret = names;
    return 0;
}

void own_names_free(struct own_names *names)
{
    if (!names)
        return;
    hash_index_done(&names->index);
    free(names);
}

bool own_names_find(const struct own_names *names, const struct site *host, struct verdict *ret)
{
    uint32_t at;
    for (size_t i = names ? host->count : 0; i-- > 0;) {
        const struct name_suffix *suffix = &host->suffixes[i];
        struct slice tail = slice_from(host->host, suffix->start);
        if (!hash_index_get(&names->index, suffix->hash, &at) ||
            !slice_equals(slice_of(names->names[at].text), tail))
            continue;
        *ret = (struct verdict){
            .action = names->names[at].is_allowed ? VERDICT_ALLOW : VERDICT_BLOCK,
            .list = OWN_NAMES_LIST,
            .rule = at,
            .labels = (uint8_t)(i + 1),
        };
        return true;
    }
    return false;
}

void own_names_describe(const struct own_names *names, uint32_t rule, char *ret, size_t capacity)
{
    bool is_known = names && rule < names->count;
    snprintf(ret, capacity, "%s%s",
             !is_known                       ? ""
             : names->names[rule].is_allowed ? "allow "
                                             : "deny ",
             is_known ? names->names[rule].text : "");
}
