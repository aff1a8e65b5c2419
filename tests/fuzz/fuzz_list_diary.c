/* The diary of downloads, whatever became of the file. */
#include "adblock/list_diary.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct list_diary_entry entries[8];
    size_t count = list_diary_parse((const char *)data, size, entries, 8);
    assert(count <= 8);
    for (size_t i = 0; i < count; i++) {
        assert(entries[i].checked_s >= 0 && entries[i].due_s >= 0);
        assert(strlen(entries[i].error) < sizeof(entries[i].error));
    }
    return 0;
}
