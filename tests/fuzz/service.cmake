# fuzz targets of service/
atlantic_fuzz_target(config LINKS config base)
atlantic_fuzz_target(control LINKS control base PkgConfig::CJSON)
atlantic_fuzz_target(consent_record LINKS control base)
atlantic_fuzz_target(own_rules LINKS engine base)
atlantic_fuzz_target(ipc LINKS ipc base)
