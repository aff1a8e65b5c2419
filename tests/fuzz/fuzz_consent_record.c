/* The record of consent: whatever is taken is written the same way again. The checksum is put below
 * the input, so that what lies behind it is reached. */
#include "service/control/consent_record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct consent_record record, again;
    static char text[CONSENT_RECORD_TEXT_MAX + 32], written[CONSENT_RECORD_TEXT_MAX];
    const struct consent_event *event;

    consent_record_parse((const char *)data, size, &record); /* as it is */
    if (size > CONSENT_RECORD_TEXT_MAX)
        return 0;
    memcpy(text, data, size);
    int check_size = snprintf(text + size, sizeof(text) - size, "check %016" PRIx64 "\n",
                              consent_record_check(text, size));
    size += (size_t)check_size;
    if (consent_record_parse(text, size, &record) < 0)
        return 0;
    assert(consent_record_format(&record, written) == size && memcmp(written, text, size) == 0);
    assert(consent_record_parse(written, size, &again) == 0 && again.count == record.count);
    consent_record_state(&record, 1, &event);
    return 0;
}
