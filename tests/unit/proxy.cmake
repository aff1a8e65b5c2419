# unit tests of proxy/
atlantic_unit_test(socket_stream LINKS proxy base)
