/* The public suffix list (publicsuffix.org): where a name stops to be somebody's own. */
#ifndef ADBLOCK_PSL_H
#define ADBLOCK_PSL_H

#include "adblock/hostset.h"
#include "adblock/name_hash.h"
#include "adblock/slice.h"

/* Read the list's text, private domains included. Lines that cannot be read are skipped. */
void psl_read(struct slice text, uint64_t seed, struct hostset_builder *builder);

/* How many labels of the name, which has `count`, are its public suffix: at least 1; `count` if the
 * name is nobody's. */
size_t psl_labels(const struct hostset *psl, const struct name_suffix *suffixes, size_t count);

#endif
