/* What was asked for, in a word. */
#ifndef SERVICE_ENGINE_DECISION_TEXT_H
#define SERVICE_ENGINE_DECISION_TEXT_H

#include "service/engine/decisions.h"

enum { DECISION_TYPE_MAX = 16 };

/* "AAAA", "TYPE65000", "script"; "" of a conversation. Returns `to`. */
const char *decision_type_text(const struct decision *decision, char to[DECISION_TYPE_MAX]);

#endif
