# unit tests of proxy/
atlantic_unit_test(basic_auth LINKS proxy base)
atlantic_unit_test(http_connect LINKS proxy base)
atlantic_unit_test(pool LINKS proxy base)
atlantic_unit_test(socket_stream LINKS proxy base)
atlantic_unit_test(door SOURCES door_rig.c LINKS proxy base)
atlantic_unit_test(socks5 LINKS proxy base)
atlantic_unit_test(upstream LINKS proxy base)
