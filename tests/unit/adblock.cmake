# unit tests of adblock/; ldns judges our DNS messages
atlantic_unit_test(dns_message LINKS adblock base ldns)
atlantic_unit_test(dns_message_answer LINKS adblock base ldns)
atlantic_unit_test(dns_message_reply LINKS adblock base ldns)
atlantic_unit_test(tls_hello LINKS adblock base)
atlantic_unit_test(sniff LINKS adblock base)
atlantic_unit_test(filter_names LINKS adblock base)
