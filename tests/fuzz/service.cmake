# fuzz targets of service/
atlantic_fuzz_target(config LINKS config base)
