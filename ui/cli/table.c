#include "ui/cli/table.h"

#include <stdlib.h>
#include <string.h>

struct table {
    size_t columns, rows;
    char align[TABLE_COLUMNS_MAX];
    int width[TABLE_COLUMNS_MAX];
    char **cells; /* rows x columns */
};

struct table *table_new(const char *columns)
{
    struct table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    table->columns = strnlen(columns, TABLE_COLUMNS_MAX);
    memcpy(table->align, columns, table->columns);
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}

/* Characters, not bytes: host names may be shown in UTF-8. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static bool copy_cells(const struct table *table, const char *const *cells, char **to)
{
    for (size_t i = 0; i < table->columns; i++) {
        to[i] = strdup(cells[i] ? cells[i] : "-");
        if (to[i])
            continue;
        while (i-- > 0)
            free(to[i]);
        return false;
    }
    return true;
}

void table_add(struct table *table, const char *const *cells)
{
    size_t count = table->rows * table->columns;
    char **larger = reallocarray(table->cells, count + table->columns, sizeof(*larger));
    if (!larger)
        return;
    table->cells = larger;
    if (!copy_cells(table, cells, larger + count))
        return;
    table->rows++;
    for (size_t i = 0; i < table->columns; i++) {
        int width = width_of(larger[count + i]);
        if (width > table->width[i])
            table->width[i] = width;
    }
}

/* What comes from the network must not reach the terminal as an escape sequence. */
static void print_safely(const char *text, FILE *to)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, to);
}

static void print_cell(const struct table *table, size_t column, const char *cell, FILE *to)
{
    bool is_last = column + 1 == table->columns;
    int space = table->width[column] - width_of(cell);
    if (table->align[column] == '>')
        fprintf(to, "%*s", space, "");
    print_safely(cell, to);
    if (table->align[column] == '<' && !is_last)
        fprintf(to, "%*s", space, "");
    fputs(is_last ? "\n" : "  ", to);
}

void table_print(const struct table *table, bool has_head, bool has_colour, FILE *to)
{
    for (size_t row = 0; row < table->rows; row++) {
        bool is_bold = row == 0 && has_head && has_colour;
        fputs(is_bold ? "\033[1m" : "", to);
        for (size_t i = 0; i < table->columns; i++)
            print_cell(table, i, table->cells[row * table->columns + i], to);
        fputs(is_bold ? "\033[0m" : "", to);
    }
}

const char *table_bytes(uint64_t bytes, char to[TABLE_FIGURE_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    /* From 999.95 on one digit behind the point would say 1000.0. */
    for (; value >= (unit ? 999.95 : 1000) && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        value /= 1000;
    snprintf(to, TABLE_FIGURE_MAX, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return to;
}

const char *table_duration(uint64_t ms, char to[TABLE_FIGURE_MAX])
{
    unsigned long long s = ms / 1000, minutes = s / 60, hours = minutes / 60, days = hours / 24;
    if (days)
        snprintf(to, TABLE_FIGURE_MAX, "%llu d %llu h", days, hours % 24);
    else if (hours)
        snprintf(to, TABLE_FIGURE_MAX, "%llu h %llu min", hours, minutes % 60);
    else if (minutes)
        snprintf(to, TABLE_FIGURE_MAX, "%llu min", minutes);
    else
        snprintf(to, TABLE_FIGURE_MAX, "%llu s", s);
    return to;
}

const char *table_number(uint64_t number, char to[TABLE_FIGURE_MAX])
{
    snprintf(to, TABLE_FIGURE_MAX, "%llu", (unsigned long long)number);
    return to;
}
