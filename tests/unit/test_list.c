#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct thing {
    int value;
    struct list node;
};

static void assert_values(struct list *head, const int *values, int count)
{
    int i = 0;
    list_each(node, head) {
        assert_true(i < count);
        assert_int_equal(list_item(node, struct thing, node)->value, values[i++]);
    }
    assert_int_equal(i, count);
}

static void things_stay_in_order_and_leave_from_anywhere(void **state)
{
    struct thing things[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    struct list head;
    (void)state;
    list_init(&head);
    assert_true(list_is_empty(&head));
    for (int i = 0; i < 3; i++)
        list_append(&head, &things[i].node);
    assert_values(&head, (int[]){1, 2, 3}, 3);
    list_remove(&things[1].node);
    list_remove(&things[1].node); /* twice is harmless */
    assert_values(&head, (int[]){1, 3}, 2);
    list_append(&head, &things[1].node);
    assert_values(&head, (int[]){1, 3, 2}, 3);
}

static void a_visit_may_remove_what_it_sees(void **state)
{
    struct thing things[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    struct list head;
    (void)state;
    list_init(&head);
    for (int i = 0; i < 3; i++)
        list_append(&head, &things[i].node);
    list_each(node, &head) {
        if (list_item(node, struct thing, node)->value != 2)
            list_remove(node);
    }
    assert_values(&head, (int[]){2}, 1);
}

static void a_spliced_list_is_left_empty(void **state)
{
    struct thing things[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    struct list to, from;
    (void)state;
    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_is_empty(&to));
    list_append(&to, &things[0].node);
    list_append(&from, &things[1].node);
    list_append(&from, &things[2].node);
    list_splice(&to, &from);
    assert_values(&to, (int[]){1, 2, 3}, 3);
    assert_true(list_is_empty(&from));
}

static void the_first_can_be_taken(void **state)
{
    struct thing things[3] = {{.value = 0}, {.value = 1}, {.value = 2}};
    struct list head;

    (void)state;
    list_init(&head);
    assert_null(list_take_first(&head));
    for (int i = 0; i < 3; i++)
        list_append(&head, &things[i].node);
    assert_ptr_equal(list_take_first(&head), &things[0].node);
    assert_true(list_is_empty(&things[0].node)); /* in no list */
    assert_values(&head, (const int[]){1, 2}, 2);
    list_remove(&things[2].node);
    assert_ptr_equal(list_take_first(&head), &things[1].node);
    assert_null(list_take_first(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_stay_in_order_and_leave_from_anywhere),
        cmocka_unit_test(a_visit_may_remove_what_it_sees),
        cmocka_unit_test(a_spliced_list_is_left_empty),
        cmocka_unit_test(the_first_can_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
