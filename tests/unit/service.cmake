# unit tests of service/
atlantic_unit_test(config LINKS config base)
target_compile_definitions(test_config PRIVATE
  ATLANTIC_EXAMPLE="${PROJECT_SOURCE_DIR}/packaging/atlantic.yaml")
atlantic_unit_test(config_text LINKS config base)
atlantic_unit_test(config_lists LINKS config catalogue base)
atlantic_unit_test(config_region LINKS config catalogue regions base)
atlantic_unit_test(consent_record LINKS control base)
atlantic_unit_test(consent LINKS control config consent_text base PkgConfig::CJSON)
target_compile_definitions(test_consent PRIVATE
  ATLANTIC_REGIONS="${PROJECT_SOURCE_DIR}/blocklists/regions.json")
atlantic_unit_test(usage LINKS control base)
atlantic_unit_test(usage_shares LINKS control base PkgConfig::SQLITE)
atlantic_unit_test(query_log LINKS control base)
atlantic_unit_test(query_log_store LINKS control base PkgConfig::SQLITE)
atlantic_unit_test(query_entry SOURCES ${PROJECT_SOURCE_DIR}/service/worker/query_entry.c
  LINKS engine adblock base)
atlantic_unit_test(control LINKS control base PkgConfig::CJSON)
atlantic_unit_test(control_consent LINKS control base PkgConfig::CJSON)
atlantic_unit_test(control_rules LINKS control base PkgConfig::CJSON)
atlantic_unit_test(siblings LINKS control base PkgConfig::CJSON)
atlantic_unit_test(ipc LINKS ipc base)
atlantic_unit_test(power_text LINKS supervisor base)

atlantic_unit_test(name_cache LINKS engine base)
atlantic_unit_test(shared_names LINKS engine base)
atlantic_unit_test(answer_cache LINKS engine adblock base)
foreach(part admission arguments doors holder inquiries netlink notify power report socket_owner standing steering
        wish worker)
  atlantic_unit_test(${part} LINKS supervisor config base)
endforeach()
atlantic_unit_test(dns_policy LINKS engine tun2socks proxy adblock config base ldns)
atlantic_unit_test(special_names LINKS engine base)
