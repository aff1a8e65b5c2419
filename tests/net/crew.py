#!/usr/bin/env python3
"""Several workers under the root half, with workers that follow a script. A line of the script that
begins with @N is for worker N alone. Usage: crew.py ATLANTICD FAKE_WORKER [CASE...]"""
import os
import signal
import sys

from fence_lab import (HERE, HOST, READY, TUN, UPSTREAMS, assert_no_leak, assert_same, cases_of, inside,
                       main, turn_on, until)


def _workers_of(service):
    answer = service.ask('status')
    return [tuple(answer[f'worker.{i + 1}'].split(' ', 2)[:2]) for i in range(int(answer['workers']))]


def _start_three(service, more=''):
    service.write_config(f'{UPSTREAMS}workers: 3\n')
    service.write_script(READY + more)
    service.start()
    turn_on(service)
    assert until(lambda: [state for _, state in _workers_of(service)] == ['on'] * 3), _workers_of(service)


def several_workers_have_a_queue_each(lab, service):
    _start_three(service)
    for prefix in ('', '@2 ', '@3 '):
        assert until(lambda: f'{prefix}tun vnet\n' in service.log()), service.log()
    pids = {pid for pid, _ in _workers_of(service)}
    assert len(pids) == 3 and '0' not in pids
    flags = int(inside(HOST, 'cat', f'/sys/class/net/{TUN}/tun_flags').stdout, 16)
    assert flags & 0x100, hex(flags) # IFF_MULTI_QUEUE
    first, victim, last = (int(pid) for pid, _ in _workers_of(service))
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: service.log().count('@2 tun vnet\n') == 2), service.log()
    assert until(lambda: [state for _, state in _workers_of(service)] == ['on'] * 3), _workers_of(service)
    assert (int(_workers_of(service)[0][0]), int(_workers_of(service)[2][0])) == (first, last)
    assert_no_leak(lab, users=(None,))
    service.ask('off')
    service.stop(signal.SIGTERM)
    assert service.process.returncode == 0
    assert service.log().count('stop\n') == 3, service.log()


def the_others_start_when_the_first_is_ready(lab, service):
    before = lab.snapshot()
    service.write_config(f'{UPSTREAMS}workers: 3\n')
    service.write_script('@1 fail /etc/list: no such file\n')
    done = service.once('--on')
    assert done.returncode == 8 and 'the worker cannot start: /etc/list' in done.stderr, done
    assert '@2' not in service.log(), service.log()
    assert_same(before, lab.snapshot())


def what_one_worker_refuses_all_refuse(lab, service):
    _start_three(service, '@2 refuse it is not for me\n')
    service.write_config('upstreams:\n  - kind: socks5\n    server: 203.0.113.11:1081\nworkers: 3\n')
    rules = inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout
    assert service.ask('reload')['error'] == 'it is not for me'
    assert inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout == rules
    # The others were told to take it, and then to take the old one again.
    assert until(lambda: service.log().splitlines().count('config') == 2), service.log()
    assert until(lambda: service.log().splitlines().count('@3 config') == 2), service.log()
    assert service.log().splitlines().count('@2 config') == 1, service.log()
    service.ask('restart')
    assert until(lambda: [state for _, state in _workers_of(service)] == ['on'] * 3), _workers_of(service)


def what_one_worker_asks_for_stays_with_it(lab, service):
    def admitted():
        return inside(HOST, 'nft', 'list', 'set', 'inet', 'atlantic', 'admitted4').stdout
    _start_three(service, '@2 admit 203.0.113.77:1 tcp\n@3 admit 203.0.113.77:1 tcp\n@3 admit 203.0.113.78:1 tcp\n')
    assert until(lambda: '203.0.113.77' in admitted() and '203.0.113.78' in admitted()), admitted()
    service.write_script(READY)
    os.kill(int(_workers_of(service)[2][0]), signal.SIGKILL)
    assert until(lambda: '203.0.113.78' not in admitted()), admitted()
    assert '203.0.113.77' in admitted()
    os.kill(int(_workers_of(service)[1][0]), signal.SIGKILL)
    assert until(lambda: '203.0.113.77' not in admitted()), admitted()


def _wrapped(service, capabilities):
    service.wrapper = ('setpriv', '--bounding-set', capabilities, '--inh-caps', '-all', '--no-new-privs')


def the_capabilities_of_the_unit_are_enough_to_steer(lab, service):
    with open(f'{HERE}/../../packaging/systemd/atlanticd.service.in', encoding='ascii') as file:
        line = next(line for line in file if line.startswith('CapabilityBoundingSet='))
    names = [f'+{word[4:].lower()}' for word in line.strip().split('=')[1].split()]
    _wrapped(service, ','.join(['-all', *names]))
    _start_three(service)
    assert service.ask('status')['workers_why'] == ''


def where_packets_cannot_be_steered_there_is_one(lab, service):
    _wrapped(service, '-bpf,-sys_admin')
    service.write_config(f'{UPSTREAMS}workers: 3\n')
    service.write_script(READY)
    service.start()
    turn_on(service)
    answer = service.ask('status')
    assert answer['workers'] == '1' and 'this kernel cannot share' in answer['workers_why'], answer
    assert '@2' not in service.log(), service.log()


if __name__ == '__main__':
    sys.exit(main(cases_of(globals())))
