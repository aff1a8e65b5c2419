#!/usr/bin/env python3
"""The root half as a service, in namespaces: signals, reload, its worker's faults, who may speak to it, and
what it says when it cannot start. Usage: supervisor.py ATLANTICD FAKE_WORKER [CASE...]"""
import os
import signal
import sys
import time

from fence_lab import (HOST, READY, TUN, WORKER, assert_no_leak, assert_same, cases_of, inside, main, run,
                       state_of, turn_on, until)

HERE = os.path.dirname(os.path.abspath(__file__))


def ctrl_c_switches_off(lab, service):
    before = lab.snapshot()
    service.write_script(READY)
    service.start('--on')
    assert until(lambda: state_of(service) == ('on', 'armed'))
    service.stop(signal.SIGINT)
    assert service.process.returncode == 0
    assert_same(before, lab.snapshot())


def a_reload_that_is_wrong_changes_nothing(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    rules = inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout
    service.write_config('upstreams:\n  - kind: sock5\n')
    assert f'{service.config}:5:' in service.ask('reload')['error']
    assert f'{service.config}:5:' in service.ask('config-check')['error']
    assert inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout == rules
    service.follow_script('refuse the list is unreadable\n')
    assert until(lambda: 'refuses' in service.log()), service.log()
    service.write_config('upstreams:\n  - kind: socks5\n    server: 203.0.113.11:1081\n')
    assert service.ask('reload')['error'] == 'the list is unreadable'
    assert inside(HOST, 'nft', '-s', 'list', 'ruleset').stdout == rules


def a_good_reload_moves_fence_and_doors(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    service.write_config('upstreams:\n  - kind: socks5\n    server: 203.0.113.11:1081\n'
                         'local:\n  listen: [127.0.0.1:1090]\n')
    answer = service.ask('reload')
    assert 'error' not in answer and answer['state'] == 'on', answer
    rules = inside(HOST, 'nft', 'list', 'set', 'inet', 'atlantic', 'admitted4').stdout
    assert '203.0.113.11 . tcp . 1081' in rules and '203.0.113.10' not in rules
    assert until(lambda: 'listen' in service.log())
    assert '127.0.0.1:1090' in inside(HOST, 'ss', '-ltn').stdout
    assert until(lambda: ':1080 ' not in inside(HOST, 'ss', '-ltn').stdout)


def a_worker_that_misbehaves_is_replaced(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    service.write_script('nonsense\n')
    first = int(service.ask('status')['worker_pid'])
    os.kill(first, signal.SIGUSR1)
    assert until(lambda: service.log().count('start') >= 3), service.log()
    assert until(lambda: service.ask('status')['state'] == 'failing')
    answer = service.ask('status')
    assert 'sent a message that does not fit' in answer['reason'], answer
    service.write_script(READY)
    service.ask('restart')
    assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')
    assert_no_leak(lab, users=(None,))


def a_worker_that_cannot_start_is_told_at_once(lab, service):
    before = lab.snapshot()
    service.write_script('fail /etc/list: no such file\n')
    done = service.once('--on')
    assert done.returncode == 8, done
    assert 'the worker cannot start: /etc/list: no such file' in done.stderr
    assert_same(before, lab.snapshot())
    service.worker = '/does/not/exist'
    done = service.once()
    assert done.returncode == 8 and 'cannot run /does/not/exist: No such file' in done.stderr, done
    assert_same(before, lab.snapshot())


def what_is_wrong_is_one_line_and_a_status(lab, service):
    def fails(status, text, *more):
        done = service.once(*more)
        assert done.returncode == status, done
        assert text in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    fails(5, 'does-not-exist: No such file', '--config', '/does-not-exist')
    fails(2, 'no argument', 'nonsense')
    service.write_config('')
    good = open(service.config, encoding='ascii').read()
    with open(service.config, 'w', encoding='ascii') as file:
        file.write('worker:\n  user: nosuchuser\n')
    fails(6, "there is no user 'nosuchuser'")
    with open(service.config, 'w', encoding='ascii') as file:
        file.write(good)
    busy = lab.processes.start(HOST, 'socat', 'TCP4-LISTEN:1080,bind=127.0.0.1', 'STDOUT')
    assert until(lambda: ':1080' in inside(HOST, 'ss', '-ltn').stdout)
    fails(7, 'cannot listen on 127.0.0.1:1080: Address already in use')
    lab.processes.end(busy)
    done = inside(HOST, 'setpriv', '--reuid', '1234', '--clear-groups', *service.words(),
                  check=False)
    assert done.returncode == 3 and 'must be run as root' in done.stderr, done
    done = inside(HOST, 'setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin',
                  *service.words(), check=False)
    assert done.returncode == 3 and 'CAP_NET_ADMIN' in done.stderr, done
    service.start()
    fails(9, 'another atlanticd is running')


def a_killed_supervisors_worker_may_linger(lab, service):
    service.write_script(READY + 'linger\n')
    service.start()
    before = lab.snapshot()
    turn_on(service)
    service.stop(signal.SIGKILL)
    service.start() # although the ports are still in use
    assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')
    service.ask('off')
    assert_same(before, lab.snapshot())


def without_a_tun_driver_it_says_so(lab, service):
    for hidden in ('mount -t tmpfs none /dev/net', 'mount --bind /dev/null /dev/net/tun'):
        service.wrapper = ('sh', '-c', f'{hidden} && exec "$@"', 'sh')
        done = service.once('--on')
        assert done.returncode == 4 and 'cannot open /dev/net/tun' in done.stderr, done
        assert len(done.stderr.splitlines()) == 1, done.stderr


def a_host_without_ipv6_is_protected_too(lab, service):
    inside(HOST, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1',
           'net.ipv6.conf.default.disable_ipv6=1')
    before = lab.snapshot()
    service.write_script(READY)
    service.start()
    turn_on(service)
    assert_no_leak(lab, users=(None,))
    service.ask('off')
    assert_same(before, lab.snapshot())


def an_off_does_not_wait_for_ever(lab, service):
    service.write_script(READY + 'keep\n')
    service.start()
    before = lab.snapshot()
    turn_on(service)
    start = time.monotonic()
    assert service.ask('off')['state'] == 'off'
    assert time.monotonic() - start < 30
    assert_same(before, lab.snapshot())


def each_request_has_one_answer(lab, service):
    """Also an `off` behind an `off`, and when another one who asked has gone meanwhile."""
    service.write_script(READY + 'keep\n') # so that `off` waits
    service.start()
    for words in (b'off\noff\nstatus\n', b'off\n' * 16):
        turn_on(service)
        with service.connect() as gone, service.connect() as client:
            gone.sendall(b'off\n')
            client.sendall(words)
            time.sleep(0.1)
            gone.close()
            text, count = b'', words.count(b'\n')
            while text.count(b'\n\n') < count:
                part = client.recv(4096)
                assert part, service.stderr()
                text += part
            client.settimeout(0.3)
            try:
                text += client.recv(4096)
            except TimeoutError:
                pass
            assert text.count(b'\n\n') == count, text
        assert service.ask('status')['state'] == 'off'


def a_device_in_the_way_is_told(lab, service):
    service.write_script(READY)
    service.start()
    run('ip', '-n', HOST, 'link', 'add', TUN, 'type', 'veth', 'peer', 'name', 'spare0')
    before = lab.snapshot()
    answer = service.ask('on') # a wish that fails locks nobody
    assert f'cannot remove the device {TUN}' in answer['error'], answer
    assert (answer['state'], answer['fence'], answer['wish']) == ('off', 'open', 'off'), answer
    assert_same(before, lab.snapshot())
    run('ip', '-n', HOST, 'link', 'del', TUN)
    turn_on(service)
    service.stop(signal.SIGTERM)
    run('ip', '-n', HOST, 'link', 'add', TUN, 'type', 'veth', 'peer', 'name', 'spare0')
    service.start() # a wish from before is kept
    assert until(lambda: state_of(service) == ('blocked', 'armed')), service.ask('status')
    answer = service.ask('on')
    assert 'error' in answer and answer['fence'] == 'armed' and answer['wish'] == 'on', answer
    assert_no_leak(lab, users=(None,))
    run('ip', '-n', HOST, 'link', 'del', TUN)
    assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')


def a_worker_that_hangs_is_replaced(lab, service):
    service.write_script(READY)
    service.start()
    turn_on(service)
    worker = int(service.ask('status')['worker_pid'])
    os.kill(worker, signal.SIGSTOP)
    assert until(lambda: service.log().count('start') == 2, 90), service.log()
    assert 'showed no sign of life' in service.stderr()
    assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')


def the_capabilities_of_the_unit_are_enough(lab, service):
    before = lab.snapshot()
    with open(f'{HERE}/../../packaging/systemd/atlanticd.service.in', encoding='ascii') as file:
        line = next(line for line in file if line.startswith('CapabilityBoundingSet='))
    names = ','.join(f'+{word[4:].lower()}' for word in line.strip().split('=')[1].split())
    service.wrapper = ('setpriv', '--bounding-set', f'-all,{names}', '--no-new-privs')
    service.write_script(READY)
    service.start('--on')
    assert until(lambda: state_of(service) == ('on', 'armed')), service.ask('status')
    worker = service.ask('status')['worker_pid']
    facts = dict(line.split(':', 1) for line in open(f'/proc/{worker}/status', encoding='ascii'))
    for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
        assert int(facts[name], 16) == 0, (name, facts[name])
    assert facts['NoNewPrivs'].strip() == '1' and facts['Groups'].strip() == ''
    assert facts['Uid'].split() == [str(WORKER)] * 4
    descriptors = os.listdir(f'/proc/{worker}/fd')
    assert len(descriptors) < 12, descriptors
    service.stop(signal.SIGINT)
    assert_same(before, lab.snapshot())


def strangers_may_not_switch(lab, service):
    service.write_script(READY)
    service.start()
    path = f'{service.run_dir}/power.sock'
    assert oct(os.stat(path).st_mode)[-3:] == '660' and os.stat(path).st_uid == 0
    os.chmod(path, 0o666) # what the mode forbids, the check of the peer must forbid too
    group = os.stat(path).st_gid
    code = '''
import os, socket, sys
os.setgroups([int(word) for word in sys.argv[4:]])
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
one = socket.socket(socket.AF_UNIX); one.connect(sys.argv[1])
try: one.sendall(b'status\\n')
except BrokenPipeError: pass # refused before it asked
print(one.recv(1000).decode())'''

    def ask(*words):
        return run(sys.executable, '-c', code, path, *map(str, words)).stdout
    assert 'error=only root' in ask(1234, 1234)
    assert 'error=only root' in ask(WORKER, group) # the worker's own user, though in the group
    assert ask(1234, group).startswith('state=off')
    assert ask(1234, 1234, 4321, group).startswith('state=off')


if __name__ == '__main__':
    sys.exit(main(cases_of(globals())))
