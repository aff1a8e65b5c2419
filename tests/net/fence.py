#!/usr/bin/env python3
"""The root half on a real host, in namespaces: what leaves the wire in each state, and what is left of it
all when it is off. Usage: fence.py ATLANTICD FAKE_WORKER [CASE...]"""
import os
import signal
import subprocess
import sys
import time

import fence_lab
from fence_lab import (ADMITTED, HOST, NET, READY, ROUTER, SERVER4, SERVER6, TUN, UPSTREAMS, WORKER,
                       assert_no_leak, assert_same, cases_of, inside, main, probe, run, state_of,
                       turn_off, turn_on, until)


def worker_says(service, script, line):
    service.follow_script(script)
    assert until(lambda: line in service.log()), f'no "{line}" in: {service.log()}'


def listen(lab, address, port):
    kind = 'TCP6-LISTEN' if ':' in address else 'TCP4-LISTEN'
    bind = f'[{address}]' if ':' in address else address
    lab.processes.start(NET, 'socat', '-u', f'{kind}:{port},bind={bind},fork,reuseaddr',
                        'OPEN:/dev/null')
    where = f'src {bind} sport = :{port}'
    assert until(lambda: inside(NET, 'ss', '-Hltn', *where.split()).stdout), where


# The cases: their names are what they show.

def probes_are_seen_when_off(lab, service):
    """The judge can tell: without protection the same probes are all over the wire."""
    service.start()
    with lab.capture() as frames:
        probe()
    texts = set(frames.leaks())
    for expected in ('udp 203.0.113.11 53', 'udp 2001:db8:2::11 53', 'tcp 203.0.113.11 80',
                     'udp 224.0.0.251 5353', 'ethertype 0x88b5', 'icmp6 2001:db8:2::11',
                     'protocol 2 224.0.0.22', 'protocol 0 ff02::16', 'protocol 60 2001:db8:2::11'):
        assert expected in texts, f'{expected} not in {sorted(texts)}'


def nothing_leaves_while_on(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    assert_no_leak(lab, users=(None, 1234))
    with lab.capture() as frames: # the worker's own user: admitted endpoints alone
        probe(WORKER)
    assert not frames.leaks(ADMITTED), frames.leaks(ADMITTED)
    assert frames.has((SERVER4, 'tcp', 1080)) and frames.has((SERVER6, 'tcp', 1080))


def off_leaves_the_host_as_it_was(lab, service):
    service.write_script(READY)
    service.start()
    before = lab.snapshot()
    for _ in range(3):
        turn_on(service)
        assert TUN in run('ip', '-n', HOST, 'link').stdout
        turn_off(service)
        assert_same(before, lab.snapshot())


def applications_reach_the_tun(lab, service):
    service.write_script('echo\n')
    service.start()
    turn_on(service, 'connecting')
    for address in ('203.0.113.11', '2001:db8:2::11', '192.0.2.1'):
        assert echoes(address, 7777), address
    index = inside(HOST, 'cat', '/sys/class/net/eth0/ifindex').stdout.strip()
    assert echoes('192.0.2.1', 53, f'(0, 50, struct.pack("!I", {index}))')
    assert echoes('2001:db8:1::1', 53, f'(41, 76, struct.pack("!I", {index}))')


def echoes(address, port, option='', inside_of=HOST, seconds=20):
    """A datagram comes back: the fake worker turns what it reads from the TUN around."""
    code = f'''
import socket, struct
one = socket.socket(socket.AF_INET6 if ':' in '{address}' else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout({seconds})
option = {option or None}
if option: one.setsockopt(*option)
one.sendto(b'hello', ('{address}', {port}))
print(one.recv(100))'''
    return 'hello' in inside(inside_of, sys.executable, '-c', code, check=False).stdout


def an_upload_survives_close(lab, service):
    """The kernel forgets who owned a closed socket; the flow's mark does not."""
    service.write_script(READY)
    service.start()
    turn_on(service)
    for address in (SERVER4, SERVER6):
        slow = lab.processes.start(NET, sys.executable, '-c', SLOW_READER, address,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert slow.stdout.readline() == 'listening\n'
        inside(HOST, sys.executable, '-c', UPLOADER, address, str(WORKER))
        slow.stdin.write('read\n')
        slow.stdin.flush()
        assert slow.stdout.readline() == '2000000 bytes\n', address


SLOW_READER = '''
import socket, sys
door = socket.create_server((sys.argv[1], 1080), family=socket.AF_INET6 if ':' in sys.argv[1] else
                            socket.AF_INET)
door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
print('listening', flush=True)
one, _ = door.accept()
sys.stdin.readline()
total = 0
while part := one.recv(65536):
    total += len(part)
print(total, 'bytes', flush=True)'''
UPLOADER = '''
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
one = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
one.connect((sys.argv[1], 1080))
one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4000000)
one.sendall(b'x' * 2000000)
one.close()'''


def older_flows_are_cut(lab, service):
    listen(lab, '203.0.113.11', 80)
    service.write_script(READY)
    service.start()
    old = lab.processes.start(HOST, 'sh', '-c',
                              'while echo x; do sleep 0.05; done | socat -u - TCP4:203.0.113.11:80')
    with lab.capture() as frames:
        assert until(lambda: frames.has(('203.0.113.11', 'tcp', 80)))
    turn_on(service)
    with lab.capture() as frames:
        time.sleep(1)
    assert not frames.leaks(ADMITTED), frames.leaks(ADMITTED)
    lab.processes.end(old)


def the_worker_dies_and_nothing_leaks(lab, service):
    listen(lab, SERVER4, 1080)
    listen(lab, SERVER6, 1080)
    service.write_script(f'{READY}connect {SERVER4}:1080\nconnect [{SERVER6}]:1080\n')
    service.start()
    turn_on(service)
    assert until(lambda: service.log().count(' ok') == 2), service.log()
    first = int(service.ask('status')['worker_pid'])
    index = inside(HOST, 'cat', f'/sys/class/net/{TUN}/ifindex').stdout
    with lab.capture() as frames:
        os.kill(first, signal.SIGKILL)
        assert until(lambda: service.log().count('start') == 2)
        probe()
    assert not frames.leaks(ADMITTED), frames.leaks(ADMITTED)
    assert int(service.ask('status')['worker_pid']) not in (0, first)
    assert until(lambda: state_of(service) == ('on', 'armed'))
    assert inside(HOST, 'cat', f'/sys/class/net/{TUN}/ifindex').stdout == index
    assert until(lambda: service.log().count(' ok') == 4), service.log()


def applications_hear_that_their_flows_are_lost(lab, service):
    """Who only waits for bytes would wait for ever; and nobody goes on with the TUN's address."""
    service.write_script(READY)
    service.start()
    turn_on(service)
    for address in ('203.0.113.11', '2001:db8:2::11'):
        for lose in (lambda: os.kill(int(service.ask('status')['worker_pid']), signal.SIGKILL),
                     lambda: turn_off(service)):
            waiting = lab.processes.start(HOST, sys.executable, '-c', WAITING, address,
                                          stdout=subprocess.PIPE, text=True)
            assert until(lambda: 'SYN-SENT' in inside(HOST, 'ss', '-tan').stdout)
            lose()
            start = time.monotonic()
            assert 'ECONNABORTED' in waiting.stdout.readline()
            assert time.monotonic() - start < 30 # the kernel's own patience is minutes
        assert 'UNCONN' not in inside(HOST, 'ss', '-uan', 'src', '198.18.0.1').stdout
        turn_on(service)


WAITING = '''
import errno, socket, sys
one = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
try: one.connect((sys.argv[1], 80))
except OSError as error: print(errno.errorcode[error.errno], flush=True)'''


def the_supervisor_dies_and_nothing_leaks(lab, service):
    service.write_script(READY)
    service.start()
    before = lab.snapshot()
    turn_on(service)
    with lab.capture() as frames:
        service.stop(signal.SIGKILL)
        told = probe()
    assert not frames.leaks(), frames.leaks()
    assert until(lambda: TUN not in run('ip', '-n', HOST, 'link').stdout)
    told = probe()
    for name in ('tcp4', 'tcp6', 'udp4', 'udp6'): # at once, not by timeout
        assert told[name].split()[0] in ('EHOSTUNREACH', 'ENETUNREACH'), told[name]
    with lab.capture() as frames:
        service.start()
        assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')
        probe()
    assert not frames.leaks(ADMITTED), frames.leaks(ADMITTED)
    turn_off(service)
    assert_same(before, lab.snapshot())


def a_flushed_ruleset_is_healed(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    rules = inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout
    for words in (('flush', 'ruleset'), ('delete', 'table', 'inet', 'atlantic'),
                  ('flush', 'chain', 'inet', 'atlantic', 'leave'),
                  ('insert', 'rule', 'inet', 'atlantic', 'leave', 'accept'),
                  ('delete', 'table', 'netdev', 'atlantic')):
        inside(HOST, 'nft', *words)
        assert until(lambda: inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout == rules), words
        assert_no_leak(lab, users=(None,))


def removed_rules_routes_and_device_come_back(lab, service):
    service.write_script(READY)
    service.start()
    before = lab.snapshot()
    turn_on(service)

    def routing():
        return [run('ip', '-n', HOST, family, *what).stdout for family in ('-4', '-6')
                for what in (('rule',), ('route', 'show', 'table', '1280'))]
    whole = routing()
    for words in (('rule', 'del', 'priority', '8910'), ('-6', 'rule', 'del', 'priority', '8901'),
                  ('route', 'flush', 'table', '1280'), ('-6', 'route', 'flush', 'table', '1280'),
                  ('link', 'set', TUN, 'down'), ('addr', 'del', '198.18.0.1/32', 'dev', TUN),
                  ('link', 'del', TUN)):
        run('ip', '-n', HOST, *words)
        assert until(lambda: routing() == whole), (words, routing())
    assert until(lambda: service.log().count('tun vnet') == 2)
    turn_off(service)
    assert_same(before, lab.snapshot())


def a_device_that_comes_later_is_fenced(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    run('ip', '-n', HOST, 'link', 'del', 'eth0')
    lab.cable(HOST, 'eth0', ROUTER, 'host0')
    for namespace, name, four, six in ((HOST, 'eth0', fence_lab.HOST4, fence_lab.HOST6),
                                       (ROUTER, 'host0', fence_lab.ROUTER4, fence_lab.ROUTER6)):
        run('ip', '-n', namespace, 'addr', 'add', f'{four}/24', 'dev', name)
        run('ip', '-n', namespace, 'addr', 'add', f'{six}/64', 'dev', name)
    run('ip', '-n', HOST, 'route', 'add', 'default', 'via', fence_lab.ROUTER4)
    run('ip', '-n', HOST, 'route', 'add', 'default', 'via', fence_lab.ROUTER6)
    assert until(lambda: 'eth0' in inside(HOST, 'nft', 'list', 'table', 'netdev', 'atlantic').stdout)
    assert_no_leak(lab, users=(None,))


def the_worker_asks_and_is_judged(lab, service):
    listen(lab, '203.0.113.11', 4444)
    service.write_script(READY)
    service.start()
    turn_on(service)
    worker_says(service, 'connect 203.0.113.11:4444\n', 'connected 203.0.113.11:4444 Connection')
    worker_says(service, 'admit 203.0.113.11:4444 tcp\n', 'admitted 203.0.113.11:4444 tcp ok')
    worker_says(service, 'connect 203.0.113.11:4444\n', 'connected 203.0.113.11:4444 ok')
    for no in ('10.1.2.3:1080 tcp', '203.0.113.11:53 udp', '224.0.0.1:9 udp',
               '[fe80::1]:1080 tcp', '255.255.255.255:9 udp'):
        worker_says(service, f'admit {no}\n', f'admitted {no} Permission denied')
    worker_says(service, 'admit 203.0.113.11 udp\n', 'admitted 203.0.113.11:0 udp ok')
    with lab.capture() as frames:
        worker_says(service, 'datagram 203.0.113.11:7000\n', 'bound 203.0.113.11:7000 ok')
        assert until(lambda: frames.has(('203.0.113.11', 'udp', 7000)))
    service.follow_script('withdraw 203.0.113.11:4444 tcp\nwithdraw 203.0.113.11 udp\n')
    elements = lambda: inside(HOST, 'nft', 'list', 'table', 'inet', 'atlantic').stdout
    assert until(lambda: '203.0.113.11' not in elements())
    with lab.capture() as frames:
        time.sleep(0.5)
    assert not frames.leaks(), frames.leaks()


def direct_reaches_all_but_plain_dns(lab, service):
    service.write_config('upstreams:\n  - kind: direct\n')
    service.write_script(READY)
    service.start()
    turn_on(service)
    with lab.capture() as frames:
        probe(WORKER)
    for port in (80, 853):
        assert frames.has(('203.0.113.11', 'tcp', port))
        assert frames.has(('2001:db8:2::11', 'tcp', port))
    unwanted = ('224.', '239.', '255.', 'ff')
    wrong = [frame.text for frame in frames.sent if frame.to
             and (frame.to[2] in (53, 5353, 5355) or frame.to[0].startswith(unwanted))]
    assert not wrong, wrong
    assert_no_leak(lab, users=(None,))


def the_lan_is_open_only_when_asked_for(lab, service):
    run('ip', '-n', HOST, 'addr', 'add', '192.168.7.2/24', 'dev', 'eth0')
    run('ip', '-n', ROUTER, 'addr', 'add', '192.168.7.1/24', 'dev', 'host0')
    service.write_config(UPSTREAMS + 'allow_lan: true\n')
    service.write_script(READY)
    service.start()
    before = lab.snapshot()
    turn_on(service)
    code = '''
import socket
for port in (9, 53, 853, 5353):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try: one.sendto(b'x', ('192.168.7.1', port))
    except OSError: pass'''
    with lab.capture() as frames:
        inside(HOST, sys.executable, '-c', code)
        probe()
    assert frames.has(('192.168.7.1', 'udp', 9))
    assert not frames.leaks(ADMITTED | {('192.168.7.1', 'udp', 9)}), frames.leaks()
    turn_off(service)
    assert_same(before, lab.snapshot())


def the_lan_follows_a_reload(lab, service):
    run('ip', '-n', HOST, 'addr', 'add', '192.168.7.2/24', 'dev', 'eth0')
    service.write_script(READY)
    service.start()
    before = lab.snapshot()
    turn_on(service)
    for setting, count in (('true', 1), ('false', 0)):
        service.write_config(f'{UPSTREAMS}allow_lan: {setting}\n')
        assert 'error' not in service.ask('reload')
        assert run('ip', '-n', HOST, 'rule').stdout.count('192.168.7.0/24') == count
    turn_off(service)
    assert_same(before, lab.snapshot())


def routes_pushed_by_the_network_change_nothing(lab, service):
    """TunnelVision (routes by DHCP) and TunnelCrack (a LAN that lies about its prefix)."""
    service.write_config(f'{UPSTREAMS}allow_lan: true\n')
    service.write_script(READY)
    service.start()
    turn_on(service)
    for prefix in ('203.0.113.11/32', '203.0.113.0/24', '0.0.0.0/1', '128.0.0.0/1'):
        run('ip', '-n', HOST, 'route', 'add', prefix, 'via', fence_lab.ROUTER4)
    for prefix in ('2001:db8:2::11/128', '::/1', '8000::/1'):
        run('ip', '-n', HOST, 'route', 'add', prefix, 'via', fence_lab.ROUTER6)
    run('ip', '-n', HOST, 'addr', 'add', '203.0.113.77/24', 'dev', 'eth0')
    run('ip', '-n', HOST, 'addr', 'add', '2001:db8:2::77/64', 'dev', 'eth0')
    time.sleep(0.2)
    assert_no_leak(lab, users=(None,))


def a_link_may_go_down_and_up(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    with lab.capture() as frames:
        for _ in range(5):
            run('ip', '-n', HOST, 'link', 'set', 'eth0', 'down')
            run('ip', '-n', HOST, 'link', 'set', 'eth0', 'up')
            probe()
    assert not frames.leaks(), frames.leaks()


def containers_take_the_tunnel(lab, service):
    box = lab.add_box()
    service.write_script(READY + 'echo\n')
    service.start()
    with lab.capture() as frames:
        assert not echoes('203.0.113.11', 7777, inside_of=box, seconds=1)
    assert frames.has(('203.0.113.11', 'udp', 7777)) # without protection: out it goes
    turn_on(service)
    with lab.capture() as frames:
        assert echoes('203.0.113.11', 7777, inside_of=box)
        assert echoes('192.0.2.1', 53, inside_of=box)
        service.stop(signal.SIGKILL)
        assert not echoes('203.0.113.11', 7777, inside_of=box, seconds=1)
    assert not frames.leaks(ADMITTED), frames.leaks(ADMITTED)


def nobody_outside_speaks_to_the_tunnel_address(lab, service):
    """CVE-2019-14899, and ARP for the tunnel's address."""
    service.write_script(READY)
    service.start()
    turn_on(service)
    run('ip', '-n', ROUTER, 'route', 'add', '198.18.0.1/32', 'via', fence_lab.HOST4)
    run('ip', '-n', ROUTER, 'route', 'add', 'fd00:6b73::1/128', 'via', fence_lab.HOST6)
    with lab.capture() as frames:
        for kind, address in (('TCP4', '198.18.0.1'), ('TCP6', '[fd00:6b73::1]')):
            inside(ROUTER, 'socat', '-u', 'OPEN:/dev/null', f'{kind}:{address}:80,connect-timeout=1',
                   check=False)
        run('ip', '-n', ROUTER, 'route', 'replace', '198.18.0.1/32', 'dev', 'host0')
        inside(ROUTER, 'socat', '-u', 'OPEN:/dev/null', 'TCP4:198.18.0.1:80,connect-timeout=1',
               check=False)
    assert not frames.leaks(), frames.leaks()
    assert 'lladdr' not in run('ip', '-n', ROUTER, 'neigh', 'show', '198.18.0.1').stdout


def a_stop_stays_locked_and_cleanup_lifts(lab, service):
    before = lab.snapshot()
    service.write_script(READY)
    service.start()
    turn_on(service)
    assert service.once('--cleanup').returncode == 9
    service.stop(signal.SIGTERM)
    assert service.process.returncode == 0
    assert 'THE FENCE STAYS ARMED' in service.stderr()
    assert TUN not in run('ip', '-n', HOST, 'link').stdout
    assert_no_leak(lab)
    inside(HOST, 'nft', 'flush', 'ruleset') # a reboot
    assert service.once('--lockdown').returncode == 0
    assert_no_leak(lab)
    assert service.once('--cleanup').returncode == 0
    assert_same(before, lab.snapshot())
    assert service.once('--lockdown').returncode == 0 # the wish is off: nothing happens
    assert_same(before, lab.snapshot())


if __name__ == '__main__':
    sys.exit(main(cases_of(globals())))
