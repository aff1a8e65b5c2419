/* Columns of text, each as wide as its widest cell, and figures as people read them. */
#ifndef UI_CLI_TABLE_H
#define UI_CLI_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 8, TABLE_FIGURE_MAX = 24 };

struct table;

/* `columns`: "<" or ">" for each, how it is aligned. NULL without memory. */
struct table *table_new(const char *columns);
void table_free(struct table *table);
/* Copies one text for each column; NULL is "-". Without memory the row is left out. */
void table_add(struct table *table, const char *const *cells);
/* `has_head`: the first row is the heading. */
void table_print(const struct table *table, bool has_head, bool has_colour, FILE *to);

/* "999 B", "1.5 kB", "20.3 GB"; all return `to`. */
const char *table_bytes(uint64_t bytes, char to[TABLE_FIGURE_MAX]);
/* "12 s", "5 min", "3 h 20 min", "2 d 4 h" */
const char *table_duration(uint64_t ms, char to[TABLE_FIGURE_MAX]);
const char *table_number(uint64_t number, char to[TABLE_FIGURE_MAX]);

#endif
