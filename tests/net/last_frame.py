"""The last frame of a capture: an ARP question that carries a word. Once the capture has it, it has all
that was sent before. The fence lets ARP pass.

    last_frame.py DEVICE WORD
"""

import socket
import struct
import sys

ARP = 0x0806


def send(device, word):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((device, ARP))
        own = sock.getsockname()[4]
        question = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4 + 6 + 4)
        sock.send(b"\xff" * 6 + own + struct.pack(">H", ARP) + question + word.encode())


if __name__ == "__main__":
    send(*sys.argv[1:])
