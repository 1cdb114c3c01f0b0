# SPDX-License-Identifier: Apache-2.0
"""Back ends of vhost-user that nobody should have: hostile_back_end.py SOCKET HOW

Connects to the front end that listens at SOCKET, behaves as HOW says to each of its messages, and comes
back whenever it is turned away, until it is killed. Message layout: the vhost-user protocol of QEMU's
documentation (request, flags, size, payload; little-endian).
"""
import array
import os
import random
import socket
import struct
import sys
import time

REPLY = 1 | 4  # version 1, a reply
GET_FEATURES = 1
VERSION_1 = 1 << 32 | 1 << 30


def message(sock):
    """The next message, or None when the front end has gone."""
    head = sock.recv(12, socket.MSG_WAITALL)
    if len(head) < 12:
        return None
    request, _, size = struct.unpack("<III", head)
    if size and len(sock.recv(size, socket.MSG_WAITALL)) < size:
        return None
    return request


def reply(request, value=VERSION_1, size=8):
    return struct.pack("<IIIQ", request, REPLY, size, value)


def noise(sock, request):
    sock.sendall(random.randbytes(random.randrange(1, 4096)))


def half_header(sock, request):
    sock.sendall(reply(request)[:7])
    sock.close()


def half_payload(sock, request):
    sock.sendall(reply(request)[:15])
    sock.close()


def huge_size(sock, request):
    sock.sendall(reply(request, size=0xFFFFFFFF))


def other_request(sock, request):
    sock.sendall(reply(request + 1))


def no_features(sock, request):
    sock.sendall(reply(request, 0))


def all_ones(sock, request):
    sock.sendall(reply(request, 2**64 - 1))


def descriptors(sock, request):
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
    sock.sendmsg([reply(request)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
    for fd in files:
        os.close(fd)


def silent(sock, request):
    time.sleep(3600)


def dies_at_once(sock, request):
    sock.close()


def main():
    path, how = sys.argv[1], globals()[sys.argv[2]]
    random.seed(1)
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                while (request := message(sock)) is not None:
                    how(sock, request)
        except OSError:
            pass
        time.sleep(0.05)


main()
