/* The configuration: defaults, every kind of value, and for each mistake the place and the words.
 */
#include "service/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct config *parse(const char *text)
{
    struct config *config = NULL;
    struct config_error error = {""};
    int result = config_parse("t.yaml", text, text ? strlen(text) : 0, &config, &error);
    if (result < 0)
        fail_msg("%s", error.text);
    return config;
}

static void assert_address(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];
    assert_string_equal(address_format(address, text), expected);
}

static void test_embedded_default(void **state)
{
    struct config *config = parse(NULL);
    (void)state;
    assert_int_equal(config->upstreams_count, 1);
    assert_int_equal(config->upstreams[0].kind, CONFIG_DIRECT);
    assert_string_equal(config->upstreams[0].name, "direct");
    assert_true(config->upstreams[0].udp);
    assert_int_equal(config->dns.servers_count, 2);
    assert_int_equal(config->dns.servers[0].transport, CONFIG_DNS_TLS);
    assert_address(&config->dns.servers[0].server.address, "9.9.9.9:853");
    assert_string_equal(config->dns.servers[0].tls_name, "dns.quad9.net");
    assert_address(&config->dns.servers[1].server.address, "1.1.1.1:853");
    assert_string_equal(config->dns.servers[1].tls_name, "cloudflare-dns.com");
    assert_int_equal(config->dns.blocking, CONFIG_BLOCK_NULL);
    assert_int_equal(config->dns.blocking_ttl_s, 10);
    assert_int_equal(config->local.listen_count, 2);
    assert_address(&config->local.listen[0], "127.0.0.1:1080");
    assert_address(&config->local.listen[1], "[::1]:1080");
    assert_true(config->filter.enabled);
    assert_true(config->filter.builtin);
    assert_true(config->refuses_quic);
    assert_false(config->admits_lan);
    assert_string_equal(config->tun.name, "atlantic-tun0");
    assert_int_equal(config->tun.mtu, 1500);
    assert_int_equal(config->timeouts.connect, 3000);
    assert_int_equal(config->timeouts.tcp_idle, 7200000);
    assert_int_equal(config->limits.buffer_bytes, 512 * 1024);
    assert_int_equal(config->log_level, LOG_NOTICE);
    assert_string_equal(config->user, "atlantic");
    config_unref(config);
}

static const char full[] = "upstreams:\n"
                           "  - name: home\n"
                           "    kind: socks5\n"
                           "    server: Proxy.Example.COM:1081\n"
                           "    addresses: [192.0.2.7, 2001:db8::7]\n"
                           "    user: \"u:1\"\n"
                           "    password: 'p \"\\ \xc3\xbc'\n"
                           "    udp: false\n"
                           "    pipelined: yes\n"
                           "  - kind: https\n"
                           "    server: \"[2001:db8::1]:8443\"\n"
                           "    tls: {name: p.example, ca_file: /etc/ssl/my.pem, insecure: true}\n"
                           "  - {kind: block}\n"
                           "tun: {name: tun7, mtu: 9000, address4: 10.9.0.1, address6: fd00::9,\n"
                           "  echo: always}\n"
                           "local:\n"
                           "  listen: [\"0.0.0.0:8080\"]\n"
                           "  user: me\n"
                           "  password: secret\n"
                           "dns:\n"
                           "  servers: [\"tcp://192.0.2.53:5353\", \"tls://[2001:db8::53]:8853\"]\n"
                           "  bootstrap: [192.0.2.1, \"[2001:db8::2]:5300\"]\n"
                           "  blocking: custom\n"
                           "  blocking_address4: 192.0.2.99\n"
                           "  blocking_ttl: 5m\n"
                           "  cache_entries: 0\n"
                           "  cache_size: 512KiB\n"
                           "  timeout: 1500ms\n"
                           "filter:\n"
                           "  builtin: false\n"
                           "  lists:\n"
                           "    - {file: /srv/ads.txt}\n"
                           "    - {file: /srv/b, name: bad, format: hosts, category: malware,\n"
                           "       enabled: no}\n"
                           "  allow: [Good.Example.]\n"
                           "  deny: [bad.example]\n"
                           "  schedules:\n"
                           "    - {days: [mon, sun], from: 7:30, to: \"06:00\", lists: [bad],\n"
                           "       categories: [malware], filter: off}\n"
                           "    - {}\n"
                           "region: SE\n"
                           "refuse_quic: false\n"
                           "allow_lan: true\n"
                           "allow_private_upstreams: true\n"
                           "limits: {tcp_flows: 100, tcp_per_destination: 7, "
                           "tcp_knocks_per_destination: 9, memory_size: 64MiB}\n"
                           "timeouts: {udp_idle: 2m}\n"
                           "log: {level: debug, names: true}\n"
                           "worker: {user: nobody, group: nogroup}\n";

static void test_every_key(void **state)
{
    struct config *config = parse(full);
    const struct config_upstream *home = &config->upstreams[0];
    (void)state;
    assert_int_equal(config->upstreams_count, 3);
    assert_int_equal(home->kind, CONFIG_SOCKS5);
    assert_string_equal(home->server.name, "proxy.example.com");
    assert_int_equal(home->server.address.port, 1081);
    assert_int_equal(home->addresses_count, 2);
    assert_address(&home->addresses[1], "[2001:db8::7]:1081");
    assert_string_equal(home->user, "u:1");
    assert_string_equal(home->password, "p \"\\ \xc3\xbc");
    assert_false(home->udp);
    assert_true(home->pipelined);
    assert_string_equal(config->upstreams[1].name, "[2001:db8::1]:8443");
    assert_string_equal(config->upstreams[1].tls_name, "p.example");
    assert_true(config->upstreams[1].tls_insecure);
    assert_false(config->upstreams[1].udp);
    assert_string_equal(config->upstreams[2].name, "block");
    assert_int_equal(config->tun.echo, CONFIG_ECHO_ALWAYS);
    assert_address(&config->local.listen[0], "0.0.0.0:8080");
    assert_int_equal(config->dns.servers[0].transport, CONFIG_DNS_TCP);
    assert_address(&config->dns.servers[1].server.address, "[2001:db8::53]:8853");
    assert_null(config->dns.servers[1].tls_name);
    assert_address(&config->dns.bootstrap[0], "192.0.2.1:53");
    assert_address(&config->dns.bootstrap[1], "[2001:db8::2]:5300");
    assert_int_equal(config->dns.blocking, CONFIG_BLOCK_CUSTOM);
    assert_int_equal(config->dns.blocking_ttl_s, 300);
    assert_int_equal(config->dns.cache_bytes, 512 * 1024);
    assert_int_equal(config->dns.timeout_ms, 1500);
    assert_string_equal(config->filter.lists[0].name, "ads.txt");
    assert_string_equal(config->filter.lists[0].format, "auto");
    assert_true(config->filter.lists[0].enabled);
    assert_false(config->filter.lists[1].enabled);
    assert_string_equal(config->region, "SE");
    assert_string_equal(config->filter.allow[0], "good.example");
    assert_int_equal(config->filter.schedules_count, 2);
    assert_int_equal(config->filter.schedules[0].days_count, 2);
    assert_int_equal(config->filter.schedules[0].days[0], 1);
    assert_int_equal(config->filter.schedules[0].days[1], 0);
    assert_int_equal(config->filter.schedules[0].from_min, 7 * 60 + 30);
    assert_int_equal(config->filter.schedules[0].to_min, 6 * 60);
    assert_string_equal(config->filter.schedules[0].lists[0], "bad");
    assert_false(config->filter.schedules[0].is_on);
    assert_int_equal(config->filter.schedules[1].to_min, 24 * 60);
    assert_true(config->filter.schedules[1].is_on);
    assert_int_equal(config->limits.tcp_per_destination, 7);
    assert_int_equal(config->limits.tcp_knocks_per_destination, 9);
    assert_int_equal(config->limits.memory_bytes, 64 * 1024 * 1024);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_string_equal(config->group, "nogroup");
    config_unref(config);
}

/* The first line of a mistake, where it is, and a part of what is said. */
static const struct {
    const char *text;
    unsigned line, column;
    const char *part;
} mistakes[] = {
    /* syntax */
    {"upstreams:\n\t- kind: direct\n", 2, 1, "tabs"},
    {"a: b: c\n", 1, 5, "indentation"},
    {"log: \"debug\n", 2, 1, "quote"},
    {"log: [a\n", 2, 1, "[ is not closed"},
    {"log: {}\n---\nlog: {}\n", 3, 1, "second document"},
    {"log: \xff\n", 1, 6, "UTF-8"},
    {"log: {}\n  x: 1\n", 2, 3, ""},
    {"just text\n", 1, 1, "key: value"},
    {"- a\n", 1, 1, "key: value"},
    /* keys */
    {"upstream: []\n", 1, 1, "did you mean 'upstreams'?"},
    {"log:\n  levle: debug\n", 2, 3, "did you mean 'level'?"},
    {"upstreams:\n  - kind: direct\n    paswd: x\n", 3, 5, "no key 'paswd' in an upstream"},
    {"frobnicate: 1\n", 1, 1, "it has upstreams, tun"},
    {"log: {level: info}\nlog: {level: info}\n", 2, 1, "line 1 already"},
    {"[a]: b\n", 1, 1, "plain word"},
    /* kinds of values */
    {"log: debug\n", 1, 6, "key: value"},
    {"log:\n  level: loud\n", 2, 10, "known are error, warning"},
    {"log:\n  level: warn\n", 2, 10, "did you mean 'warning'?"},
    {"log:\n  names: maybe\n", 2, 10, "true or false"},
    {"log:\n  names: [true]\n", 2, 10, "takes one value"},
    {"tun:\n  mtu: 1000\n", 2, 8, "between 1280 and 65535"},
    {"tun:\n  mtu: 65536\n", 2, 8, "between 1280 and 65535"},
    {"tun:\n  mtu: -5\n", 2, 8, "not a number"},
    {"tun:\n  mtu: 0x600\n", 2, 8, "not a number"},
    {"tun:\n  mtu: 99999999999999999999999999\n", 2, 8, "between"},
    {"filter:\n  schedules:\n    - from: 7h\n", 3, 13, "no time of day"},
    {"filter:\n  schedules:\n    - from: 24:00\n", 3, 13, "no time of day"},
    {"filter:\n  schedules:\n    - to: 7:60\n", 3, 11, "no time of day"},
    {"filter:\n  schedules:\n    - lists: [x]\n", 3, 15, "no list called"},
    {"filter:\n  schedules:\n    - categories: [x]\n", 3, 20, "category"},
    {"filter:\n  schedules:\n    - days: [monday]\n", 3, 14, "did you mean"},
    {"timeouts:\n  dial: 30\n", 2, 9, "with its unit"},
    {"timeouts:\n  dial: 1ms\n", 2, 9, "between 100ms and 10m"},
    {"timeouts:\n  dial: 18446744073709551615h\n", 2, 9, "out of range"},
    {"limits:\n  buffer_size: 4KB\n", 2, 16, "512KiB"},
    {"limits:\n  buffer_size: 1KiB\n", 2, 16, "between 16KiB and 16MiB"},
    {"dns:\n  blocking_address4: example\n", 2, 22, "not an IP address"},
    {"dns:\n  blocking_address4: 2001:db8::1\n", 2, 22, "not an IPv4 address"},
    {"dns:\n  ca_file: my.pem\n", 2, 12, "begin it with /"},
    {"worker:\n  user: \"\"\n", 2, 9, "must not be empty"},
    {"worker:\n  user: \"a\\nb\"\n", 2, 9, "control character"},
    {"worker:\n  user: root\n", 2, 9, "never runs as root"},
    /* lists */
    {"dns:\n  bootstrap: 192.0.2.1\n", 2, 14, "is a list"},
    {"dns:\n  bootstrap:\n    - 192.0.2.1\n    -\n", 4, 6, "empty item"},
    {"dns:\n  bootstrap: [192.0.2.1, x]\n", 2, 26, "not an address"},
    {"dns:\n  servers: []\n", 2, 12, "at least 1"},
    {"upstreams: []\n", 1, 12, "at least 1"},
    {"upstreams:\n  - direct\n", 2, 5, "key: value"},
    /* resolvers */
    {"dns:\n  servers: [\"udp://192.0.2.1\"]\n", 2, 13, "https:// or tcp://"},
    {"dns:\n  servers: [\"https://dns.example/dns-query\"]\n", 2, 13, "not an IP address"},
    {"dns:\n  servers: [\"https://192.0.2.1/a b\"]\n", 2, 13, "the path"},
    {"dns:\n  servers: [\"tls://dns.quad9.net\"]\n", 2, 13, "not an IP address"},
    {"dns:\n  servers: [\"tls://9.9.9.9#a..b\"]\n", 2, 13, "not a host name"},
    {"dns:\n  servers: [\"tcp://9.9.9.9#a\"]\n", 2, 13, "no name to verify"},
    {"dns:\n  servers:\n    - tls://9.9.9.9\n    - tcp://192.0.2.53\n", 4, 7, "allow_cleartext"},
    {"dns:\n  blocking: custom\n", 2, 13, "needs an address"},
    /* upstreams */
    {"upstreams:\n  - name: a\n", 2, 5, "has no 'kind'"},
    {"upstreams:\n  - kind: socks5\n", 2, 5, "has no 'server'"},
    {"upstreams:\n  - kind: socks4\n    server: a:1\n", 2, 11, "did you mean 'socks5'?"},
    {"upstreams:\n  - kind: socks5\n    server: a\n", 3, 13, "not a host and port"},
    {"upstreams:\n  - kind: socks5\n    server: a:0\n", 3, 13, "not a host and port"},
    {"upstreams:\n  - kind: http\n    server: http://a:1\n", 3, 13, "is a URL"},
    {"upstreams:\n  - kind: http\n    server: localhost:1\n", 3, 13, "127.0.0.1"},
    {"upstreams:\n  - kind: direct\n    server: a:1\n", 3, 13, "has no 'server'"},
    {"upstreams:\n  - kind: http\n    server: a:1\n    user: x\n", 4, 11, "go together"},
    {"upstreams:\n  - kind: http\n    server: a:1\n    user: x:y\n    password: z\n", 4, 11,
     "colon"},
    {"upstreams:\n  - kind: http\n    server: a:1\n    udp: true\n", 4, 10, "carry UDP"},
    {"upstreams:\n  - kind: http\n    server: a:1\n    pipelined: true\n", 4, 16, "pipelined"},
    {"upstreams:\n  - kind: http\n    server: a:1\n    tls: {insecure: true}\n", 4, 10, "https"},
    {"upstreams:\n  - kind: http\n    server: 192.0.2.1:1\n    addresses: [192.0.2.2]\n", 4, 16,
     "an address already"},
    {"upstreams:\n  - kind: http\n    server: a:1\n  - kind: socks5\n    server: a:1\n", 4, 5,
     "called 'a:1' already"},
    {"upstreams:\n  - {kind: direct, name: x}\n  - {kind: block, name: x}\n", 3, 25, "already"},
    /* the rest */
    {"tun:\n  name: a/b\n", 2, 9, "device's name"},
    {"tun:\n  name: much-too-long-name\n", 2, 9, "at most 15"},
    {"local:\n  listen: [\"0.0.0.0:1080\"]\n", 2, 12, "everyone may use"},
    {"local:\n  listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n", 2, 27, "already"},
    {"local:\n  user: a\n", 2, 9, "go together"},
    {"filter:\n  allow: [192.0.2.1]\n", 2, 11, "not a host name"},
    {"filter:\n  allow: [a.example]\n  deny: [b.example, A.example]\n", 3, 21, "under 'allow' too"},
    {"filter:\n  lists:\n    - name: x\n", 3, 13, "no 'file'"},
    {"filter:\n  lists:\n    - {file: /a/x}\n    - {file: /b/x}\n", 4, 7, "already"},
    {"filter:\n  lists:\n    - {file: /a, format: host}\n", 3, 26, "did you mean 'hosts'?"},
    {"timeouts:\n  connect: 20s\n  dial: 10s\n", 3, 9, "cannot be shorter"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct config *config = NULL;
        struct config_error error = {""};
        char place[64];
        int result =
            config_parse("t.yaml", mistakes[i].text, strlen(mistakes[i].text), &config, &error);
        snprintf(place, sizeof(place), "t.yaml:%u:%u: ", mistakes[i].line, mistakes[i].column);
        if (result != -EINVAL || config || strncmp(error.text, place, strlen(place)) != 0 ||
            !strstr(error.text, mistakes[i].part))
            fail_msg("%s gave %d '%s', expected '%s ... %s'", mistakes[i].text, result, error.text,
                     place, mistakes[i].part);
        /* Each says what to do. */
        if (!strpbrk(error.text, ";?"))
            fail_msg("no hint: %s", error.text);
    }
}

static void test_secrets_are_not_repeated(void **state)
{
    static const char *const texts[] = {
        "upstreams:\n  - kind: http\n    server: me:hunter2@a:1\n",
        "upstreams:\n  - kind: http\n    server: a:1\n    user: hunter2:x\n    password: hunter2\n",
        "upstreams:\n  - kind: http\n    server: a:1\n    password: hunter2\n",
        "local: {user: a, password: \"hunter2\\n\"}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *config = NULL;
        struct config_error error;
        assert_int_equal(config_parse("f", texts[i], strlen(texts[i]), &config, &error), -EINVAL);
        assert_null(strstr(error.text, "hunter2"));
    }
    struct config *config = parse(full);
    char *text = config_format(config);
    assert_null(strstr(text, "u:1"));
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "password: \"***\""));
    free(text);
    config_unref(config);
}

static void test_format_can_be_read_again(void **state)
{
    const char *const texts[] = {NULL, full, "worker: {user: \"\\u00e9\\U0001F600 #:\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *first = parse(texts[i]);
        char *text = config_format(first);
        struct config *second = parse(text);
        char *again = config_format(second);
        assert_string_equal(text, again);
        free(text);
        free(again);
        config_unref(first);
        config_unref(second);
    }
}

static void test_empty_keys_mean_defaults(void **state)
{
    struct config *config = parse("# only a comment\nlog:\ndns:\n  servers: ~\n  timeout: null\n"
                                  "upstreams:\nlocal: {listen: []}\n");
    (void)state;
    assert_int_equal(config->dns.servers_count, 2);
    assert_int_equal(config->dns.timeout_ms, 5000);
    assert_int_equal(config->local.listen_count, 0);
    config_unref(config);
}

static void test_resolver_by_https(void **state)
{
    struct config *config = parse("dns:\n  servers: [\"https://9.9.9.9/q#dns.quad9.net\", "
                                  "\"https://[2001:db8::1]\", \"https://192.0.2.1:8443/a/b\"]\n");
    const struct config_dns_server *servers = config->dns.servers;
    char *text = config_format(config);
    (void)state;
    assert_int_equal(servers[0].transport, CONFIG_DNS_HTTPS);
    assert_int_equal(servers[0].server.address.port, 443);
    assert_string_equal(servers[0].path, "/q");
    assert_string_equal(servers[0].tls_name, "dns.quad9.net");
    assert_string_equal(servers[1].path, "/dns-query");
    assert_null(servers[1].tls_name);
    assert_int_equal(servers[2].server.address.port, 8443);
    assert_non_null(strstr(text, "\"https://9.9.9.9:443/q#dns.quad9.net\""));
    assert_non_null(strstr(text, "\"https://[2001:db8::1]:443/dns-query\""));
    free(text);
    config_unref(config);
}

static void test_cleartext_resolver_by_permission(void **state)
{
    struct config *config =
        parse("dns: {servers: [\"tcp://192.0.2.53\"], allow_cleartext: true}\n");
    (void)state;
    assert_true(config->dns.allows_cleartext);
    config_unref(config);
    config_unref(parse("dns: {servers: [\"tcp://127.0.0.1\"]}\n"));
    config_unref(parse("dns: {servers: [\"tcp://192.0.2.53\"]}\n"
                       "upstreams: [{kind: socks5, server: \"a:1\"}]\n"));
}

static void test_read(void **state)
{
    struct config *config = NULL;
    struct config_error error;
    int fd = memfd_create("config", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(write(fd, full, strlen(full)), strlen(full));
    assert_int_equal(config_read("full", fd, &config, &error), 0);
    config_unref(config);
    assert_int_equal(ftruncate(fd, 300L * 1024), 0);
    config = NULL;
    assert_int_equal(config_read("big", fd, &config, &error), -EINVAL);
    assert_non_null(strstr(error.text, "larger than 256 KiB"));
    close(fd);
    assert_int_equal(config_read("gone", fd, &config, &error), -EBADF);
    assert_memory_equal(error.text, "gone: ", 6);
    assert_null(config);
}

/* The file that is installed: as it is, and with its commented defaults made real. */
static void test_installed_file(void **state)
{
    static char text[32 * 1024], real[sizeof(text)];
    size_t at = 0;
    (void)state;
    FILE *file = fopen(ATLANTIC_EXAMPLE, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    /* Prose is "# text", a default "#key: value" or "#  key: value". */
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        size_t size = (size_t)(strchr(line, '\n') - line) + 1;
        bool is_prose = line[0] == '#' && line[1] == ' ' && line[2] != ' ';
        assert_true(size < 104);
        if (is_prose)
            continue;
        memcpy(real + at, line + (line[0] == '#'), size - (line[0] == '#'));
        at += size - (line[0] == '#');
    }
    struct config *expected = parse(NULL), *as_it_is = parse(text), *made_real = parse(real);
    char *texts[] = {config_format(expected), config_format(as_it_is), config_format(made_real)};
    assert_string_equal(texts[0], texts[1]);
    assert_string_equal(texts[0], texts[2]);
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    config_unref(expected);
    config_unref(as_it_is);
    config_unref(made_real);
}

static bool admits(const struct config *config, const char *ip)
{
    struct address address;
    assert_int_equal(address_parse_ip(ip, &address), 0);
    return config_admits(config, &address);
}

static void test_admits(void **state)
{
    struct config *config = parse("upstreams:\n"
                                  "  - {kind: socks5, server: \"10.0.0.5:1080\"}\n"
                                  "  - {kind: http, server: \"a:1\", addresses: [fd00::7]}\n"
                                  "dns: {bootstrap: [192.168.1.1]}\n");
    (void)state;
    assert_true(admits(config, "198.51.100.1"));
    assert_true(admits(config, "10.0.0.5"));
    assert_true(admits(config, "fd00::7"));
    assert_true(admits(config, "192.168.1.1"));
    assert_false(admits(config, "10.0.0.6"));
    assert_false(admits(config, "127.0.0.1"));
    config_unref(config);
    config = parse("allow_private_upstreams: true\n");
    assert_true(admits(config, "10.0.0.6"));
    assert_ptr_equal(config_ref(config), config);
    config_unref(config);
    config_unref(config);
    config_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedded_default),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_secrets_are_not_repeated),
        cmocka_unit_test(test_format_can_be_read_again),
        cmocka_unit_test(test_empty_keys_mean_defaults),
        cmocka_unit_test(test_resolver_by_https),
        cmocka_unit_test(test_cleartext_resolver_by_permission),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_installed_file),
        cmocka_unit_test(test_admits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
