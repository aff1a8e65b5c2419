/* Any file: refused with a place and words, or accepted; then what is printed reads as the same. */
#include "service/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const struct config *config)
{
    struct config *second = NULL;
    struct config_error error;
    char *text = config_format(config);
    assert(text);
    int result = config_parse("printed", text, strlen(text), &second, &error);
    assert(result == 0);
    char *again = config_format(second);
    assert(again && strcmp(text, again) == 0);
    free(text);
    free(again);
    config_unref(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct config_error error = {""};
    int result = config_parse("fuzz", (const char *)data, size, &config, &error);
    if (result < 0) {
        assert(strncmp(error.text, "fuzz:", 5) == 0);
        return 0;
    }
    read_again(config);
    config_unref(config);
    return 0;
}
