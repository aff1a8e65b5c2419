/* A finished download is looked over and flushed by a background job. */
#include "adblock/fetch.h"
#include "adblock/curl_loop.h"
#include "adblock/list_file.h"

#include "base/err.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    LIMIT_DEFAULT_BYTES = 64 * 1024 * 1024,
    TIMEOUT_DEFAULT_MS = 5 * 60 * 1000,
    CONNECT_TIMEOUT_MS = 30 * 1000,
    SLOW_BYTES_PER_S = 100, /* below this for SLOW_S the download is given up */
    SLOW_S = 60,
    REDIRECTS_MAX = 5,
    CONNECTIONS_MAX = 4,
    HTTP_OK = 200,
    HTTP_NOT_MODIFIED = 304,
};

struct fetch {
    struct loop *loop;
    struct curl_loop curl;
    struct list jobs;
    char *proxy, *credentials, *ca_file;
    size_t limit_bytes;
    uint32_t timeout_ms;
};

struct fetch_job {
    struct list node;
    struct fetch *fetch;
    bool is_cancelled; /* while its file was being flushed: nobody is there any more */
    CURL *curl;
    struct curl_slist *headers;
    struct list_file file;
    struct list_validators validators; /* of the answer */
    bool is_page;                      /* its type says that it is HTML */
    char *url;
    fetch_done_fn *on_done;
    void *owner;
    struct fetch_result result;
    char why[CURL_ERROR_SIZE];
};

/* --- the end of a job ------------------------------------------------------------------------ */

static void job_free(struct fetch_job *job)
{
    if (!job)
        return;
    list_remove(&job->node);
    if (job->curl) {
        curl_multi_remove_handle(job->fetch->curl.multi, job->curl);
        curl_easy_cleanup(job->curl);
    }
    curl_slist_free_all(job->headers);
    list_file_discard(&job->file);
    free(job->url);
    free(job);
}

static void fail(struct fetch_job *job, int err, const char *why)
{
    if (job->result.err < 0)
        return; /* the first reason is the right one */
    job->result.err = err;
    /* However long the URL is, the reason has its place. */
    const size_t room = sizeof(job->result.text) - sizeof(": ");
    size_t why_size = strnlen(why, room / 2);
    snprintf(job->result.text, sizeof(job->result.text), "%.*s: %.*s", (int)(room - why_size),
             job->url, (int)why_size, why);
}

static void tell(struct fetch_job *job)
{
    struct fetch_result result = job->result;
    fetch_done_fn *on_done = job->on_done;
    void *owner = job->owner;
    job_free(job);
    on_done(owner, &result);
}

static void accept_work(void *owner)
{
    struct fetch_job *job = owner;
    int err = list_file_accept(&job->file, job->url, &job->validators);
    if (err == -ENODATA)
        fail(job, err, "the answer is empty; the former list stays");
    else if (err == -EBADMSG)
        fail(job, err,
             "the answer is a web page or binary data, not a list; the former list stays");
    else if (err < 0)
        fail(job, err, err_text(err));
}

static void accept_done(void *owner)
{
    struct fetch_job *job = owner;
    if (job->is_cancelled) {
        job_free(job);
        return;
    }
    job->result.size = job->file.size;
    tell(job);
}

static int err_of_curl(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
    case CURLE_FILESIZE_EXCEEDED: return -EFBIG;
    case CURLE_OUT_OF_MEMORY: return -ENOMEM;
    case CURLE_COULDNT_RESOLVE_HOST: return ERR_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return ERR_NO_UPSTREAM; /* the proxy is all we connect to */
    case CURLE_PROXY: return ERR_TARGET_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE: return ERR_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return -EINVAL;
    default: return ERR_PROTOCOL;
    }
}

static const char too_large[] = "larger than a list may be; the former list stays";

static const char *reason(const struct fetch_job *job, CURLcode code)
{
    if (code == CURLE_FILESIZE_EXCEEDED) /* some releases see it in the head only, others later */
        return too_large;
    return job->why[0] ? job->why : curl_easy_strerror(code);
}

/* The transfer is over; the answer is judged by its head here, by its bytes in accept_work. */
static void finish(void *transfer, CURLcode code)
{
    struct fetch_job *job = transfer;
    long status = 0;
    char why[64];
    curl_easy_getinfo(job->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(job->fetch->curl.multi, job->curl);
    curl_easy_cleanup(job->curl);
    job->curl = NULL;
    snprintf(why, sizeof(why), "the server answers with status %ld", status);
    if (code != CURLE_OK)
        fail(job, err_of_curl(code), reason(job, code));
    else if (status == HTTP_NOT_MODIFIED)
        job->result.is_unchanged = true;
    else if (status != HTTP_OK)
        fail(job, ERR_PROTOCOL, why);
    else if (job->is_page)
        fail(job, -EBADMSG, "the server sends a web page, not a list; the former list stays");
    else if (loop_run_job(job->fetch->loop, accept_work, accept_done, job) == 0)
        return;
    else
        fail(job, -ENOMEM, err_text(-ENOMEM));
    tell(job);
}

/* --- the transfer ----------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t one, size_t size, void *owner)
{
    struct fetch_job *job = owner;
    long status = 0;
    (void)one;
    curl_easy_getinfo(job->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != HTTP_OK)
        return size; /* an error's page: dropped */
    if (size > job->fetch->limit_bytes - job->file.size) {
        fail(job, -EFBIG, too_large);
        return 0;
    }
    int err = list_file_write(&job->file, data, size);
    if (err < 0)
        fail(job, err, err_text(err));
    return err < 0 ? 0 : size;
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ')
            return true;
    }
    return false;
}

/* The value of this header, without white space around it; false for another header. A value that
 * does not fit or is not plain is left out. */
static bool take_header(const char *line, size_t size, const char *name, char *ret, size_t capacity)
{
    size_t start = strlen(name);
    if (size <= start || strncasecmp(line, name, start) != 0 || line[start] != ':')
        return false;
    start++;
    while (start < size && (line[start] == ' ' || line[start] == '\t'))
        start++;
    while (size > start && (unsigned char)line[size - 1] <= ' ')
        size--;
    ret[0] = '\0';
    if (size - start < capacity && !has_control(line + start, size - start)) {
        memcpy(ret, line + start, size - start);
        ret[size - start] = '\0';
    }
    return true;
}

static size_t on_header(char *line, size_t one, size_t size, void *owner)
{
    struct fetch_job *job = owner;
    struct list_validators *validators = &job->validators;
    char type[32];
    (void)one;
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) { /* the next answer behind a redirect */
        *validators = (struct list_validators){.etag = ""};
        job->is_page = false;
    } else if (take_header(line, size, "content-type", type, sizeof(type))) {
        job->is_page = strncasecmp(type, "text/html", 9) == 0;
    } else if (!take_header(line, size, "etag", validators->etag, sizeof(validators->etag))) {
        take_header(line, size, "last-modified", validators->modified,
                    sizeof(validators->modified));
    }
    return size;
}

/* --- starting ------------------------------------------------------------------------------------
 */

static int add_condition(struct fetch_job *job, const char *name, const char *value)
{
    char line[sizeof(job->validators.etag) + 32];
    if (!value[0])
        return 0;
    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *headers = curl_slist_append(job->headers, line);
    if (!headers)
        return -ENOMEM;
    job->headers = headers;
    return 0;
}

static int add_conditions(struct fetch_job *job, const char *path)
{
    struct list_validators known;
    list_file_validators(path, job->url, &known);
    int err = add_condition(job, "If-None-Match", known.etag);
    return err < 0 ? err : add_condition(job, "If-Modified-Since", known.modified);
}

static void set_where(const struct fetch *fetch, struct fetch_job *job)
{
    bool is_secure = strncasecmp(job->url, "https:", 6) == 0;
    curl_easy_setopt(job->curl, CURLOPT_URL, job->url);
    curl_easy_setopt(job->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(job->curl, CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
    curl_easy_setopt(job->curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(job->curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(job->curl, CURLOPT_PROXY, fetch->proxy ? fetch->proxy : "");
    curl_easy_setopt(job->curl, CURLOPT_NOPROXY, ""); /* whatever the environment says */
    curl_easy_setopt(job->curl, CURLOPT_PROXYUSERPWD, fetch->credentials);
    if (fetch->ca_file)
        curl_easy_setopt(job->curl, CURLOPT_CAINFO, fetch->ca_file);
}

static void set_how(const struct fetch *fetch, struct fetch_job *job)
{
    curl_easy_setopt(job->curl, CURLOPT_PRIVATE, job);
    curl_easy_setopt(job->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(job->curl, CURLOPT_USERAGENT, "Atlantic/" ATLANTIC_VERSION);
    curl_easy_setopt(job->curl, CURLOPT_ACCEPT_ENCODING, ""); /* whatever can be unpacked */
    curl_easy_setopt(job->curl, CURLOPT_HTTPHEADER, job->headers);
    curl_easy_setopt(job->curl, CURLOPT_ERRORBUFFER, job->why);
    curl_easy_setopt(job->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(job->curl, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(job->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(job->curl, CURLOPT_HEADERDATA, job);
    curl_easy_setopt(job->curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->limit_bytes);
    curl_easy_setopt(job->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(job->curl, CURLOPT_TIMEOUT_MS, (long)fetch->timeout_ms);
    curl_easy_setopt(job->curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    curl_easy_setopt(job->curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
}

int fetch_list(struct fetch *fetch, const char *url, const char *path, fetch_done_fn *on_done,
               void *owner, struct fetch_job **ret)
{
    struct fetch_job *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    list_init(&job->node);
    job->fetch = fetch;
    job->on_done = on_done;
    job->owner = owner;
    job->file.fd = -1;
    job->url = strdup(url);
    int err = job->url ? list_file_open(&job->file, path) : -ENOMEM;
    if (err == 0)
        err = add_conditions(job, path);
    if (err == 0 && !(job->curl = curl_easy_init()))
        err = -ENOMEM;
    if (err == 0) {
        set_where(fetch, job);
        set_how(fetch, job);
        if (curl_multi_add_handle(fetch->curl.multi, job->curl) != CURLM_OK)
            err = -ENOMEM;
    }
    if (err < 0) {
        job_free(job);
        return err;
    }
    list_append(&fetch->jobs, &job->node);
    *ret = job;
    return 0;
}

void fetch_cancel(struct fetch_job *job)
{
    if (job->curl) {
        job_free(job);
        return;
    }
    list_remove(&job->node); /* being flushed: accept_done frees it */
    job->is_cancelled = true;
}

static char *copy_of(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

struct fetch *fetch_new(struct loop *loop, const struct fetch_options *options)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    bool failed = false;
    if (!fetch)
        return NULL;
    fetch->loop = loop;
    list_init(&fetch->jobs);
    fetch->proxy = copy_of(options->proxy, &failed);
    fetch->credentials = copy_of(options->credentials, &failed);
    fetch->ca_file = copy_of(options->ca_file, &failed);
    fetch->limit_bytes = options->limit_bytes ? options->limit_bytes : LIMIT_DEFAULT_BYTES;
    fetch->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
    if (curl_loop_init(&fetch->curl, loop, finish) < 0 || failed) {
        fetch_free(fetch);
        return NULL;
    }
    curl_multi_setopt(fetch->curl.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
    return fetch;
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    list_each(node, &fetch->jobs)
        fetch_cancel(list_item(node, struct fetch_job, node));
    curl_loop_done(&fetch->curl);
    free(fetch->proxy);
    free(fetch->credentials);
    free(fetch->ca_file);
    free(fetch);
}
