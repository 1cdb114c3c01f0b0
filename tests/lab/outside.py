#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The world outside the emulated server: what is plugged into its two NICs.

One datagram on a unix socket is one frame. This program is hosts that answer ARP and ICMP echo, a switch
between the two ports when asked for, and a counter of what was seen; it asks and pings on request. Requests are
files in FOLDER/lab/ask, answers files of the same name in FOLDER/lab/answer:

  host PORT VLAN IP          from now on there is a host there (VLAN 0: untagged)
  forget PORT VLAN IP        there is not any more
  bridge on|off              frames of one port also leave by the other, as through a switch
  ping PORT VLAN FROM TO COUNT MS     echo requests; answers "sent N received N"
  ping-start PORT VLAN FROM TO MS     the same, until
  ping-stop                           "sent N received N longest MS" (of a gap between two answers), after 2 s at
                                      most for what is still on its way
  send PORT VLAN FROM-MAC TO-MAC COUNT    frames of the experimental type 0x88b5
  seen PORT VLAN FROM-MAC TO-MAC      how many frames came in so ("any" fits all)
  counts                     all of them, a line each
  end                        write the counts to FOLDER/outside and leave
"""
import os
import select
import socket
import struct
import sys
import time

MAX_KEYS = 4096  # of the counters: a flood of addresses is counted as "others"
MAX_HOSTS = 256


def mac_text(raw):
    return ":".join("%02x" % byte for byte in raw)


def mac_raw(text):
    return bytes(int(part, 16) for part in text.split(":"))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_vlan(vlan, dst, src, kind, payload):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    frame = dst + src + tag + struct.pack("!H", kind) + payload
    return frame + b"\0" * max(0, 60 - len(frame))


def echo(kind, src_ip, dst_ip, rest):
    icmp = struct.pack("!BBH", kind, 0, 0) + rest
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0) + src_ip + dst_ip
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + icmp


class Pings:
    """A train of echo requests from one of our hosts."""

    def __init__(self, ident, port, vlan, src_ip, dst_ip, count, interval):
        self.ident, self.port, self.vlan = ident, port, vlan
        self.src_ip, self.dst_ip = src_ip, dst_ip
        self.count, self.interval = count, interval
        self.sent, self.answered = 0, set()
        self.next = time.monotonic()
        self.last_answer, self.longest = None, 0.0
        self.answer_to = None
        self.free_run = count is None

    def got(self, sequence):
        if sequence in self.answered or sequence >= self.sent:
            return
        now = time.monotonic()
        if self.last_answer is not None:
            self.longest = max(self.longest, now - self.last_answer)
        self.last_answer = now
        self.answered.add(sequence)

    def words(self):
        text = "sent %d received %d" % (self.sent, len(self.answered))
        if self.free_run:
            text += " longest %d" % (self.longest * 1000)
        return text


class World:
    def __init__(self, folder):
        self.folder = folder
        self.sockets = []
        for port in (0, 1):
            path = "%s/out%d" % (folder, port)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            sock.bind(path)
            self.sockets.append(sock)
        self.hosts = {}  # (port, vlan, ip) -> mac
        self.neighbours = {}  # (port, vlan, ip) -> mac
        self.counts = {}
        self.others = 0
        self.unsent = 0
        self.bridge = False
        self.trains = {}
        self.free_run = None
        self.ident = 0
        self.ended = False

    # Frames
    def send(self, port, frame):
        try:
            self.sockets[port].sendto(frame, "%s/nic%d" % (self.folder, port))
        except OSError:  # no server, or one that does not keep up
            self.unsent += 1

    def receive(self, port):
        for _ in range(256):
            try:
                frame = self.sockets[port].recv(65536)
            except OSError:
                return
            if len(frame) >= 14:
                self.frame(port, frame)

    def frame(self, port, frame):
        dst, src = frame[:6], frame[6:12]
        kind, at, vlan = struct.unpack("!H", frame[12:14])[0], 14, 0
        if kind == 0x8100 and len(frame) >= 18:
            tag, kind = struct.unpack("!HH", frame[14:18])
            at, vlan = 18, tag & 0xFFF
        key = (port, vlan, mac_text(src), mac_text(dst))
        if key in self.counts or len(self.counts) < MAX_KEYS:
            self.counts[key] = self.counts.get(key, 0) + 1
        else:
            self.others += 1
        if self.bridge:
            self.send(1 - port, frame)
        if kind == 0x0806:
            self.arp(port, vlan, frame[at : at + 28])
        elif kind == 0x0800:
            self.ipv4(port, vlan, src, dst, frame[at:])

    def arp(self, port, vlan, body):
        if len(body) < 28 or body[:6] != b"\0\1\x08\0\6\4":
            return
        op, src_mac, src_ip, dst_ip = body[7], body[8:14], body[14:18], body[24:28]
        if len(self.neighbours) < MAX_KEYS:
            self.neighbours[(port, vlan, src_ip)] = src_mac
        mac = self.hosts.get((port, vlan, dst_ip))
        if op == 1 and mac:
            answer = b"\0\1\x08\0\6\4\0\2" + mac + dst_ip + src_mac + src_ip
            self.send(port, with_vlan(vlan, src_mac, mac, 0x0806, answer))

    def ipv4(self, port, vlan, src, dst, packet):
        if len(packet) < 28 or packet[0] != 0x45 or packet[9] != 1:
            return
        length = struct.unpack("!H", packet[2:4])[0]
        src_ip, dst_ip, icmp = packet[12:16], packet[16:20], packet[20:length]
        mac = self.hosts.get((port, vlan, dst_ip))
        if not mac or dst != mac or len(icmp) < 8:
            return
        if icmp[0] == 8:
            answer = echo(0, dst_ip, src_ip, icmp[4:])
            self.send(port, with_vlan(vlan, src, mac, 0x0800, answer))
        elif icmp[0] == 0:
            ident, sequence = struct.unpack("!HH", icmp[4:8])
            train = self.trains.get(ident)
            if train:
                train.got(sequence)

    # Trains of pings
    def tick(self):
        now, wait = time.monotonic(), 0.05
        for ident, train in list(self.trains.items()):
            done = train.count is not None and train.sent >= train.count
            if done and (len(train.answered) >= train.count or now > train.next + 2):
                del self.trains[ident]
                self.answer(train.answer_to, train.words())
            elif not done and now >= train.next:
                self.ping(train)
                train.next = now + train.interval
            if not done:
                wait = min(wait, max(0, train.next - now))
        return wait

    def ping(self, train):
        source = self.hosts[(train.port, train.vlan, train.src_ip)]
        target = self.neighbours.get((train.port, train.vlan, train.dst_ip))
        if not target:
            body = b"\0\1\x08\0\6\4\0\1" + source + train.src_ip + b"\0" * 6 + train.dst_ip
            self.send(train.port, with_vlan(train.vlan, b"\xff" * 6, source, 0x0806, body))
            train.asked = getattr(train, "asked", 0) + 1
            if train.asked * max(train.interval, 0.01) < 5:
                return
            target = b"\xff" * 6  # nobody has this address; the requests count as lost
        rest = struct.pack("!HH", train.ident, train.sent & 0xFFFF) + b"corelane lab"
        packet = echo(8, train.src_ip, train.dst_ip, rest)
        self.send(train.port, with_vlan(train.vlan, target, source, 0x0800, packet))
        train.sent += 1

    # Requests
    def answer(self, name, text):
        path = "%s/lab/answer/%s" % (self.folder, name)
        with open(path + ".new", "w") as out:
            out.write(text + "\n")
        os.rename(path + ".new", path)

    def poll_requests(self):
        asked = "%s/lab/ask" % self.folder
        for name in sorted(os.listdir(asked)):
            if name.startswith("."):
                continue
            with open("%s/%s" % (asked, name)) as request:
                words = request.read(4096).split()
            os.unlink("%s/%s" % (asked, name))
            try:
                text = self.request(name, words)
            except (KeyError, ValueError, IndexError, OSError) as err:
                text = "cannot: %s: %r" % (" ".join(words), err)
            if text is not None:
                self.answer(name, text)

    def train(self, words, count, interval):
        port, vlan = int(words[1]), int(words[2])
        src_ip, dst_ip = socket.inet_aton(words[3]), socket.inet_aton(words[4])
        self.hosts[(port, vlan, src_ip)]  # KeyError: there is no such host
        self.ident = self.ident % 0xFFFF + 1
        train = Pings(self.ident, port, vlan, src_ip, dst_ip, count, interval / 1000)
        self.trains[train.ident] = train
        return train

    def request(self, name, words):
        verb = words[0]
        if verb == "host":
            if len(self.hosts) >= MAX_HOSTS:
                raise ValueError("too many hosts")
            port, vlan, address = int(words[1]), int(words[2]), socket.inet_aton(words[3])
            number = len(self.hosts) + 1
            self.hosts.setdefault((port, vlan, address), bytes((2, 0xFF, 0, port, number >> 8, number & 0xFF)))
        elif verb == "forget":
            del self.hosts[(int(words[1]), int(words[2]), socket.inet_aton(words[3]))]
        elif verb == "bridge":
            self.bridge = words[1] == "on"
        elif verb == "ping":
            train = self.train(words, min(int(words[5]), 60000), float(words[6]))
            train.answer_to = name
            return None
        elif verb == "ping-start":
            self.free_run = self.train(words, None, float(words[5]))
        elif verb == "ping-stop":
            train, self.free_run = self.free_run, None
            if train is None:
                raise ValueError("no ping was started")
            train.count, train.answer_to, train.next = train.sent, name, time.monotonic()
            return None
        elif verb == "send":
            port, vlan = int(words[1]), int(words[2])
            frame = with_vlan(vlan, mac_raw(words[4]), mac_raw(words[3]), 0x88B5, b"corelane lab")
            for _ in range(min(int(words[5]), 10000)):
                self.send(port, frame)
        elif verb == "seen":
            wanted = (int(words[1]), words[2], words[3].lower(), words[4].lower())
            return str(sum(n for key, n in self.counts.items() if fits(key, wanted)))
        elif verb == "counts":
            return self.report()
        elif verb == "end":
            self.ended = True
        else:
            raise ValueError("unknown request")
        return "ok"

    def report(self):
        lines = ["port %d vlan %d from %s to %s: %d" % (key + (n,)) for key, n in sorted(self.counts.items())]
        return "\n".join(lines + ["others %d, not sent %d" % (self.others, self.unsent)])

    def serve(self, parent):
        while not self.ended and os.getppid() == parent:
            ready, _, _ = select.select(self.sockets, [], [], self.tick())
            for sock in ready:
                self.receive(self.sockets.index(sock))
            self.poll_requests()
        with open(self.folder + "/outside", "w") as out:
            out.write(self.report() + "\n")


def fits(key, wanted):
    return key[0] == wanted[0] and all(
        want in ("any", str(have)) for have, want in zip(key[1:], wanted[1:])
    )


if __name__ == "__main__":
    World(sys.argv[1]).serve(os.getppid())
