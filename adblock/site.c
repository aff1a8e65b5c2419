/* Sites by the public suffix list. An address is a site of its own. */
#include "adblock/site.h"

#include "adblock/psl.h"

void site_init(struct site *site, struct slice host, const struct hostset *psl, uint64_t seed)
{
    site->host = host;
    site->psl = psl;
    site->seed = seed;
    site->count = name_hash_suffixes(host.data, host.size, seed, site->suffixes);
    site->public_labels = 0;
    site->has_entities = false;
    site->entity_count = 0;
}

static bool is_address(struct slice host)
{
    char last = host.data[host.size - 1];
    return last == ']' || char_is_digit(last); /* no top level domain ends in a digit */
}

static size_t public_labels(struct site *site)
{
    if (site->public_labels == 0)
        site->public_labels = is_address(site->host)
                                  ? site->count
                                  : psl_labels(site->psl, site->suffixes, site->count);
    return site->public_labels;
}

uint64_t site_host_hash(const struct site *site)
{
    return site->count ? site->suffixes[site->count - 1].hash : 0;
}

uint64_t site_hash(struct site *site)
{
    if (site->count == 0)
        return 0;
    size_t labels = public_labels(site);
    return labels < site->count ? site->suffixes[labels].hash : site_host_hash(site);
}

static void find_entities(struct site *site)
{
    size_t labels = site->count ? public_labels(site) : 0;
    site->has_entities = true;
    if (labels == site->count)
        return;
    size_t size = site->suffixes[labels - 1].start - 1;
    site->entity_count = name_hash_suffixes(site->host.data, size,
                                            site->seed ^ CONDITION_ENTITY_SALT, site->entities);
}

bool site_meets(struct site *site, const void *hosts_condition)
{
    if (!site->has_entities)
        find_entities(site);
    struct condition_host host = {site->suffixes, site->count, site->entities, site->entity_count};
    return condition_has_host(hosts_condition, &host);
}
