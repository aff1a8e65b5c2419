# unit tests of proxy/
atlantic_unit_test(socket_stream LINKS proxy base)
atlantic_unit_test(door SOURCES door_rig.c LINKS proxy base)
