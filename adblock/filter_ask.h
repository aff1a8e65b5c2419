/* A question about a name while it is worked on. For filter_ask.c and filter_answer.c alone. */
#ifndef ADBLOCK_FILTER_ASK_H
#define ADBLOCK_FILTER_ASK_H

#include "adblock/filter_state.h"
#include "adblock/site.h"
#include "adblock/url.h"

/* Heavier beats lighter. */
enum asking_weight {
    ASKING_NOTHING,
    ASKING_HOSTS,
    ASKING_BLOCK,
    ASKING_EXCEPTION,
    ASKING_IMPORTANT_BLOCK,
    ASKING_IMPORTANT_EXCEPTION,
    ASKING_ANSWER, /* $dnsrewrite */
    ASKING_OWN_BLOCK,
    ASKING_OWN_EXCEPTION,
    ASKING_OWN_NAME, /* said in passing: beats what the configuration says */
};

enum { ASKING_ZONES_MAX = 16, ASKING_URL_MAX = 288 };

struct asking_answer {
    const struct condition_answer *answer;
    struct verdict verdict;
    enum asking_weight weight;
};

struct asking_zone {
    uint16_t list, labels;
};

struct asking {
    const struct filter *filter;
    const struct filter_name *name;
    filter_match_fn *on_match; /* NULL, or told of every match */
    void *owner;
    enum asking_weight weight;
    struct verdict verdict; /* the heaviest so far */
    struct asking_answer answers[FILTER_ANSWERS_MAX];
    const struct condition_answer *backs[FILTER_ANSWERS_MAX]; /* answers taken back */
    struct asking_zone zones[ASKING_ZONES_MAX];
    size_t answer_count, back_count, zone_count;
    size_t url_size;
    char url[ASKING_URL_MAX]; /* "http://name", for patterns */
    struct site site;
};

/* Only on_match and owner are given before. */
void asking_run(struct asking *asking, const struct filter *filter, const struct filter_name *name);

#endif
