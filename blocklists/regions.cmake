# cmake -DINPUT=regions.json -DOUTPUT=file.c -P regions.cmake: what each region permits, as a C table.
cmake_minimum_required(VERSION 3.25)
file(READ ${INPUT} json)

# An array of words as a C initializer that ends with NULL.
function(words_of object member variable)
  string(JSON count LENGTH "${object}" ${member})
  set(words "")
  if(count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON word GET "${object}" ${member} ${i})
      if(NOT word MATCHES "^[A-Za-z0-9-]+$")
        message(FATAL_ERROR "${INPUT}: '${word}' is not a word")
      endif()
      string(APPEND words "\"${word}\", ")
    endforeach()
  endif()
  set(${variable} "{${words}NULL}" PARENT_SCOPE)
endfunction()

string(JSON count LENGTH "${json}" regions)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON region GET "${json}" regions ${i})
  string(JSON name GET "${region}" name)
  string(JSON log_days GET "${region}" log_days)
  string(JSON log_consent GET "${region}" log_consent)
  if(log_consent STREQUAL "ON")
    set(log_consent true)
  elseif(log_consent STREQUAL "OFF")
    set(log_consent false)
  else()
    message(FATAL_ERROR "${INPUT}: '${log_consent}' is not true or false")
  endif()
  words_of("${region}" codes codes)
  words_of("${region}" categories categories)
  string(APPEND rows "    {\"${name}\",\n     ${codes},\n     ${categories},\n     ${log_consent},\n     ${log_days}},\n")
endforeach()

file(WRITE ${OUTPUT} "/* Made from regions.json by regions.cmake. */
#include \"blocklists/regions.h\"

const struct region regions[] = {
${rows}};
const size_t regions_count = sizeof(regions) / sizeof(regions[0]);
")
