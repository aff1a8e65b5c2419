/* The filter's own figures, as one line of JSON: `filter_bench FOLDER`, which holds easylist.txt,
 * easyprivacy.txt, public_suffix_list.dat, domains-1m.txt and requests.tsv. Each batch of questions
 * is asked in several rounds and its best round counts, so that other work on the machine does not.
 */
#include "adblock/filter_compilation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15, BATCH = 256, REQUESTS_MAX = 100000, NAMES_ASKED = 65536, BUILDS = 5 };

struct text {
    char *data;
    size_t size;
};

struct built {
    struct filter *filter;
    double memory_ms, file_ms; /* compiled into memory; from files into a file */
};

struct measure {
    double mean_ns, p50_ns, p99_ns;
};

typedef void ask_fn(const struct filter *filter, const void *questions, size_t at,
                    struct verdict *ret);

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static struct text read_text(const char *folder, const char *name)
{
    char path[4096];
    struct text text = {0};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file || fseek(file, 0, SEEK_END) < 0) {
        perror(path);
        exit(1);
    }
    text.size = (size_t)ftell(file);
    text.data = calloc(1, text.size + 1);
    rewind(file);
    if (!text.data || fread(text.data, 1, text.size, file) != text.size)
        exit(1);
    fclose(file);
    return text;
}

static enum filter_type type_of(const char *name)
{
    static const char *const names[] = {"other",          "document",   "subdocument", "script",
                                        "image",          "stylesheet", "font",        "media",
                                        "xmlhttprequest", "websocket",  "ping",        "object"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return (enum filter_type)i;
    return FILTER_TYPE_OTHER;
}

static size_t read_requests(struct text text, struct filter_request *to)
{
    size_t count = 0;
    char *lines, *columns;
    for (char *line = strtok_r(text.data, "\n", &lines); line && count < REQUESTS_MAX;
         line = strtok_r(NULL, "\n", &lines)) {
        char *url = strsep(&line, "\t"), *page = strsep(&line, "\t");
        columns = strsep(&line, "\t");
        if (!columns)
            continue;
        to[count++] = (struct filter_request){.url = url,
                                              .url_size = strlen(url),
                                              .source_url = page,
                                              .source_url_size = strlen(page),
                                              .type = type_of(columns),
                                              .method = "GET"};
    }
    return count;
}

/* In an order that no cache can foresee. */
static size_t read_names(struct text text, const char **to, size_t max)
{
    size_t count = 0;
    char *lines;
    uint64_t random = 88172645463325252U;
    for (char *line = strtok_r(text.data, "\n", &lines); line && count < max;
         line = strtok_r(NULL, "\n", &lines))
        to[count++] = line;
    for (size_t i = count; i-- > 1;) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const char *swapped = to[i];
        size_t other = random % (i + 1);
        to[i] = to[other];
        to[other] = swapped;
    }
    return count;
}

static void ask_request(const struct filter *filter, const void *questions, size_t at,
                        struct verdict *ret)
{
    filter_ask_request(filter, (const struct filter_request *)questions + at, ret);
}

static void ask_name(const struct filter *filter, const void *questions, size_t at,
                     struct verdict *ret)
{
    struct filter_name name = {.host = ((const char *const *)questions)[at], .qtype = 1};
    filter_ask_name(filter, &name, ret);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double best_batches(const struct filter *filter, ask_fn *ask, const void *questions,
                           size_t count)
{
    double total = 0;
    struct verdict verdict;
    for (size_t start = 0; start + BATCH <= count; start += BATCH) {
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            double begin = now_ns();
            for (size_t i = start; i < start + BATCH; i++)
                ask(filter, questions, i, &verdict);
            double took = now_ns() - begin;
            best = best == 0 || took < best ? took : best;
        }
        total += best;
    }
    return total / (double)(count / BATCH * BATCH);
}

static struct measure measure(const struct filter *filter, ask_fn *ask, const void *questions,
                              size_t count)
{
    struct measure result = {.mean_ns = best_batches(filter, ask, questions, count)};
    struct verdict verdict;
    double *each = calloc(count, sizeof(*each));
    for (int round = 0; each && round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            double begin = now_ns();
            ask(filter, questions, i, &verdict);
            double took = now_ns() - begin;
            each[i] = round == 0 || took < each[i] ? took : each[i];
        }
    }
    if (each) {
        qsort(each, count, sizeof(*each), order);
        result.p50_ns = each[count / 2];
        result.p99_ns = each[count * 99 / 100];
    }
    free(each);
    return result;
}

static int open_new(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || unlink(path) < 0)
        exit(1);
    return fd;
}

static int open_list(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        exit(1);
    return fd;
}

static double file_ms(const char *folder, const struct filter_source *sources, size_t count,
                      struct text psl)
{
    struct filter_source files[2];
    struct filter_compilation what = {
        .sources = files, .count = count, .psl_text = psl.data, .psl_size = psl.size};
    int to = open_new(folder, "filter.new"), scratch = open_new(folder, "filter.scratch");
    for (size_t i = 0; i < count; i++) {
        files[i] = sources[i];
        files[i].text = NULL;
        files[i].fd = open_list(folder, sources[i].name);
    }
    double begin = now_ns();
    if (filter_compilation_seed(&what) < 0 || filter_compile_file(&what, to, scratch, NULL) < 0)
        exit(1);
    double took = (now_ns() - begin) / 1e6;
    for (size_t i = 0; i < count; i++)
        close(files[i].fd);
    close(to);
    close(scratch);
    return took;
}

static struct built build(const char *folder, const struct filter_source *sources, size_t count,
                          struct text psl)
{
    struct built built = {NULL, 0, 0};
    for (int i = 0; i < BUILDS; i++) {
        filter_unref(built.filter);
        double begin = now_ns();
        if (filter_compile(sources, count, psl.data, psl.size, &built.filter, NULL) < 0)
            exit(1);
        double took = (now_ns() - begin) / 1e6;
        built.memory_ms = i == 0 || took < built.memory_ms ? took : built.memory_ms;
        took = file_ms(folder, sources, count, psl);
        built.file_ms = i == 0 || took < built.file_ms ? took : built.file_ms;
    }
    return built;
}

static double best_open_ms(const struct filter *filter, const char *folder)
{
    char path[4096];
    double best = 0;
    snprintf(path, sizeof(path), "%s/filter.compiled", folder);
    if (filter_save(filter, path) < 0)
        exit(1);
    for (int i = 0; i < ROUNDS; i++) {
        struct filter *opened;
        double begin = now_ns();
        if (filter_open(path, &opened) < 0)
            exit(1);
        double took = (now_ns() - begin) / 1e6;
        best = i == 0 || took < best ? took : best;
        filter_unref(opened);
    }
    unlink(path);
    return best;
}

static void print(const char *name, struct built built, const char *folder, struct measure measured)
{
    struct filter_stats stats = filter_stats(built.filter);
    printf("\"%s\": {\"rules\": %zu, \"bytes\": %zu, \"compile_ms\": %.1f, "
           "\"compile_file_ms\": %.1f, \"open_ms\": %.3f, "
           "\"per_second\": %.0f, \"mean_ns\": %.0f, \"p50_ns\": %.0f, \"p99_ns\": %.0f}",
           name, stats.rules + stats.exceptions, stats.memory_bytes, built.memory_ms, built.file_ms,
           best_open_ms(built.filter, folder), 1e9 / measured.mean_ns, measured.mean_ns,
           measured.p50_ns, measured.p99_ns);
}

static void bench_requests(const char *folder, struct text psl)
{
    struct text easylist = read_text(folder, "easylist.txt");
    struct text easyprivacy = read_text(folder, "easyprivacy.txt");
    struct text rows = read_text(folder, "requests.tsv");
    struct filter_request *requests = calloc(REQUESTS_MAX, sizeof(*requests));
    struct filter_source sources[] = {
        {.name = "easylist", .text = easylist.data, .size = easylist.size},
        {.name = "easyprivacy", .text = easyprivacy.data, .size = easyprivacy.size},
    };
    struct built built = build(folder, sources, 2, psl);
    size_t count = read_requests(rows, requests);
    print("requests", built, folder, measure(built.filter, ask_request, requests, count));
    filter_unref(built.filter);
    free(requests);
    free(rows.data);
    free(easyprivacy.data);
    free(easylist.data);
}

static void bench_names(const char *folder, struct text psl)
{
    struct text list = read_text(folder, "domains-1m.txt");
    struct filter_source source = {.name = "domains-1m", .text = list.data, .size = list.size};
    const char **names = calloc(1 << 21, sizeof(*names));
    struct built built = build(folder, &source, 1, psl);
    size_t count = read_names(list, names, 1 << 21);
    print("names", built, folder,
          measure(built.filter, ask_name, names, count < NAMES_ASKED ? count : NAMES_ASKED));
    filter_unref(built.filter);
    free(names);
    free(list.data);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: filter_bench FOLDER\n");
        return 2;
    }
    struct text psl = read_text(argv[1], "public_suffix_list.dat");
    printf("{");
    bench_requests(argv[1], psl);
    printf(", ");
    bench_names(argv[1], psl);
    printf("}\n");
    free(psl.data);
    return 0;
}
