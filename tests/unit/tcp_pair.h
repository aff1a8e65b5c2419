/* Two non-blocking descriptors that are the ends of one TCP connection over the loopback interface.
 */
#ifndef TESTS_TCP_PAIR_H
#define TESTS_TCP_PAIR_H

void tcp_pair(int *ret_a, int *ret_b);

#endif
