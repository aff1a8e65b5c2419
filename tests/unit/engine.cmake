# unit tests of service/engine: its parts, as its flows get them
add_library(engine_lab STATIC engine_lab.c loopback_server.c dns_peer.c)
target_link_libraries(engine_lab PUBLIC engine tun2socks proxy adblock config base
  PRIVATE atlantic_flags PkgConfig::CMOCKA)
atlantic_unit_test(connect LINKS engine_lab engine)
atlantic_unit_test(decisions LINKS engine adblock base)
atlantic_unit_test(dns LINKS engine_lab engine)
atlantic_unit_test(flow LINKS engine base)
atlantic_unit_test(upstream_admission SOURCES admission_lab.c LINKS engine adblock proxy base)
atlantic_unit_test(upstream_names SOURCES admission_lab.c LINKS engine adblock proxy base)
atlantic_unit_test(dns_frame LINKS engine fake base)
atlantic_unit_test(dns_link LINKS engine_lab engine)
atlantic_unit_test(resolver LINKS engine_lab engine)
atlantic_unit_test(dns_stream LINKS engine_lab fake engine)
