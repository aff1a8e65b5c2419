# unit tests of base/
atlantic_unit_test(loop LINKS base)
