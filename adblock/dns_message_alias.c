/* An alias of our own put in front of a server's answer, whose names are compressed in a way that
 * fits its place in the message. Rare, so ldns takes it apart and writes it again. */
#include "adblock/dns_message.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>

static ldns_rr *make_question(const struct dns_question *question)
{
    ldns_rdf *name = ldns_dname_new_frm_str(question->name);
    ldns_rr *rr = name ? ldns_rr_new() : NULL;

    if (!rr) {
        ldns_rdf_deep_free(name);
        return NULL;
    }
    ldns_rr_set_owner(rr, name);
    ldns_rr_set_question(rr, true);
    ldns_rr_set_type(rr, (ldns_rr_type)question->qtype);
    return rr;
}

static ldns_rr *make_alias(const struct dns_question *question, const char *target, uint32_t ttl_s)
{
    ldns_rdf *name = ldns_dname_new_frm_str(question->name);
    ldns_rdf *data = ldns_dname_new_frm_str(target);
    ldns_rr *rr = name && data ? ldns_rr_new_frm_type(LDNS_RR_TYPE_CNAME) : NULL;

    if (!rr) {
        ldns_rdf_deep_free(name);
        ldns_rdf_deep_free(data);
        return NULL;
    }
    ldns_rr_set_owner(rr, name);
    ldns_rr_set_ttl(rr, ttl_s);
    ldns_rr_set_rdf(rr, data, 0);
    return rr;
}

/* The packet's question becomes `asked`, `alias` comes before its answers; both are taken. */
static int put_in_front(ldns_pkt *packet, ldns_rr *asked, ldns_rr *alias)
{
    ldns_rr_list *questions = ldns_rr_list_new(), *answers = ldns_rr_list_new();

    if (!asked || !alias || !questions || !answers) {
        ldns_rr_free(asked);
        ldns_rr_free(alias);
        ldns_rr_list_free(questions);
        ldns_rr_list_free(answers);
        return -ENOMEM;
    }
    ldns_rr_list_push_rr(questions, asked);
    ldns_rr_list_push_rr(answers, alias);
    for (size_t i = 0; i < ldns_rr_list_rr_count(ldns_pkt_answer(packet)); i++)
        ldns_rr_list_push_rr(answers, ldns_rr_list_rr(ldns_pkt_answer(packet), i));
    ldns_rr_list_free(ldns_pkt_answer(packet));
    ldns_rr_list_deep_free(ldns_pkt_question(packet));
    ldns_pkt_set_question(packet, questions);
    ldns_pkt_set_answer(packet, answers);
    ldns_pkt_set_qdcount(packet, 1);
    ldns_pkt_set_ancount(packet, (uint16_t)ldns_rr_list_rr_count(answers));
    ldns_pkt_set_ad(packet, false); /* nobody signed the alias */
    return 0;
}

ssize_t dns_message_alias(const struct dns_question *question, const char *target, uint32_t ttl_s,
                          const uint8_t *answer, size_t size, uint8_t *to, size_t capacity)
{
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    size_t wire_size = 0;
    ssize_t result = -EBADMSG;

    if (ldns_wire2pkt(&packet, answer, size) != LDNS_STATUS_OK)
        return -EBADMSG;
    if (put_in_front(packet, make_question(question), make_alias(question, target, ttl_s)) == 0 &&
        ldns_pkt2wire(&wire, packet, &wire_size) == LDNS_STATUS_OK)
        result = wire_size <= capacity ? (ssize_t)wire_size : -ENOBUFS;
    if (result > 0)
        memcpy(to, wire, wire_size);
    LDNS_FREE(wire);
    ldns_pkt_free(packet);
    return result;
}
