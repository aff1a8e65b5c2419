# unit tests of base/
atlantic_unit_test(loop LINKS base)
atlantic_unit_test(map LINKS base)
atlantic_unit_test(http_head LINKS base)
atlantic_unit_test(http_body LINKS base)
