#include "service/engine/udp_questions.h"

#include "base/err.h"

#include <stdlib.h>

enum { QUESTIONS_MAX = 256 };

struct question {
    struct list node;
    struct udp_questions *questions;
    struct endpoint server; /* whom the application thinks it asked */
    struct dns_wait *wait;
};

void udp_questions_init(struct udp_questions *questions, struct dns *dns, struct dgram *client)
{
    *questions = (struct udp_questions){.dns = dns, .client = client};
    list_init(&questions->all);
}

static void question_free(struct question *question)
{
    list_remove(&question->node);
    question->questions->count--;
    free(question);
}

void udp_questions_done(struct udp_questions *questions)
{
    list_each(node, &questions->all) {
        struct question *question = list_item(node, struct question, node);
        dns_wait_cancel(question->wait);
        question_free(question);
    }
}

static void on_answer(void *owner, const uint8_t *answer, size_t size)
{
    struct question *question = owner;

    dgram_send(question->questions->client, &question->server, answer, size);
    question_free(question);
}

/* Keep whom to answer; otherwise the question is dropped. */
static int wait_for_answer(struct udp_questions *questions, const struct endpoint *server,
                           struct dns_wait *wait)
{
    struct question *question = NULL;

    if (questions->count < QUESTIONS_MAX)
        question = malloc(sizeof(*question));
    if (!question) {
        dns_wait_cancel(wait);
        return ERR_LIMIT;
    }
    *question = (struct question){.questions = questions, .server = *server, .wait = wait};
    dns_wait_set_owner(wait, question);
    list_append(&questions->all, &question->node);
    questions->count++;
    return 0;
}

/* What is answered at once takes no memory: most of what is blocked, and what is in the cache. */
int udp_questions_ask(struct udp_questions *questions, const struct caller *caller,
                      const struct endpoint *server, const void *data, size_t size)
{
    struct dns_asker asker = {caller, false, on_answer, NULL};
    struct dns_wait *wait;
    uint8_t answer[DNS_MESSAGE_MAX];
    ssize_t got = dns_ask(questions->dns, data, size, &asker, answer, DNS_UDP_OURS, &wait);

    if (got == 0)
        return wait_for_answer(questions, server, wait);
    if (got > 0)
        dgram_send(questions->client, server, answer, (size_t)got);
    return 0;
}
