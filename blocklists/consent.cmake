# cmake -DINPUT=consent.json -DOUTPUT=file.c -P consent.cmake: what people are asked, as C.
cmake_minimum_required(VERSION 3.25)
file(READ ${INPUT} json)

string(JSON version GET "${json}" version)
if(NOT version MATCHES "^[1-9][0-9]*$")
  message(FATAL_ERROR "${INPUT}: '${version}' is not a version")
endif()
string(JSON count LENGTH "${json}" text)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON paragraph GET "${json}" text ${i})
  if(paragraph MATCHES "[\"\\\n]")
    message(FATAL_ERROR "${INPUT}: '${paragraph}' would need an escape")
  endif()
  string(APPEND paragraphs "    \"${paragraph}\",\n")
endforeach()

file(WRITE ${OUTPUT} "/* Made from consent.json by consent.cmake. */
#include \"blocklists/consent.h\"

static const char *const paragraphs[] = {
${paragraphs}    NULL,
};
const struct consent_text consent_text = {${version}, paragraphs};
")
