# unit tests of base/ (timer_heap is tested through the loop, stream by the contract suite)
atlantic_unit_test(background LINKS base)
atlantic_unit_test(buf LINKS base)
atlantic_unit_test(chunk LINKS base)
atlantic_unit_test(endpoint LINKS base)
atlantic_unit_test(err LINKS base)
atlantic_unit_test(http_body LINKS base)
atlantic_unit_test(http_head LINKS base)
atlantic_unit_test(kept_file LINKS base)
atlantic_unit_test(list LINKS base)
atlantic_unit_test(log LINKS base)
atlantic_unit_test(loop LINKS base)
atlantic_unit_test(map LINKS base)
atlantic_unit_test(poller LINKS base)
atlantic_unit_test(trim LINKS base)
atlantic_unit_test(wall_timer LINKS base)

# The rules of base/stream.h, to be linked by the test of every implementation.
add_library(stream_contract STATIC
  stream_contract.c contract/bytes.c contract/ends.c contract/fixture.c contract/remote.c)
target_link_libraries(stream_contract PRIVATE atlantic_flags base PkgConfig::CMOCKA)
atlantic_unit_test(fake_stream LINKS stream_contract fake base)
# The suite itself must be able to fail: once for each of these defects.
foreach(defect wake-inside wake-after-close no-flush no-end lost-bytes no-finish wrong-bytes)
  add_test(NAME unit/stream_contract/finds-${defect} COMMAND test_fake_stream ${defect})
  set_tests_properties(unit/stream_contract/finds-${defect} PROPERTIES
    LABELS unit TIMEOUT 60 PASS_REGULAR_EXPRESSION "[0-9] FAILED TEST")
endforeach()
