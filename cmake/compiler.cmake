# How our own code is compiled: every warning is an error; hardening in release; sanitizers on
# request. Third-party sources do not see the warnings (target `atlantic_flags` is ours alone).
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(atlantic_flags INTERFACE)
target_include_directories(atlantic_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(atlantic_flags INTERFACE _GNU_SOURCE ATLANTIC_VERSION="${PROJECT_VERSION}")
target_compile_options(atlantic_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
  -fno-strict-aliasing -fno-common)

if(ATLANTIC_SANITIZE)
  add_compile_options(-fsanitize=${ATLANTIC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ATLANTIC_SANITIZE})
endif()
if(ATLANTIC_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckIPOSupported)
  check_ipo_supported(RESULT ATLANTIC_LTO OUTPUT why)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${ATLANTIC_LTO})
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
  # assert() is for our own bugs and stays on.
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
endif()
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

# atlantic_library(NAME SOURCE... LINKS TARGET...): one static library per folder, whose PRIVATE
# links repeat the include table of ARCHITECTURE.md.
function(atlantic_library name)
  cmake_parse_arguments(A "" "" "LINKS" ${ARGN})
  add_library(${name} STATIC ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE atlantic_flags ${A_LINKS})
endfunction()

function(atlantic_executable name)
  cmake_parse_arguments(A "" "" "LINKS" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  target_link_libraries(${name} PRIVATE atlantic_flags ${A_LINKS})
endfunction()
