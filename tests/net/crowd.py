"""Many connections that each ask for a little, again and again: how evenly are they served?

    crowd.py ADDRESS PORT COUNT BYTES ENOUGH      to `bench_load serve`; counts between two lines of its input

Says when they had ENOUGH answers each, on average; in the end prints the fewest, the median and the most
answers that one connection has had.
"""

import select
import socket
import statistics
import sys
import time


def connect_all(address, port, count):
    socks = []
    for _ in range(count):
        sock = socket.create_connection((address, port), timeout=60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"e")
        sock.setblocking(False)
        socks.append(sock)
    return socks


def run(socks, size, enough, until):
    """Each sends again when it has got everything back; the numbers of answers."""
    question = b"q" * size
    poll = select.epoll()
    by_fd = {sock.fileno(): [sock, size, 0] for sock in socks}
    for sock in socks:
        poll.register(sock, select.EPOLLIN)
        sock.send(question)
    total = 0
    while not until():
        for fd, _ in poll.poll(0.05, 256):
            one = by_fd[fd]
            got = one[0].recv(one[1])
            if not got:
                sys.exit("a connection has ended")
            one[1] -= len(got)
            if one[1] == 0:
                one[1] = size
                one[2] += 1
                one[0].send(question)
                total += 1
                if total == enough * len(socks):
                    print("enough", flush=True)
    return [one[2] for one in by_fd.values()]


def main(address, port, count, size, enough):
    socks = connect_all(address, int(port), int(count))
    print("ready", flush=True)
    sys.stdin.readline()
    asked = [time.monotonic()]

    def is_over():
        # Looking costs as much as an answer.
        if time.monotonic() - asked[0] < 0.1:
            return False
        asked[0] = time.monotonic()
        return select.select([sys.stdin], [], [], 0)[0]
    answers = run(socks, int(size), int(enough), is_over)
    print(min(answers), statistics.median(answers), max(answers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
