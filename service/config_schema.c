/* The rows. Ranges are chosen so that a value that passes works; defaults suit a desktop. */
#include "service/config_schema.h"

#include <stddef.h>

#define KIB         1024ULL
#define MIB         (1024ULL * KIB)
#define MINUTE_MS   (60ULL * 1000)
#define DAY_MS      (24ULL * 60 * MINUTE_MS)
#define DAY_S       (24ULL * 60 * 60)
#define DAY_MINUTES (24ULL * 60)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(text, rows, type)                                                                  \
    {                                                                                              \
        .what = (text), .fields = (rows), .count = COUNT(rows), .size = (type)                     \
    }
#define AT(structure, member) .offset = offsetof(struct structure, member)
#define LIST(structure, member)                                                                    \
    .offset = offsetof(struct structure, member), .is_list = true,                                 \
    .count_offset = offsetof(struct structure, member##_count)

static const char *const kinds[] = {"direct", "block", "http", "https", "socks5", NULL};
static const char *const blockings[] = {"null", "nxdomain", "refused", "custom", NULL};
static const char *const dns_modes[] = {"real", "stand-in", NULL};
static const char *const strategies[] = {"failover", "race", NULL};
static const char *const echs[] = {"keep", "strip", NULL};
static const char *const pings[] = {"off", "reachable", "always", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const char *const query_log_modes[] = {"off", "blocked", "all", NULL};
static const char *const query_names[] = {"plain", "hashed", "none", NULL};
static const char *const levels[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const formats[] = {"auto",    "hosts", "domains", "dnsmasq",
                                      "unbound", "rpz",   "adblock", NULL};

static const struct config_field tls_fields[] = {
    {.key = "name", .type = &config_type_name, AT(config_upstream, tls_name)},
    {.key = "ca_file", .type = &config_type_path, AT(config_upstream, tls_ca_file)},
    {.key = "insecure",
     .type = &config_type_bool,
     AT(config_upstream, tls_insecure),
     .fallback = "false"},
};
static const struct config_section tls = SECTION("the TLS settings", tls_fields, 0);

static const struct config_field upstream_fields[] = {
    {.key = "name",
     .type = &config_type_text,
     AT(config_upstream, name),
     .min = 1,
     .max = CONFIG_UPSTREAM_NAME_MAX},
    {.key = "kind",
     .type = &config_type_enum,
     AT(config_upstream, kind),
     .names = kinds,
     .min = CONFIG_DIRECT},
    {.key = "server", .type = &config_type_endpoint, AT(config_upstream, server)},
    {.key = "addresses",
     .type = &config_type_ip,
     LIST(config_upstream, addresses),
     .max = CONFIG_UPSTREAM_ADDRESSES_MAX},
    {.key = "user", .type = &config_type_secret, AT(config_upstream, user), .min = 1},
    {.key = "password", .type = &config_type_secret, AT(config_upstream, password)},
    {.key = "udp", .type = &config_type_bool, AT(config_upstream, udp)},
    {.key = "pipelined",
     .type = &config_type_bool,
     AT(config_upstream, pipelined),
     .fallback = "false"},
    {.key = "tls", .section = &tls},
};
static const struct config_section upstream =
    SECTION("an upstream", upstream_fields, sizeof(struct config_upstream));

static const struct config_field tun_fields[] = {
    {.key = "name",
     .type = &config_type_text,
     AT(config_tun, name),
     .min = 1,
     .max = 15,
     .fallback = "atlantic-tun0"},
    {.key = "mtu",
     .type = &config_type_u16,
     AT(config_tun, mtu),
     .min = 1280,
     .max = 65535,
     .fallback = "1500"},
    {.key = "address4",
     .type = &config_type_ip,
     AT(config_tun, address4),
     .fallback = "198.18.0.1"},
    {.key = "address6",
     .type = &config_type_ip,
     AT(config_tun, address6),
     .fallback = "fd00:6b73::1"},
    {.key = "echo",
     .type = &config_type_enum,
     AT(config_tun, echo),
     .names = pings,
     .min = CONFIG_ECHO_OFF,
     .fallback = "reachable"},
};
static const struct config_section tun = SECTION("the TUN device", tun_fields, 0);

static const struct config_field local_fields[] = {
    {.key = "listen",
     .type = &config_type_address,
     LIST(config_local, listen),
     .max = CONFIG_LISTEN_MAX,
     .fallback = "127.0.0.1:1080 [::1]:1080"},
    {.key = "user", .type = &config_type_secret, AT(config_local, user), .min = 1},
    {.key = "password", .type = &config_type_secret, AT(config_local, password), .min = 1},
};
static const struct config_section local = SECTION("the local endpoint", local_fields, 0);

static const struct config_field dns_fields[] = {
    {.key = "servers",
     .type = &config_type_dns_server,
     LIST(config_dns, servers),
     .min = 1,
     .max = 16,
     .fallback = "tls://9.9.9.9#dns.quad9.net tls://1.1.1.1#cloudflare-dns.com"},
    {.key = "strategy",
     .type = &config_type_enum,
     AT(config_dns, strategy),
     .names = strategies,
     .min = CONFIG_DNS_FAILOVER,
     .fallback = "failover"},
    {.key = "mode",
     .type = &config_type_enum,
     AT(config_dns, mode),
     .names = dns_modes,
     .min = CONFIG_DNS_REAL,
     .fallback = "real"},
    {.key = "stand_in_except",
     .type = &config_type_name,
     LIST(config_dns, stand_in_except),
     .max = 2000},
    {.key = "allow_cleartext",
     .type = &config_type_bool,
     AT(config_dns, allows_cleartext),
     .fallback = "false"},
    {.key = "ca_file", .type = &config_type_path, AT(config_dns, tls_ca_file)},
    {.key = "bootstrap",
     .type = &config_type_address,
     LIST(config_dns, bootstrap),
     .max = 8,
     .port = 53},
    {.key = "blocking",
     .type = &config_type_enum,
     AT(config_dns, blocking),
     .names = blockings,
     .min = CONFIG_BLOCK_NULL,
     .fallback = "null"},
    {.key = "blocking_address4", .type = &config_type_ip, AT(config_dns, blocking_address4)},
    {.key = "blocking_address6", .type = &config_type_ip, AT(config_dns, blocking_address6)},
    {.key = "blocking_ttl",
     .type = &config_type_s,
     AT(config_dns, blocking_ttl_s),
     .max = DAY_S,
     .fallback = "10s"},
    {.key = "ech",
     .type = &config_type_enum,
     AT(config_dns, ech),
     .names = echs,
     .min = CONFIG_ECH_KEEP,
     .fallback = "keep"},
    {.key = "refuse_private_answers",
     .type = &config_type_bool,
     AT(config_dns, refuses_private_answers),
     .fallback = "true"},
    {.key = "private_names",
     .type = &config_type_name,
     LIST(config_dns, private_names),
     .max = 256},
    {.key = "cache_entries",
     .type = &config_type_u32,
     AT(config_dns, cache_entries),
     .max = 10000000,
     .fallback = "10000"},
    {.key = "cache_size",
     .type = &config_type_size32,
     AT(config_dns, cache_bytes),
     .max = 1024 * MIB,
     .fallback = "4MiB"},
    {.key = "serve_stale",
     .type = &config_type_s,
     AT(config_dns, stale_s),
     .max = 7 * DAY_S,
     .fallback = "1d"},
    {.key = "prefetch", .type = &config_type_bool, AT(config_dns, prefetches), .fallback = "true"},
    {.key = "timeout",
     .type = &config_type_ms,
     AT(config_dns, timeout_ms),
     .min = 100,
     .max = MINUTE_MS,
     .fallback = "5s"},
};
static const struct config_section dns = SECTION("the DNS settings", dns_fields, 0);

static const struct config_field list_fields[] = {
    {.key = "name", .type = &config_type_text, AT(config_list, name), .min = 1, .max = 63},
    {.key = "file", .type = &config_type_path, AT(config_list, file)},
    {.key = "url", .type = &config_type_text, AT(config_list, url), .min = 1, .max = 1024},
    {.key = "catalogue",
     .type = &config_type_text,
     AT(config_list, catalogue),
     .min = 1,
     .max = 63},
    {.key = "format", .type = &config_type_text, AT(config_list, format), .names = formats},
    {.key = "category", .type = &config_type_text, AT(config_list, category), .min = 1, .max = 31},
    {.key = "enabled", .type = &config_type_bool, AT(config_list, enabled), .fallback = "true"},
};
static const struct config_section list =
    SECTION("a list", list_fields, sizeof(struct config_list));

static const struct config_field schedule_fields[] = {
    {.key = "days",
     .type = &config_type_enum,
     LIST(config_schedule, days),
     .names = weekdays,
     .max = 7},
    {.key = "from",
     .type = &config_type_clock,
     AT(config_schedule, from_min),
     .max = DAY_MINUTES - 1,
     .fallback = "00:00"},
    {.key = "to",
     .type = &config_type_clock,
     AT(config_schedule, to_min),
     .max = DAY_MINUTES,
     .fallback = "24:00"},
    {.key = "categories", .type = &config_type_text, LIST(config_schedule, categories), .max = 31},
    {.key = "lists", .type = &config_type_text, LIST(config_schedule, lists), .max = 63},
    {.key = "filter", .type = &config_type_bool, AT(config_schedule, is_on), .fallback = "true"},
};
static const struct config_section schedule =
    SECTION("a schedule", schedule_fields, sizeof(struct config_schedule));

static const struct config_field filter_fields[] = {
    {.key = "enabled", .type = &config_type_bool, AT(config_filter, enabled), .fallback = "true"},
    {.key = "builtin", .type = &config_type_bool, AT(config_filter, builtin), .fallback = "true"},
    {.key = "lists", .section = &list, LIST(config_filter, lists), .max = CONFIG_LISTS_MAX},
    {.key = "categories", .type = &config_type_text, LIST(config_filter, categories), .max = 31},
    {.key = "rules", .type = &config_type_text, LIST(config_filter, rules), .max = 4096},
    {.key = "update_every",
     .type = &config_type_s,
     AT(config_filter, update_every_s),
     .max = 30 * DAY_S,
     .fallback = "1d"},
    {.key = "ca_file", .type = &config_type_path, AT(config_filter, ca_file)},
    {.key = "allow", .type = &config_type_name, LIST(config_filter, allow), .max = 2000},
    {.key = "deny", .type = &config_type_name, LIST(config_filter, deny), .max = 2000},
    {.key = "schedules", .section = &schedule, LIST(config_filter, schedules), .max = 64},
};
static const struct config_section filter = SECTION("the filter", filter_fields, 0);

static const struct config_field limits_fields[] = {
    {.key = "tcp_flows",
     .type = &config_type_u32,
     AT(config_limits, tcp_flows),
     .min = 16,
     .max = 1000000,
     .fallback = "65536"},
    {.key = "tcp_knocks",
     .type = &config_type_u32,
     AT(config_limits, tcp_knocks),
     .min = 16,
     .max = 100000,
     .fallback = "4096"},
    {.key = "tcp_knocks_per_destination",
     .type = &config_type_u32,
     AT(config_limits, tcp_knocks_per_destination),
     .min = 1,
     .max = 100000,
     .fallback = "1024"},
    {.key = "tcp_per_destination",
     .type = &config_type_u32,
     AT(config_limits, tcp_per_destination),
     .min = 1,
     .max = 1000000,
     .fallback = "32768"},
    {.key = "udp_flows",
     .type = &config_type_u32,
     AT(config_limits, udp_flows),
     .min = 16,
     .max = 1000000,
     .fallback = "65536"},
    {.key = "local_clients",
     .type = &config_type_u32,
     AT(config_limits, local_clients),
     .min = 1,
     .max = 100000,
     .fallback = "4096"},
    {.key = "buffer_size",
     .type = &config_type_size32,
     AT(config_limits, buffer_bytes),
     .min = 16 * KIB,
     .max = 16 * MIB,
     .fallback = "512KiB"},
    {.key = "memory_size",
     .type = &config_type_size64,
     AT(config_limits, memory_bytes),
     .min = 16 * MIB,
     .max = 65536 * MIB,
     .fallback = "256MiB"},
};
static const struct config_section limits = SECTION("the limits", limits_fields, 0);

static const struct config_field timeouts_fields[] = {
    {.key = "connect",
     .type = &config_type_ms,
     AT(config_timeouts, connect),
     .min = 100,
     .max = 5 * MINUTE_MS,
     .fallback = "3s"},
    {.key = "dial",
     .type = &config_type_ms,
     AT(config_timeouts, dial),
     .min = 100,
     .max = 10 * MINUTE_MS,
     .fallback = "8s"},
    {.key = "stall",
     .type = &config_type_ms,
     AT(config_timeouts, stall),
     .min = 1000,
     .max = 60 * MINUTE_MS,
     .fallback = "10s"},
    {.key = "tcp_idle",
     .type = &config_type_ms,
     AT(config_timeouts, tcp_idle),
     .min = 1000,
     .max = 7 * DAY_MS,
     .fallback = "2h"},
    {.key = "tcp_half_closed",
     .type = &config_type_ms,
     AT(config_timeouts, tcp_half_closed),
     .min = 1000,
     .max = DAY_MS,
     .fallback = "5m"},
    {.key = "udp_idle",
     .type = &config_type_ms,
     AT(config_timeouts, udp_idle),
     .min = 1000,
     .max = DAY_MS,
     .fallback = "60s"},
};
static const struct config_section timeouts = SECTION("the timeouts", timeouts_fields, 0);

static const struct config_field query_log_fields[] = {
    {.key = "mode",
     .type = &config_type_enum,
     AT(config_query_log, mode),
     .names = query_log_modes,
     .min = CONFIG_QUERY_LOG_OFF,
     .fallback = "blocked"},
    {.key = "names",
     .type = &config_type_enum,
     AT(config_query_log, names),
     .names = query_names,
     .min = CONFIG_QUERY_NAMES_PLAIN,
     .fallback = "plain"},
    {.key = "apps",
     .type = &config_type_bool,
     AT(config_query_log, shows_apps),
     .fallback = "true"},
    {.key = "age",
     .type = &config_type_s,
     AT(config_query_log, age_s),
     .min = 60,
     .max = 366 * DAY_S,
     .fallback = "7d"},
    {.key = "size",
     .type = &config_type_size64,
     AT(config_query_log, size_bytes),
     .min = MIB,
     .max = 16384 * MIB,
     .fallback = "16MiB"},
};
static const struct config_section query_log = SECTION("the query log", query_log_fields, 0);

static const struct config_field log_fields[] = {
    {.key = "level",
     .type = &config_type_enum,
     AT(config, log_level),
     .names = levels,
     .min = LOG_ERROR,
     .fallback = "notice"},
    {.key = "names", .type = &config_type_bool, AT(config, log_names), .fallback = "false"},
};
static const struct config_section logging = SECTION("the log", log_fields, 0);

static const struct config_field worker_fields[] = {
    {.key = "user",
     .type = &config_type_text,
     AT(config, user),
     .min = 1,
     .max = 32,
     .fallback = "atlantic"},
    {.key = "group",
     .type = &config_type_text,
     AT(config, group),
     .min = 1,
     .max = 32,
     .fallback = "atlantic"},
};
static const struct config_section worker = SECTION("the worker", worker_fields, 0);

static const struct config_field top_fields[] = {
    {.key = "upstreams", .section = &upstream, LIST(config, upstreams), .min = 1, .max = 256},
    {.key = "tun", .section = &tun, AT(config, tun)},
    {.key = "local", .section = &local, AT(config, local)},
    {.key = "dns", .section = &dns, AT(config, dns)},
    {.key = "region", .type = &config_type_text, AT(config, region), .min = 1, .max = 63},
    {.key = "filter", .section = &filter, AT(config, filter)},
    {.key = "refuse_quic", .type = &config_type_bool, AT(config, refuses_quic), .fallback = "true"},
    {.key = "allow_lan", .type = &config_type_bool, AT(config, admits_lan), .fallback = "false"},
    {.key = "allow_private_upstreams",
     .type = &config_type_bool,
     AT(config, admits_private_upstreams),
     .fallback = "false"},
    {.key = "limits", .section = &limits, AT(config, limits)},
    {.key = "timeouts", .section = &timeouts, AT(config, timeouts)},
    {.key = "query_log", .section = &query_log, AT(config, query_log)},
    {.key = "log", .section = &logging},
    {.key = "worker", .section = &worker},
    {.key = "workers",
     .type = &config_type_auto_u32,
     AT(config, workers),
     .min = 1,
     .max = 8,
     .fallback = "auto"},
};
const struct config_section config_schema =
    SECTION("the configuration", top_fields, sizeof(struct config));

size_t config_field_size(const struct config_field *field)
{
    return field->section ? field->section->size : field->type->size;
}
