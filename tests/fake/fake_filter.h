/* A filter for tests of what asks one: blocks each URL that contains one of a few words. Defines
 * filter_ask_request and filter_describe, so it is linked instead of adblock/filter.c. */
#ifndef TESTS_FAKE_FILTER_H
#define TESTS_FAKE_FILTER_H

#include "adblock/filter.h"

struct filter {
    const char *blocked[4];  /* words; NULL for none */
    const char *list, *rule; /* what filter_describe says */
    int asked;
    char url[256], source_url[256]; /* of the last question */
    enum filter_type type;
};

#endif
