#include "tests/unit/diary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void diary_note(struct diary *diary, char letter)
{
    assert_true(diary->size + 1 < sizeof(diary->text));
    diary->text[diary->size++] = letter;
}
