/* Puts rulesets in force through libnftables, in process: no shell, no exec. One context for the
 * whole process, so that all our transactions come from one netlink port and whoever watches
 * nftables can tell them from a stranger's. */
#include "killswitch/fence.h"

#include "base/cleanup.h"

#include <errno.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

static struct nft_ctx *context(void)
{
    static struct nft_ctx *only;
    if (!only) {
        only = nft_ctx_new(NFT_CTX_DEFAULT);
        if (only && (nft_ctx_buffer_error(only) != 0 || nft_ctx_buffer_output(only) != 0)) {
            nft_ctx_free(only);
            only = NULL;
        }
    }
    return only;
}

/* The first line is the cause; what follows repeats the command. */
static void keep_error(struct fence_error *error, const char *text)
{
    const char *cause = strstr(text, "Error: ");
    cause = cause ? cause + strlen("Error: ") : text;
    snprintf(error->text, sizeof(error->text), "nftables: %.*s", (int)strcspn(cause, "\n"),
             *cause ? cause : "no cause given");
}

/* `ret_output`, if wanted, is valid until the next call. */
static int run(const char *command, const char **ret_output, struct fence_error *error)
{
    struct nft_ctx *nft = context();
    if (!nft || !command) {
        snprintf(error->text, sizeof(error->text), "nftables: out of memory");
        return -ENOMEM;
    }
    int failed = nft_run_cmd_from_buffer(nft, command);
    const char *errors = nft_ctx_get_error_buffer(nft);
    const char *output = nft_ctx_get_output_buffer(nft);
    if (failed) {
        keep_error(error, errors);
        return -EIO;
    }
    if (ret_output)
        *ret_output = output;
    return 0;
}

static int arm_once(const struct fence *fence, struct fence_error *error)
{
    _free_ char *text = ruleset_format(fence);
    return run(text, NULL, error);
}

/* Kernels before 6.16 refuse a chain whose device is gone, and the whole transaction with it. */
static void forget_missing_devices(struct fence *fence)
{
    size_t kept = 0;
    for (size_t i = 0; i < fence->device_count; i++)
        if (if_nametoindex(fence->devices[i]) != 0)
            memmove(fence->devices[kept++], fence->devices[i], sizeof(fence->devices[i]));
    fence->device_count = kept;
}

int fence_arm(const struct fence *fence, struct fence_error *error)
{
    if (arm_once(fence, error) == 0)
        return 0;
    if (fence->device_count == 0)
        return -EIO;

    struct fence smaller = *fence;
    forget_missing_devices(&smaller);
    if (smaller.device_count < fence->device_count && arm_once(&smaller, error) == 0)
        return 0;

    struct fence_error why_not_all = *error;
    smaller.device_count = 0;
    if (arm_once(&smaller, error) < 0)
        return -EIO;
    *error = why_not_all;
    return 1;
}

int fence_admit(const struct fence_admitted *admitted, struct fence_error *error)
{
    _free_ char *text = ruleset_format_admit(admitted, false);
    return run(text, NULL, error);
}

int fence_withdraw(const struct fence_admitted *admitted, struct fence_error *error)
{
    _free_ char *text = ruleset_format_admit(admitted, true);
    return run(text, NULL, error);
}

/* The netdev family goes by itself when the kernel does not know it. */
int fence_disarm(struct fence_error *error)
{
    _free_ char *text = ruleset_format_off();
    if (run(text, NULL, error) == 0)
        return 0;
    return run("table inet " FENCE_TABLE " {}\ndelete table inet " FENCE_TABLE "\n", NULL, error);
}

int fence_inspect(struct fence_error *error)
{
    const char *tables;
    int err = run("list tables inet", &tables, error);
    if (err < 0)
        return err;
    return strstr(tables, "table inet " FENCE_TABLE "\n") != NULL;
}
