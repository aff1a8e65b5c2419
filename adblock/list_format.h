/* Which kind of list a text is. */
#ifndef ADBLOCK_LIST_FORMAT_H
#define ADBLOCK_LIST_FORMAT_H

#include "adblock/filter.h"
#include "adblock/slice.h"

/* Why a text is no list of any kind, for the user; NULL if it may be one. */
const char *list_format_refusal(struct slice text);
/* By the first lines. One or two bare names and nothing else are read as FILTER_ADBLOCK: too little
 * to make them a list of whole domains. 0; -EINVAL for what is refused. */
int list_format_detect(struct slice text, enum filter_format *ret);

#endif
