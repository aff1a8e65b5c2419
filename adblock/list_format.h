/* Which kind of list a text is. */
#ifndef ADBLOCK_LIST_FORMAT_H
#define ADBLOCK_LIST_FORMAT_H

#include "adblock/filter.h"
#include "adblock/slice.h"

/* By the first lines. One or two bare names and nothing else are read as FILTER_ADBLOCK: too little
 * to make them a list of whole domains. 0; -EINVAL for a web page or binary data. */
int list_format_detect(struct slice text, enum filter_format *ret);

#endif
