#include "service/engine/own_rules_file.h"

#include <errno.h>
#include <stdlib.h>

int own_rules_file_read(const struct kept_file *file, struct own_rules *ret)
{
    size_t size;
    char *text;
    int err = kept_file_read(file, OWN_RULES_TEXT_MAX, &text, &size);

    if (err < 0)
        return err;
    err = own_rules_parse(text, size, ret);
    free(text);
    return err;
}

int own_rules_file_write(const struct kept_file *file, const struct own_rules *rules)
{
    size_t size;
    char *text = own_rules_format(rules, &size);
    int err = text ? kept_file_write(file, text, size) : -ENOMEM;

    free(text);
    return err;
}
