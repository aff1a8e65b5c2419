# unit tests of service/
atlantic_unit_test(config LINKS config base)
target_compile_definitions(test_config PRIVATE
  ATLANTIC_EXAMPLE="${PROJECT_SOURCE_DIR}/packaging/atlantic.yaml")
atlantic_unit_test(config_text LINKS config base)
atlantic_unit_test(usage LINKS control base)
atlantic_unit_test(usage_shares LINKS control base PkgConfig::SQLITE)
atlantic_unit_test(control LINKS control base PkgConfig::CJSON)
atlantic_unit_test(control_rules LINKS control base PkgConfig::CJSON)
atlantic_unit_test(ipc LINKS ipc base)
atlantic_unit_test(power_text LINKS supervisor base)

atlantic_unit_test(name_cache LINKS engine base)
atlantic_unit_test(answer_cache LINKS engine adblock base)
foreach(part admission arguments doors notify power report standing wish worker)
  atlantic_unit_test(${part} LINKS supervisor config base)
endforeach()
atlantic_unit_test(dns_policy LINKS engine tun2socks proxy adblock config base ldns)
atlantic_unit_test(special_names LINKS engine base)
