# Distribution source that is compiled into Atlantic: pinned by the SHA-256 of its .orig tarball,
# fetched once into a cache that all build folders share.
#
# lwIP: Debian's prebuilt library fixes options that decide the speed (software checksums, 64 KB
# window, copied sends). mbedTLS: Debian 12 ships 2.28, which cannot speak to TLS 1.3-only servers.
set(ATLANTIC_LWIP_VERSION 2.2.1)
set(ATLANTIC_LWIP_SHA256 83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1)
set(ATLANTIC_MBEDTLS_VERSION 3.6.6)
set(ATLANTIC_MBEDTLS_SHA256 8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a)
set(ATLANTIC_PINNED_SUITE trixie)

if(DEFINED ENV{XDG_CACHE_HOME})
  set(atlantic_cache $ENV{XDG_CACHE_HOME}/atlantic)
elseif(DEFINED ENV{HOME})
  set(atlantic_cache $ENV{HOME}/.cache/atlantic)
else()
  set(atlantic_cache ${PROJECT_BINARY_DIR}/cache)
endif()

# Unpack `package` below the build folder and set ${ret} to its root.
function(atlantic_pinned_source package version sha256 given_tarball ret)
  set(root ${PROJECT_BINARY_DIR}/_deps/${package}-${version})
  set(${ret} ${root} PARENT_SCOPE)
  if(EXISTS ${root}/.unpacked)
    return()
  endif()
  set(tarball ${given_tarball})
  if(NOT tarball)
    set(tarball ${atlantic_cache}/${package}-${version}.orig.tar)
    execute_process(
      COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-source
        ${ATLANTIC_PINNED_SUITE} ${package} ${version} ${sha256} ${tarball}
      RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "no source of ${package} ${version}; see above")
    endif()
  endif()
  file(SHA256 ${tarball} sum)
  if(NOT sum STREQUAL sha256)
    message(FATAL_ERROR "${tarball} has SHA-256 ${sum}, pinned is ${sha256}")
  endif()
  file(ARCHIVE_EXTRACT INPUT ${tarball} DESTINATION ${PROJECT_BINARY_DIR}/_deps)
  file(TOUCH ${root}/.unpacked)
endfunction()

atlantic_pinned_source(lwip ${ATLANTIC_LWIP_VERSION} ${ATLANTIC_LWIP_SHA256}
                       "${ATLANTIC_LWIP_TARBALL}" ATLANTIC_LWIP_ROOT)

pkg_check_modules(MBEDTLS IMPORTED_TARGET mbedtls>=3.6 mbedx509>=3.6 mbedcrypto>=3.6)
if(MBEDTLS_FOUND)
  add_library(atlantic_mbedtls ALIAS PkgConfig::MBEDTLS)
else()
  atlantic_pinned_source(mbedtls ${ATLANTIC_MBEDTLS_VERSION} ${ATLANTIC_MBEDTLS_SHA256}
                         "${ATLANTIC_MBEDTLS_TARBALL}" mbedtls_root)
  set(ENABLE_TESTING OFF CACHE BOOL "" FORCE)
  set(ENABLE_PROGRAMS OFF CACHE BOOL "" FORCE)
  set(GEN_FILES OFF CACHE BOOL "" FORCE)
  set(DISABLE_PACKAGE_CONFIG_AND_INSTALL ON CACHE BOOL "" FORCE)
  set(MBEDTLS_FATAL_WARNINGS OFF CACHE BOOL "" FORCE)
  set(MBEDTLS_AS_SUBPROJECT ON)
  set(CMAKE_POLICY_DEFAULT_CMP0069 NEW) # link-time optimisation for it too
  add_subdirectory(${mbedtls_root} ${PROJECT_BINARY_DIR}/_deps/mbedtls-build EXCLUDE_FROM_ALL SYSTEM)
  add_library(atlantic_mbedtls INTERFACE)
  target_link_libraries(atlantic_mbedtls INTERFACE mbedtls mbedx509 mbedcrypto)
endif()
