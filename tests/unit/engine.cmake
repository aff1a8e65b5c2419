# unit tests of service/engine: its parts, as its flows get them
add_library(engine_lab STATIC engine_lab.c loopback_server.c dns_peer.c)
target_link_libraries(engine_lab PUBLIC engine tun2socks proxy adblock config base
  PRIVATE atlantic_flags PkgConfig::CMOCKA)
atlantic_unit_test(connect LINKS engine_lab engine)
atlantic_unit_test(decisions LINKS engine adblock base)
atlantic_unit_test(destinations LINKS engine base)
atlantic_unit_test(dns LINKS engine_lab engine)
atlantic_unit_test(echo LINKS engine_lab engine)
atlantic_unit_test(flow LINKS engine base)
atlantic_unit_test(upstream_admission SOURCES admission_lab.c LINKS engine adblock proxy base)
atlantic_unit_test(upstream_names SOURCES admission_lab.c LINKS engine adblock proxy base)
atlantic_unit_test(dns_frame LINKS engine fake base)
atlantic_unit_test(dns_link LINKS engine_lab engine)
atlantic_unit_test(doh_link SOURCES https_peer.c tls_peer.c LINKS engine_lab engine atlantic_mbedtls)
target_link_options(test_doh_link PRIVATE -Wl,--wrap=accept4)
atlantic_unit_test(resolver LINKS engine_lab engine)
atlantic_unit_test(dns_stream LINKS engine_lab fake engine)
atlantic_unit_test(tcp_flow SOURCES tcp_flow_lab.c LINKS engine_lab fake engine)
atlantic_unit_test(tcp_flow_web SOURCES tcp_flow_lab.c LINKS engine_lab fake engine)
atlantic_unit_test(stand_ins LINKS engine base)
atlantic_unit_test(target_rewrite LINKS engine adblock base)
atlantic_unit_test(failure_cache LINKS engine base)
atlantic_unit_test(dns_memory SOURCES udp_flow_lab.c LINKS engine_lab fake engine)
target_link_options(test_dns_memory PRIVATE -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
atlantic_unit_test(udp_flow SOURCES udp_flow_lab.c LINKS engine_lab fake engine)
atlantic_unit_test(udp_flow_quic SOURCES udp_flow_lab.c LINKS engine_lab fake quic_bytes engine)
atlantic_unit_test(udp_flow_names SOURCES udp_flow_lab.c LINKS engine_lab fake engine)
atlantic_unit_test(udp_queue LINKS engine base)
atlantic_unit_test(own_rules LINKS engine base)
atlantic_unit_test(own_rules_file LINKS engine base)
atlantic_unit_test(schedule LINKS engine base)
atlantic_unit_test(health LINKS engine_lab engine)

# service/worker; the sandbox is not compatible with sanitizers, which look into their own process
if(NOT ATLANTIC_SANITIZE)
  atlantic_unit_test(sandbox SOURCES ${PROJECT_SOURCE_DIR}/service/worker/sandbox.c
    LINKS PkgConfig::SECCOMP)
endif()

# The whole, with a host that is the test
add_library(engine_rig STATIC engine_rig.c)
target_link_libraries(engine_rig PUBLIC engine_lab engine config base
  PRIVATE atlantic_flags PkgConfig::CMOCKA)
atlantic_unit_test(engine LINKS engine_rig)
set(worker_dir ${PROJECT_SOURCE_DIR}/service/worker)
set(journal_sources ${worker_dir}/askers.c ${worker_dir}/journal.c ${worker_dir}/query_entry.c
  ${worker_dir}/wire.c)
atlantic_unit_test(facts SOURCES ${worker_dir}/facts.c ${worker_dir}/filter_facts.c
  ${worker_dir}/list_facts.c ${journal_sources}
  LINKS engine_rig control ipc proxy)
atlantic_unit_test(journal SOURCES ${journal_sources} LINKS engine_rig control ipc proxy)
target_link_options(test_journal PRIVATE -Wl,--wrap=query_log_add)
atlantic_unit_test(query_keeper SOURCES ${worker_dir}/query_keeper.c ${journal_sources}
  LINKS engine_rig control ipc proxy consent_text)
target_link_options(test_query_keeper PRIVATE -Wl,--wrap=inotify_init1 -Wl,--wrap=engine_set_log)
