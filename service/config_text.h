/* Words about texts in the configuration: the nearest known word, printable, quoted for YAML. */
#ifndef SERVICE_CONFIG_TEXT_H
#define SERVICE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Edits (insert, remove, replace, swap of neighbours) between two words of at most 63 bytes. */
unsigned config_text_distance(const char *a, const char *b);
/* Of a list that ends with NULL, the word that was probably meant; NULL if none is near. */
const char *config_text_nearest(const char *word, const char *const *known);
/* "a, b, c", cut at the capacity. */
void config_text_join(const char *const *words, char *to, size_t capacity);

/* UTF-8 without control characters. */
bool config_text_is_printable(const char *text);
/* As a YAML scalar: plain where that is safe, else in double quotes, all else than ASCII escaped.
 */
void config_text_print(const char *text, FILE *to);

#endif
