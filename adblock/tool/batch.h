/* Questions read from tab-separated lines, verdicts written the same way. */
#ifndef ADBLOCK_TOOL_BATCH_H
#define ADBLOCK_TOOL_BATCH_H

#include "adblock/tool/tool_lists.h"

/* Columns url, source_url, type; a header line is skipped. One line out for each line in: verdict,
 * rule, list. Returns the exit status. */
int batch_requests(const struct filter *filter, const struct tool_options *options);
/* Columns host, qtype, client_ip, client_name, tags. Answers, in the syntax of $dnsrewrite, are a
 * fourth column of verdicts "host" and "rewrite". */
int batch_names(const struct filter *filter, const struct tool_options *options);
/* Every rule that matches options->subject, a name or a URL, and the verdict. */
int batch_explain(const struct filter *filter, const struct tool_options *options);

#endif
