#include "tests/unit/stream_contract.h"

#include "tests/unit/contract/fixture.h"

#include <stdio.h>

enum { MOST_CASES = 64 };

struct run {
    const struct stream_contract *contract;
    const struct contract_case *one;
    struct fixture fixture;
    char name[128];
};

static int set_up(void **state)
{
    struct run *run = *state;
    struct fixture *f = &run->fixture;
    *f = (struct fixture){.contract = run->contract};
    f->loop = loop_new();
    if (!f->loop || run->contract->open(run->contract->owner, f->loop, &f->pair) != 0)
        return -1;
    stream_set_owner(f->pair.stream, contract_on_wake, f);
    return 0;
}

static void run_case(void **state)
{
    struct run *run = *state;
    run->one->fn(&run->fixture);
    if (run->fixture.violation)
        fail_msg("%s", run->fixture.violation);
}

/* Whatever is left after the stream was let go ends by itself once the far end is gone. */
static int tear_down(void **state)
{
    struct run *run = *state;
    struct fixture *f = &run->fixture;
    f->violation = NULL; /* the case has told */
    if (f->pair.stream)
        contract_let_go(f, stream_close);
    f->pair.remote.free(f->pair.remote.owner);
    loop_run(f->loop);
    loop_free(f->loop);
    if (f->violation)
        print_error("%s\n", f->violation);
    return f->violation ? -1 : 0;
}

static struct CMUnitTest make_test(struct run *run, const struct stream_contract *contract,
                                   const struct contract_case *one)
{
    *run = (struct run){.contract = contract, .one = one};
    snprintf(run->name, sizeof(run->name), "%s: %s", contract->name, one->name);
    return (struct CMUnitTest){
        .name = run->name,
        .test_func = run_case,
        .setup_func = set_up,
        .teardown_func = tear_down,
        .initial_state = run,
    };
}

int stream_contract_run(const struct stream_contract *contract)
{
    const struct contract_case *const tables[] = {contract_bytes, contract_ends};
    static struct run runs[MOST_CASES];
    struct CMUnitTest tests[MOST_CASES];
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        for (const struct contract_case *one = tables[i]; one->name; one++, count++) {
            assert_true(count < MOST_CASES);
            tests[count] = make_test(&runs[count], contract, one);
        }
    }
    return _cmocka_run_group_tests(contract->name, tests, count, NULL, NULL);
}
