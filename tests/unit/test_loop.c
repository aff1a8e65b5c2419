#include "base/loop.h"

#include "tests/unit/diary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct entry {
    struct diary *diary;
    struct loop *loop;
    struct timer timer;
    struct deferred deferred;
    struct entry *victim; /* stopped or cancelled by the callback */
    int again;            /* how often it starts itself again */
    char letter;
};

static void on_timer(void *owner)
{
    struct entry *entry = owner;
    diary_note(entry->diary, entry->letter);
    if (entry->victim)
        timer_stop(&entry->victim->timer);
    if (entry->again-- > 0)
        timer_start(&entry->timer, 0);
}

static void on_deferred(void *owner)
{
    struct entry *entry = owner;
    diary_note(entry->diary, entry->letter);
    if (entry->victim)
        deferred_cancel(&entry->victim->deferred);
    if (entry->again-- > 0)
        deferred_schedule(&entry->deferred);
}

static void entry_init(struct entry *entry, struct loop *loop, struct diary *diary, char letter)
{
    *entry = (struct entry){.diary = diary, .loop = loop, .letter = letter};
    timer_init(&entry->timer, loop, on_timer, entry);
    deferred_init(&entry->deferred, loop, on_deferred, entry);
}

static int setup(void **state)
{
    *state = loop_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void timers_fire_in_order_of_their_time(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entries[3];
    const uint64_t delays[] = {30, 10, 20};
    loop_fake_clock(loop, 1000);
    for (int i = 0; i < 3; i++) {
        entry_init(&entries[i], loop, &diary, (char)('a' + i));
        assert_int_equal(timer_start(&entries[i].timer, delays[i]), 0);
    }
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "");
    loop_fake_clock(loop, 1019);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "b");
    loop_fake_clock(loop, 1030);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "bca");
    assert_false(timer_is_active(&entries[0].timer));
}

static void a_timer_moves_when_started_again(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'a');
    timer_start(&entry.timer, 10);
    timer_start(&entry.timer, 50);
    loop_fake_clock(loop, 49);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "");
    timer_start(&entry.timer, 0);
    assert_string_equal(diary.text, ""); /* never from timer_start */
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
}

static void a_timer_callback_may_stop_another_that_is_due(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    loop_fake_clock(loop, 0);
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    first.victim = &second;
    timer_start(&first.timer, 1);
    timer_start(&second.timer, 2);
    loop_fake_clock(loop, 5);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
    assert_false(timer_is_active(&second.timer));
}

static void a_timer_that_restarts_itself_does_not_hold_the_loop(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'a');
    entry.again = 2;
    timer_start(&entry.timer, 0);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "a");
    loop_run_once(loop, 0);
    loop_run_once(loop, 0);
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "aaa");
}

static void many_timers_keep_their_order(void **state)
{
    enum { COUNT = 1000 };
    static struct timer timers[COUNT];
    static struct diary diary;
    struct loop *loop = *state;
    struct entry entry;
    uint32_t random = 1;
    loop_fake_clock(loop, 0);
    entry_init(&entry, loop, &diary, 'x');
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        timer_init(&timers[i], loop, on_timer, &entry);
        timer_start(&timers[i], 1 + random % 5000);
    }
    for (int i = 0; i < COUNT; i += 2)
        timer_stop(&timers[i]);
    for (uint64_t now = 0; now <= 5000; now += 100) {
        loop_fake_clock(loop, now);
        diary.size = 0;
        for (int turn = 0; turn < 2; turn++)
            loop_run_once(loop, 0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(timer_is_active(&timers[i]), i % 2 && timers[i].due_at_ms > now);
    }
}

static void deferred_calls_come_once_and_in_order(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    deferred_schedule(&first.deferred);
    deferred_schedule(&second.deferred);
    deferred_schedule(&first.deferred);
    assert_string_equal(diary.text, "");
    loop_run_once(loop, 1000);
    assert_string_equal(diary.text, "ab");
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "ab");
}

/* Behind all others, a few in a turn, and never lost. */
static void postponed_calls_come_last_and_take_turns(void **state)
{
    enum { COUNT = 5 };
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry late[COUNT], soon;
    for (int i = 0; i < COUNT; i++) {
        entry_init(&late[i], loop, &diary, (char)('1' + i));
        deferred_postpone(&late[i].deferred);
        deferred_postpone(&late[i].deferred);
    }
    entry_init(&soon, loop, &diary, 'a');
    deferred_schedule(&soon.deferred);
    deferred_cancel(&late[1].deferred);
    loop_run_once(loop, 1000);
    assert_true(diary.text[0] == 'a' && diary.text[1] == '1');
    assert_null(strchr(diary.text, '5'));
    loop_run(loop);
    assert_string_equal(diary.text, "a1345");
}

static void run_returns_when_deferred_calls_were_the_last(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, loop, &diary, 'a');
    for (int i = 0; i < 3; i++) {
        deferred_schedule(&entry.deferred);
        loop_run(loop);
    }
    assert_string_equal(diary.text, "aaa");
}

static void a_deferred_call_may_cancel_another_of_its_pass(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry first, second;
    entry_init(&first, loop, &diary, 'a');
    entry_init(&second, loop, &diary, 'b');
    first.victim = &second;
    deferred_schedule(&first.deferred);
    deferred_schedule(&second.deferred);
    loop_run(loop);
    assert_string_equal(diary.text, "a");
    deferred_cancel(&second.deferred); /* twice is harmless */
}

static void a_real_timer_is_not_early_and_ends_loop_run(void **state)
{
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, *state, &diary, 't');
    loop_run_once(*state, 0);
    uint64_t started_ms = loop_now_ms(*state);
    timer_start(&entry.timer, 15);
    loop_run(*state);
    assert_string_equal(diary.text, "t");
    assert_true(loop_now_ms(*state) >= started_ms + 15);
}

static void stop_before_run_returns_at_once(void **state)
{
    struct diary diary = {0};
    struct entry entry;
    entry_init(&entry, *state, &diary, 't');
    timer_start(&entry.timer, 1000000);
    loop_stop(*state);
    loop_run(*state);
    timer_stop(&entry.timer);
    loop_run(*state);
    assert_string_equal(diary.text, "");
}

struct visitor {
    struct diary *diary;
    struct loop_guest guest;
    struct timer timer;
    char letter;
};

static void leave(void *owner)
{
    struct visitor *visitor = owner;
    timer_stop(&visitor->timer);
    list_remove(&visitor->guest.node);
    diary_note(visitor->diary, visitor->letter);
}

static void guests_leave_with_the_loop(void **state)
{
    struct loop *loop = loop_new();
    struct diary diary = {0};
    struct visitor visitors[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        visitors[i] = (struct visitor){.diary = &diary, .letter = (char)('a' + i)};
        timer_init(&visitors[i].timer, loop, leave, &visitors[i]);
        timer_start(&visitors[i].timer, i == 1 ? 0 : 60000);
        loop_add_guest(loop, &visitors[i].guest, leave, &visitors[i]);
    }
    loop_run_once(loop, 0);
    assert_string_equal(diary.text, "b"); /* by itself, before */
    loop_free(loop);
    assert_string_equal(diary.text, "bac");
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void on_first_wake(void *owner)
{
    diary_note(owner, 'w');
}

static void a_wake_is_told_once_and_first(void **state)
{
    struct loop *loop = *state;
    struct diary diary = {0};
    struct entry timer, deferred;
    loop_fake_clock(loop, 1000);
    entry_init(&timer, loop, &diary, 't');
    entry_init(&deferred, loop, &diary, 'd');
    uint64_t before = loop_wakes(loop);
    loop_on_wake(loop, on_first_wake, &diary);
    deferred_schedule(&deferred.deferred);
    loop_run_once(loop, 0); /* work that was left over is no wake */
    assert_string_equal(diary.text, "d");
    for (int i = 0; i < 2; i++) {
        timer_start(&timer.timer, 10);
        loop_fake_clock(loop, loop_now_ms(loop) + 10);
        loop_run_once(loop, 0);
    }
    assert_string_equal(diary.text, "dwtt");
    assert_int_equal(loop_wakes(loop) - before, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guests_leave_with_the_loop),
        loop_test(a_wake_is_told_once_and_first),
        loop_test(timers_fire_in_order_of_their_time),
        loop_test(a_timer_moves_when_started_again),
        loop_test(a_timer_callback_may_stop_another_that_is_due),
        loop_test(a_timer_that_restarts_itself_does_not_hold_the_loop),
        loop_test(many_timers_keep_their_order),
        loop_test(deferred_calls_come_once_and_in_order),
        loop_test(postponed_calls_come_last_and_take_turns),
        loop_test(run_returns_when_deferred_calls_were_the_last),
        loop_test(a_deferred_call_may_cancel_another_of_its_pass),
        loop_test(a_real_timer_is_not_early_and_ends_loop_run),
        loop_test(stop_before_run_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
