"""Every way a program on the host may try to get a packet past the fence. Run inside the host's
namespace; prints one line per probe: its name and what the program was told. Errors are expected."""
import errno
import os
import socket
import struct
import sys
import time

IP_UNICAST_IF, IPV6_UNICAST_IF, SO_MARK, QDISC_BYPASS, SOL_PACKET = 50, 76, 36, 20, 263
IP_PKTINFO, IPV6_PKTINFO, IPV6_HOPOPTS, IPV6_DSTOPTS = 8, 50, 54, 59
FOREIGN4, FOREIGN6, ROUTER4, ROUTER6 = '203.0.113.11', '2001:db8:2::11', '192.0.2.1', '2001:db8:1::1'


def attempt(name, what):
    start = time.monotonic()
    try:
        told = what() or 'ok'
    except OSError as error:
        told = errno.errorcode.get(error.errno, str(error))
    print(f'{name}: {told} {time.monotonic() - start:.2f}s')


def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def tcp(address, port, *options):
    with socket.socket(family_of(address), socket.SOCK_STREAM) as one:
        one.settimeout(0.15)
        for option in options:
            one.setsockopt(*option)
        one.connect((address, port))
        one.sendall(b'secret')


def udp(address, port, *options, data=b'secret'):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as one:
        for option in options:
            one.setsockopt(*option)
        one.sendto(data, (address, port))


def raw_icmp():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        one.sendto(b'\x08\x00\xf7\xff\x00\x00\x00\x00', (FOREIGN4, 0))


def raw_ip():
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28, 1, 0x2000, 64, 17, 0,
                         socket.inet_aton('192.0.2.2'), socket.inet_aton(FOREIGN4))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        one.sendto(header + b'\x00\x35\x00\x35\x00\x08\x00\x00', (FOREIGN4, 0))


def raw6():
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        one.sendto(b'\x80\x00\x00\x00\x00\x01\x00\x01', (FOREIGN6, 0))


def pktinfo4(index):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        info = struct.pack('@i4s4s', index, b'', b'')
        one.sendmsg([b'secret'], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, (FOREIGN4, 9))


def pktinfo6(index):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
        info = struct.pack('@16si', b'', index)
        one.sendmsg([b'secret'], [(socket.IPPROTO_IPV6, IPV6_PKTINFO, info)], 0, (FOREIGN6, 9))


def join4(index):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        group = socket.inet_aton('239.1.2.3') + struct.pack('@4si', b'', index)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        time.sleep(0.05)


def join6(index):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
        group = socket.inet_pton(socket.AF_INET6, 'ff05::1234') + struct.pack('@i', index)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        time.sleep(0.05)


def frame(kind, body, bypass, protocol=None):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as one:
        if bypass:
            one.setsockopt(SOL_PACKET, QDISC_BYPASS, 1)
        one.bind(('eth0', protocol or kind))
        with open('/sys/class/net/eth0/address', encoding='ascii') as file:
            own = bytes.fromhex(file.read().strip().replace(':', ''))
        one.send(b'\xff' * 6 + own + struct.pack('!H', kind) + body)


def packet4():
    return struct.pack('!BBHHHBBH4s4sHHHH', 0x45, 0, 28, 1, 0, 64, 17, 0,
                       socket.inet_aton('192.0.2.2'), socket.inet_aton(FOREIGN4), 9, 9, 8, 0)


def bound_to_device():
    return (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')


def probe_all(with_frames):
    index = socket.if_nametoindex('eth0')
    bound, mark = bound_to_device(), (socket.SOL_SOCKET, SO_MARK, 0x4b0000)
    unicast4 = (socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack('!I', index))
    unicast6 = (socket.IPPROTO_IPV6, IPV6_UNICAST_IF, struct.pack('!I', index))
    for name, address, unicast in (('4', FOREIGN4, unicast4), ('6', FOREIGN6, unicast6)):
        attempt(f'tcp{name}', lambda: tcp(address, 80))
        attempt(f'udp{name}', lambda: udp(address, 9))
        attempt(f'dns{name}', lambda: udp(address, 53))
        attempt(f'dot{name}', lambda: tcp(address, 853))
        attempt(f'quic{name}', lambda: udp(address, 443))
        for how, option in (('bound', bound), ('marked', mark), ('unicast', unicast)):
            attempt(f'tcp{name} {how}', lambda: tcp(address, 80, option))
            attempt(f'udp{name} {how}', lambda: udp(address, 9, option))
            attempt(f'dns{name} {how}', lambda: udp(address, 53, option))
        attempt(f'udp{name} bound and marked', lambda: udp(address, 9, bound, mark))
        attempt(f'large udp{name} bound', lambda: udp(address, 9, bound, data=b'x' * 5000))
    attempt('upstream from another user', lambda: tcp('203.0.113.10', 1080, bound))
    attempt('upstream6 from another user', lambda: tcp('2001:db8:2::10', 1080, bound))
    attempt('router dns', lambda: udp(ROUTER4, 53))
    attempt('router tcp', lambda: tcp(ROUTER4, 80))
    attempt('router6 tcp', lambda: tcp(ROUTER6, 80))
    for name, address, port in (('mdns', '224.0.0.251', 5353), ('llmnr', '224.0.0.252', 5355),
                                ('ssdp', '239.255.255.250', 1900),
                                ('broadcast', '255.255.255.255', 9)):
        broadcast = (socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        attempt(name, lambda: udp(address, port, broadcast, bound))
    for name, address, port in (('mdns6', 'ff02::fb', 5353), ('llmnr6', 'ff02::1:3', 5355)):
        attempt(name, lambda: udp(address, port, bound))
    for number in (IPV6_HOPOPTS, IPV6_DSTOPTS): # an empty option header in front of UDP
        option = (socket.IPPROTO_IPV6, number, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
        attempt(f'udp6 with extension {number}', lambda: udp(FOREIGN6, 9, bound, option))
        attempt(f'dns6 with extension {number}', lambda: udp(FOREIGN6, 53, bound, option))
    attempt('udp4 by pktinfo', lambda: pktinfo4(index))
    attempt('udp6 by pktinfo', lambda: pktinfo6(index))
    attempt('igmp', lambda: join4(index))
    attempt('mld', lambda: join6(index))
    attempt('raw icmp', raw_icmp)
    attempt('raw fragment', raw_ip)
    attempt('raw icmp6', raw6)
    for bypass in (False, True) if with_frames else ():
        attempt('frame', lambda: frame(0x0800, packet4(), bypass))
        attempt('frame said to be arp', lambda: frame(0x0800, packet4(), bypass, 0x0806))
        attempt('frame of unknown kind', lambda: frame(0x88b5, b'secret' * 10, bypass))


if __name__ == '__main__':
    if len(sys.argv) > 2:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    probe_all(with_frames=os.getuid() == 0)
