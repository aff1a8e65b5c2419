#include "adblock/record_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { A = 1, CNAME = 5, PTR = 12, MX = 15, TXT = 16, SRV = 33, HTTPS = 65 };

static const struct {
    unsigned type;
    const char *text;
    bool is_sound;
} rows[] = {
    {CNAME, "x.net", true},
    {CNAME, "x.net.", true},
    {CNAME, "*.x.net", true},
    {CNAME, "", false},
    {CNAME, ".", false},
    {CNAME, "a..b", false},
    {CNAME, "-a.b", false},
    {CNAME, "a b", false},
    {PTR, "host", true},
    {PTR, "h/st", false},
    {MX, "10 mail.x.net", true},
    {MX, "10  mail.x.net.", true},
    {MX, "mail.x.net", false},
    {MX, "65536 mail.x.net", false},
    {MX, "10 mail.x.net more", false},
    {MX, "10 .", true},
    {SRV, "1 2 3 t.net", true},
    {SRV, "1 2 t.net", false},
    {SRV, "1 2 3", false},
    {SRV, "0 0 0 .", true},
    {HTTPS, "1 . alpn=h3 ipv4hint=192.0.2.1", true},
    {HTTPS, "0 x.net", true},
    {HTTPS, "x.net", false},
    {TXT, "whatever there is", true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (record_data_is_sound(rows[i].type, slice_of(rows[i].text)) != rows[i].is_sound)
            fail_msg("%u \"%s\"", rows[i].type, rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
