# cmake -DINPUT=list -DOUTPUT=file.c -P embed.cmake: a text file as a C array.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n    " bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
get_filename_component(name ${INPUT} NAME)
file(WRITE ${OUTPUT} "/* Made from ${name} by embed.cmake. */
#include \"blocklists/builtin.h\"

const char builtin_list_text[] = {
    ${bytes}
};
const size_t builtin_list_size = sizeof(builtin_list_text);
")
