# unit tests of ui/
atlantic_unit_test(answer_text SOURCES printed.c LINKS cli base PkgConfig::CJSON)
atlantic_unit_test(client LINKS client base PkgConfig::CJSON)
atlantic_unit_test(consent_text SOURCES printed.c LINKS cli client base PkgConfig::CJSON)
atlantic_unit_test(member LINKS cli base PkgConfig::CJSON)
atlantic_unit_test(options LINKS cli client base PkgConfig::CJSON)
atlantic_unit_test(rules_text SOURCES printed.c LINKS cli client base PkgConfig::CJSON)
atlantic_unit_test(status_text LINKS cli client base PkgConfig::CJSON)
atlantic_unit_test(program LINKS cli client base PkgConfig::CJSON)
add_test(NAME unit/completions
  COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/test_completions.sh
    $<TARGET_FILE:atlantic> ${PROJECT_SOURCE_DIR}/packaging/completions)
set_tests_properties(unit/completions PROPERTIES LABELS unit TIMEOUT 60)
atlantic_unit_test(cli)
target_compile_definitions(test_cli PRIVATE ATLANTIC_CLI="$<TARGET_FILE:atlantic>")
add_dependencies(test_cli atlantic)
