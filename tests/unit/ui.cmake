# unit tests of ui/
atlantic_unit_test(answer_text LINKS cli base PkgConfig::CJSON)
atlantic_unit_test(client LINKS client base PkgConfig::CJSON)
atlantic_unit_test(options LINKS cli client base PkgConfig::CJSON)
atlantic_unit_test(status_text LINKS cli client base PkgConfig::CJSON)
