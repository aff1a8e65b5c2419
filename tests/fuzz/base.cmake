# fuzz targets of base/
atlantic_fuzz_target(endpoint LINKS base)
atlantic_fuzz_target(http_body LINKS base)
atlantic_fuzz_target(http_head LINKS base)
