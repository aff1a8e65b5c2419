# fuzz targets of proxy/
atlantic_fuzz_target(door LINKS fake proxy base)
