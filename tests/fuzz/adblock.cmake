# fuzz targets of adblock/
atlantic_fuzz_target(dns_message LINKS adblock base ldns)
atlantic_fuzz_target(tls_hello LINKS adblock base)
atlantic_fuzz_target(sniff LINKS adblock base)
atlantic_fuzz_target(http_gate SOURCES ../fake/fake_filter.c LINKS adblock fake base)
