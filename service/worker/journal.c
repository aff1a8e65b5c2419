#include "service/worker/journal.h"

#include "service/worker/query_entry.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 256 };

struct row {
    struct list node; /* of those of its asker */
    struct row *next; /* of the free ones */
    bool is_forgotten;
    struct query_log_entry entry;
};

struct journal {
    struct query_log *log;
    struct askers *askers;
    bool shows_apps;
    struct row *free;
    size_t used; /* rows from there on never were: their memory is not touched */
    struct row rows[ROWS_MAX];
};

static void set_program(struct query_log_entry *entry, const struct asker *asker)
{
    entry->user = asker->user;
    snprintf(entry->app, sizeof(entry->app), "%s", asker->name);
}

static struct row *take_row(struct journal *journal)
{
    struct row *row = journal->free;

    if (row)
        journal->free = row->next;
    else if (journal->used < ROWS_MAX)
        row = &journal->rows[journal->used++];
    if (row)
        row->is_forgotten = false;
    return row;
}

static void write_row(struct journal *journal, struct row *row)
{
    struct query_log_entry *entry = row->is_forgotten ? NULL : query_log_add(journal->log);

    if (entry)
        *entry = row->entry;
    list_remove(&row->node);
    row->next = journal->free;
    journal->free = row;
}

static void on_asker_done(void *owner, struct asker *asker)
{
    struct journal *journal = owner;

    list_each(node, &asker->rows) {
        struct row *row = list_item(node, struct row, node);
        if (journal->shows_apps) /* still */
            set_program(&row->entry, asker);
        write_row(journal, row);
    }
}

/* NULL: nothing is to be known. */
static struct asker *find_asker(struct journal *journal, const struct caller *caller)
{
    return journal->shows_apps && caller ? askers_find(journal->askers, caller) : NULL;
}

void journal_add(void *owner, const struct decision *decision)
{
    struct journal *journal = owner;
    struct asker *asker = find_asker(journal, decision->caller);
    struct row *row = asker && asker->is_waiting ? take_row(journal) : NULL;
    struct query_log_entry *entry = row ? &row->entry : query_log_add(journal->log);

    if (!entry)
        return;
    query_entry_fill(entry, decision);
    if (row)
        list_append(&asker->rows, &row->node);
    else if (asker)
        set_program(entry, asker);
}

void journal_expect(void *owner, const struct caller *caller)
{
    find_asker(owner, caller);
}

void journal_take(struct journal *journal, const struct ipc_message *answer)
{
    askers_take(journal->askers, answer);
}

struct askers_stats journal_stats(const struct journal *journal)
{
    return askers_stats(journal->askers);
}

void journal_forget(struct journal *journal)
{
    for (size_t i = 0; i < journal->used; i++)
        journal->rows[i].is_forgotten = true;
}

void journal_show_apps(struct journal *journal, bool shows_apps)
{
    journal->shows_apps = shows_apps;
}

struct journal *journal_new(struct loop *loop, struct query_log *log, struct wire *wire)
{
    struct journal *journal = calloc(1, sizeof(*journal));

    if (!journal)
        return NULL;
    journal->log = log;
    journal->askers = askers_new(loop, wire, on_asker_done, journal);
    if (!journal->askers) {
        journal_free(journal);
        return NULL;
    }
    return journal;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    askers_free(journal->askers);
    free(journal);
}
