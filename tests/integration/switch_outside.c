/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS    5000
#define SILENCE_MS 50

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* The kernel's own chatter is not what is tested here. */
static void
no_ipv6(const char *scope)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", scope);
	f = fopen(path, "w");
	if (!f)
		return;
	fputs("1", f);
	fclose(f);
}

bool
outside_enter(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	no_ipv6("all");
	no_ipv6("default");
	return true;
}

void
outside_ip(const char *fmt, ...)
{
	char args[256], command[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "ip %s", args);
	require(system(command) == 0, "%s: failed", command);
}

void
outside_pair(const char *a, const char *b, unsigned int mtu)
{
	outside_ip("link add %s mtu %u type veth peer name %s mtu %u", a, mtu, b, mtu);
	outside_ip("link set %s up", a);
	outside_ip("link set %s up", b);
}

int
outside_station(const char *ifname)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	require(at.sll_ifindex > 0, "%s: no such interface", ifname);
	require(fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0 &&
			bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0,
		"%s: %s", ifname, strerror(errno));
	return fd;
}

void
outside_send(int fd, const uint8_t *bytes, uint32_t len)
{
	require(send(fd, bytes, len, 0) == (ssize_t)len, "outside: %s", strerror(errno));
}

/* The kernel keeps a tag apart from the frame. */
static uint32_t
put_tag_back(struct msghdr *msg, uint8_t *got, uint32_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			continue;
		memmove(got + 16, got + 12, len - 12);
		got[12] = (uint8_t)(aux.tp_vlan_tpid >> 8);
		got[13] = (uint8_t)aux.tp_vlan_tpid;
		got[14] = (uint8_t)(aux.tp_vlan_tci >> 8);
		got[15] = (uint8_t)aux.tp_vlan_tci;
		return len + 4;
	}
	return len;
}

int
outside_receive(int fd, uint8_t *ret, int ms)
{
	for (double end = now_ms() + ms; now_ms() < end;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		union {
			struct cmsghdr align;
			char bytes[256];
		} control;
		struct sockaddr_ll from;
		struct iovec iov = {.iov_base = ret, .iov_len = FRAME_ROOM - 4};
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = &control,
				     .msg_controllen = sizeof(control)};
		ssize_t n;

		if (poll(&p, 1, (int)(end - now_ms()) + 1) <= 0)
			continue;
		n = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (n < 14 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		return (int)put_tag_back(&msg, ret, (uint32_t)n);
	}
	return -1;
}

/* As frame_make() makes them, with a tag or without. */
static bool
is_ours(const uint8_t *bytes, int len)
{
	for (int at = 12; at + 2 <= len && at <= 20; at += 4)
		if (bytes[at] == 0x88 && bytes[at + 1] == 0xb5)
			return true;
	return false;
}

void
outside_expect(int fd, const uint8_t *bytes, uint32_t len)
{
	static uint8_t got[FRAME_ROOM];
	int n;

	for (double end = now_ms() + WAIT_MS; now_ms() < end;) {
		n = outside_receive(fd, got, 100);
		if (n < 0 || (is_ours(bytes, (int)len) && !is_ours(got, n)) ||
		    (got[0] == 0xff && bytes[0] != 0xff)) /* a hello that is late */
			continue;
		require((uint32_t)n == len, "outside: %d bytes came instead of %u", n, len);
		require(memcmp(got, bytes, len) == 0, "outside: a frame of %u bytes came damaged",
			len);
		return;
	}
	fail("outside: a frame of %u bytes did not come", len);
}

void
outside_expect_nothing(int fd)
{
	static uint8_t got[FRAME_ROOM];

	for (double end = now_ms() + SILENCE_MS; now_ms() < end;) {
		int n = outside_receive(fd, got, SILENCE_MS);

		require(n < 0 || !is_ours(got, n), "outside: got a frame of %d bytes", n);
	}
}

void
outside_mac(const char *ifname, uint8_t ret[6])
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	require(fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &req) == 0, "%s: %s", ifname, strerror(errno));
	memcpy(ret, req.ifr_hwaddr.sa_data, 6);
	close(fd);
}
