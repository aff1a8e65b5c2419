# fuzz targets of proxy/
atlantic_fuzz_target(door LINKS fake proxy base)
atlantic_fuzz_target(http_connect LINKS proxy base)
atlantic_fuzz_target(socks5 LINKS proxy base)
