/* Numbers of IANA's "Domain Name System (DNS) Parameters". */
#include "adblock/record_type.h"

#include <errno.h>

struct named {
    struct slice name;
    int number;
};

static const struct named types[] = {
    {SLICE("A"), 1},      {SLICE("NS"), 2},       {SLICE("CNAME"), 5},       {SLICE("SOA"), 6},
    {SLICE("PTR"), 12},   {SLICE("HINFO"), 13},   {SLICE("MX"), 15},         {SLICE("TXT"), 16},
    {SLICE("RP"), 17},    {SLICE("AFSDB"), 18},   {SLICE("KEY"), 25},        {SLICE("AAAA"), 28},
    {SLICE("LOC"), 29},   {SLICE("SRV"), 33},     {SLICE("NAPTR"), 35},      {SLICE("KX"), 36},
    {SLICE("CERT"), 37},  {SLICE("DNAME"), 39},   {SLICE("DS"), 43},         {SLICE("SSHFP"), 44},
    {SLICE("RRSIG"), 46}, {SLICE("NSEC"), 47},    {SLICE("DNSKEY"), 48},     {SLICE("DHCID"), 49},
    {SLICE("NSEC3"), 50}, {SLICE("TLSA"), 52},    {SLICE("SMIMEA"), 53},     {SLICE("HIP"), 55},
    {SLICE("CDS"), 59},   {SLICE("CDNSKEY"), 60}, {SLICE("OPENPGPKEY"), 61}, {SLICE("SVCB"), 64},
    {SLICE("HTTPS"), 65}, {SLICE("SPF"), 99},     {SLICE("ANY"), 255},       {SLICE("URI"), 256},
    {SLICE("CAA"), 257},
};

static const struct named rcodes[] = {
    {SLICE("NOERROR"), 0}, {SLICE("FORMERR"), 1}, {SLICE("SERVFAIL"), 2}, {SLICE("NXDOMAIN"), 3},
    {SLICE("NOTIMP"), 4},  {SLICE("REFUSED"), 5}, {SLICE("YXDOMAIN"), 6}, {SLICE("YXRRSET"), 7},
    {SLICE("NXRRSET"), 8}, {SLICE("NOTAUTH"), 9}, {SLICE("NOTZONE"), 10},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const struct named *table, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equals_fold(table[i].name, name))
            return table[i].number;
    return -EINVAL;
}

static const char *name_of(const struct named *table, size_t count, unsigned number)
{
    for (size_t i = 0; i < count; i++)
        if ((unsigned)table[i].number == number)
            return table[i].name.data;
    return NULL;
}

int record_type_parse(struct slice name)
{
    if (name.size > 4 && slice_equals_fold(slice_until(name, 4), SLICE("TYPE"))) {
        long number = slice_number(slice_from(name, 4), UINT16_MAX);
        return number < 0 ? -EINVAL : (int)number;
    }
    return parse(types, COUNT(types), name);
}

const char *record_type_name(unsigned type)
{
    return name_of(types, COUNT(types), type);
}

int rcode_parse(struct slice name)
{
    return parse(rcodes, COUNT(rcodes), name);
}

const char *rcode_name(unsigned rcode)
{
    return name_of(rcodes, COUNT(rcodes), rcode);
}
