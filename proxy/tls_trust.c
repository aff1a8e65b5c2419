#include "proxy/tls_trust.h"

#include "base/err.h"

#define LOG_MODULE "tls"
#include "base/log.h"

#include <errno.h>
#include <mbedtls/x509_crt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tls_trust {
    struct tls_trust *next;
    unsigned refs; /* the list holds one */
    char *file;
    struct timespec changed_at;
    mbedtls_x509_crt certificates;
};

static struct tls_trust *trusts;

void tls_trust_unref(struct tls_trust *trust)
{
    if (!trust || --trust->refs > 0)
        return;
    mbedtls_x509_crt_free(&trust->certificates);
    free(trust->file);
    free(trust);
}

static int trust_load(const char *file, struct timespec changed_at, struct tls_trust **ret)
{
    struct tls_trust *trust = calloc(1, sizeof(*trust));
    if (!trust)
        return -ENOMEM;
    trust->refs = 1;
    trust->changed_at = changed_at;
    trust->file = strdup(file);
    mbedtls_x509_crt_init(&trust->certificates);
    /* > 0: so many of them were not understood, the others will do */
    int failed = mbedtls_x509_crt_parse_file(&trust->certificates, file);
    if (!trust->file || failed < 0 || trust->certificates.version == 0) {
        log_debug("no certificates in file=%s", file);
        tls_trust_unref(trust);
        return ERR_TLS;
    }
    *ret = trust;
    return 0;
}

/* The place in the list where `file` is, or the list's end. */
static struct tls_trust **trust_find(const char *file)
{
    struct tls_trust **at = &trusts;
    while (*at && strcmp((*at)->file, file) != 0)
        at = &(*at)->next;
    return at;
}

static void trust_forget(struct tls_trust **at)
{
    struct tls_trust *old = *at;
    *at = old->next;
    tls_trust_unref(old);
}

int tls_trust_get(const char *file, struct tls_trust **ret)
{
    struct tls_trust **at = trust_find(file), *trust = *at;
    struct stat st;
    if (stat(file, &st) < 0) {
        log_debug("no such file=%s", file);
        return ERR_TLS;
    }
    if (trust && (trust->changed_at.tv_sec != st.st_mtim.tv_sec ||
                  trust->changed_at.tv_nsec != st.st_mtim.tv_nsec)) {
        trust_forget(at);
        trust = NULL;
    }
    if (!trust) {
        int err = trust_load(file, st.st_mtim, &trust);
        if (err < 0)
            return err;
        trust->next = trusts;
        trusts = trust;
    }
    trust->refs++;
    *ret = trust;
    return 0;
}

struct mbedtls_x509_crt *tls_trust_certificates(struct tls_trust *trust)
{
    return &trust->certificates;
}
