# unit tests of adblock/; ldns judges our DNS messages
# A fake filter is compiled in: an object goes before the one in the library.
atlantic_unit_test(dns_message LINKS adblock base ldns)
atlantic_unit_test(dns_message_answer LINKS adblock base ldns)
atlantic_unit_test(dns_message_reply LINKS adblock base ldns)
atlantic_unit_test(dns_message_rewrite LINKS adblock base ldns)
atlantic_unit_test(filter_names LINKS adblock base)
atlantic_unit_test(http_collect LINKS adblock base)
atlantic_unit_test(http_gate SOURCES gate_rig.c ../fake/fake_filter.c LINKS adblock fake base)
atlantic_unit_test(http_gate_ends SOURCES gate_rig.c ../fake/fake_filter.c
  LINKS adblock stream_contract fake base)
atlantic_unit_test(http_refusal SOURCES ../fake/fake_filter.c LINKS adblock base)
atlantic_unit_test(http_reply LINKS adblock base)
atlantic_unit_test(http_request_facts LINKS adblock base)
atlantic_unit_test(sniff LINKS adblock base)
atlantic_unit_test(tls_hello LINKS adblock base)
atlantic_unit_test(blocklists LINKS adblock builtin_list base PkgConfig::CJSON)
target_compile_definitions(test_blocklists PRIVATE
  SOURCES_JSON="${PROJECT_SOURCE_DIR}/blocklists/sources.json")
atlantic_unit_test(list_texts LINKS adblock base)
atlantic_unit_test(lists LINKS adblock base)
atlantic_unit_test(fetch LINKS adblock base)
atlantic_unit_test(list_file LINKS adblock base)
