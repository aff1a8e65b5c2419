/* Notes the order of calls as letters. */
#ifndef TESTS_DIARY_H
#define TESTS_DIARY_H

#include <stddef.h>

struct diary {
    char text[64];
    size_t size;
};

void diary_note(struct diary *diary, char letter);

#endif
