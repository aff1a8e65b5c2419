# cmake -DINPUT=sources.json -DOUTPUT=file.c -P catalogue.cmake: the catalogue as a C table.
cmake_minimum_required(VERSION 3.25)
file(READ ${INPUT} json)

# The value of a member as a C string; the file holds no quotes or backslashes within values.
function(text_of object member variable)
  string(JSON value ERROR_VARIABLE missing GET "${object}" ${member})
  if(missing)
    message(FATAL_ERROR "${INPUT}: ${missing}")
  endif()
  if(value MATCHES "[\"\\]")
    message(FATAL_ERROR "${INPUT}: '${value}' would need an escape")
  endif()
  set(${variable} "\"${value}\"" PARENT_SCOPE)
endfunction()

string(JSON count LENGTH "${json}" categories)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON category GET "${json}" categories ${i})
  string(APPEND categories "\"${category}\", ")
endforeach()

string(JSON count LENGTH "${json}" sources)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON source GET "${json}" sources ${i})
  set(row "")
  foreach(member id name category format url licence homepage)
    text_of("${source}" ${member} value)
    string(APPEND row ".${member} = ${value}, ")
  endforeach()
  string(JSON is_recommended ERROR_VARIABLE missing GET "${source}" recommended)
  if(is_recommended STREQUAL "ON")
    string(APPEND row ".is_recommended = true")
  endif()
  string(APPEND rows "    {${row}},\n")
endforeach()

file(WRITE ${OUTPUT} "/* Made from sources.json by catalogue.cmake. */
#include \"blocklists/catalogue.h\"

const char *const catalogue_categories[] = {${categories}NULL};
const struct catalogue_source catalogue_sources[] = {
${rows}};
const size_t catalogue_count = sizeof(catalogue_sources) / sizeof(catalogue_sources[0]);
")
