/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segments that guests leave to others, through a real switch: as they are to a guest that
 * takes them, finished to one that does not.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_net.h>

#include "tests/integration/switch_scenario.h"
#include "vhost-user/offload.h"

#define L3      14
#define L4      34
#define PAYLOAD 54
#define LARGE   60000 /* bytes of payload */
#define MSS     1448
#define ROOM    61000
#define WAIT_MS 5000

#define F(n) (UINT64_C(1) << (n))
#define OFFLOADS                                                                                   \
	(F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6) |            \
	 F(VIRTIO_NET_F_GUEST_CSUM) | F(VIRTIO_NET_F_GUEST_TSO4) | F(VIRTIO_NET_F_GUEST_TSO6))

static uint8_t sent[ROOM], got[ROOM];

static uint32_t
be(const uint8_t *p, unsigned int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static uint32_t
words(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of layer 4, pseudo header included; 0xffff when it is right. */
static uint32_t
sum_of(const uint8_t *f, uint32_t len)
{
	return words(f + L4, len - L4, words(f + L3 + 12, 8, f[L3 + 9] + len - L4));
}

/* TCP over IPv4 from station @src to @dst, its checksum left at the pseudo header's. */
static struct virtio_net_hdr
make_tcp(uint8_t src, uint8_t dst, uint32_t payload, uint16_t mss)
{
	static const uint8_t ip[20] = {0x45, [8] = 64, 6, [12] = 10, 0, 0, 1, 10, 0, 0, 2};
	static const uint8_t tcp[20] = {0x10, 1, 0x20, 2, [7] = 1, [12] = 0x50, 0x19, 2};
	uint32_t len = PAYLOAD + payload, sum;

	frame_make(sent, len, src, dst);
	memcpy(sent + 12, "\x08\x00", 2);
	memcpy(sent + L3, ip, sizeof(ip));
	sent[L3 + 2] = (uint8_t)((len - L3) >> 8);
	sent[L3 + 3] = (uint8_t)(len - L3);
	memcpy(sent + L4, tcp, sizeof(tcp));
	sum = words(sent + L3 + 12, 8, 6 + len - L4);
	sent[L4 + 16] = (uint8_t)(sum >> 8);
	sent[L4 + 17] = (uint8_t)sum;
	sum = ~words(sent + L3, 20, 0);
	sent[L3 + 10] = (uint8_t)(sum >> 8);
	sent[L3 + 11] = (uint8_t)sum;
	return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = mss ? VIRTIO_NET_HDR_GSO_TCPV4
						       : VIRTIO_NET_HDR_GSO_NONE,
				       .hdr_len = PAYLOAD,
				       .gso_size = mss,
				       .csum_start = L4,
				       .csum_offset = 16};
}

static void
send_large(struct guest *g, const struct virtio_net_hdr *h, uint32_t len)
{
	struct ring *tx = port_tx(&g->port, 0);
	uint8_t *buf;
	uint16_t id;

	while (tx->n_free == 0)
		port_reap(tx, 1);
	id = tx->free[tx->free_at++ & (tx->size - 1)];
	tx->n_free--;
	buf = tx->buf + id * tx->stride;
	memset(buf, 0, FRAME_VNET_HDR);
	memcpy(buf, h, sizeof(*h));
	memcpy(buf + FRAME_VNET_HDR, sent, len);
	ring_put(tx, &id, 1, FRAME_VNET_HDR + len);
	ring_kick(tx);
}

static uint32_t
receive_large(struct guest *g, struct virtio_net_hdr *h)
{
	const struct timespec step = {.tv_nsec = 100000};
	struct ring *rx = port_rx(&g->port, 0);
	struct ring_done done;
	uint8_t *buf;

	for (int i = 0; ring_take(rx, &done, 1, 1) == 0; i++) {
		require(i < WAIT_MS * 10, "%s: a frame did not come", g->cfg.name);
		nanosleep(&step, NULL);
	}
	buf = rx->buf + done.id * rx->stride;
	require(done.len > FRAME_VNET_HDR && done.len <= FRAME_VNET_HDR + ROOM,
		"%s: %u bytes written", g->cfg.name, done.len);
	memcpy(h, buf, sizeof(*h));
	memcpy(got, buf + FRAME_VNET_HDR, done.len - FRAME_VNET_HDR);
	ring_put(rx, &done.id, 1, (uint32_t)rx->stride);
	return done.len - FRAME_VNET_HDR;
}

/* 0 and 2 have offloads, 1 has none. */
static void
set_up(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		struct guest *g = guest_plan(w, i);

		g->cfg.offload = i != 1;
		g->features = g->cfg.offload ? OFFLOADS : 0;
		g->max_frame = g->cfg.offload ? ROOM : 1600;
		guest_up(w, g, g->cfg.offload ? 32 : RING);
	}
	introduce(w, 3);
}

static void
expect_segments(struct guest *g, uint32_t payload, uint32_t mss)
{
	uint32_t at = 0;

	for (uint32_t i = 0; at < payload; i++) {
		uint32_t n = payload - at < mss ? payload - at : mss, len;
		struct virtio_net_hdr h;

		len = receive_large(g, &h);
		require(len == PAYLOAD + n, "segment %u has %u bytes, not %u", i, len, PAYLOAD + n);
		require(h.flags == 0 && h.gso_type == 0, "segment %u is not finished", i);
		require(memcmp(got, sent, L3) == 0, "segment %u: addresses", i);
		require(be(got + L3 + 2, 2) == len - L3, "segment %u: IP's length", i);
		require(be(got + L3 + 4, 2) == i, "segment %u: IP's number", i);
		require(words(got + L3, 20, 0) == 0xffff, "segment %u: IP's checksum", i);
		require(be(got + L4 + 4, 4) == 1 + at, "segment %u: TCP's number", i);
		require((got[L4 + 13] & 9) == (at + n == payload ? 9 : 0), "segment %u: flags", i);
		require(sum_of(got, len) == 0xffff, "segment %u: TCP's checksum", i);
		require(memcmp(got + PAYLOAD, sent + PAYLOAD + at, n) == 0, "segment %u: payload",
			i);
		at += n;
	}
}

static void
check_segments(struct world *w)
{
	struct guest *a = &w->guest[0], *plain = &w->guest[1], *c = &w->guest[2];
	struct virtio_net_hdr h, came;

	set_up(w);
	for (int i = 0; i < 20; i++) {
		h = make_tcp(1, 2, LARGE, MSS);
		send_large(a, &h, PAYLOAD + LARGE);
		expect_segments(plain, LARGE, MSS);
		h = make_tcp(1, 3, LARGE, MSS);
		send_large(a, &h, PAYLOAD + LARGE);
		require(receive_large(c, &came) == PAYLOAD + LARGE, "it did not come whole");
		require(memcmp(&came, &h, sizeof(h)) == 0, "its header changed");
		require(memcmp(got, sent, PAYLOAD + LARGE) == 0, "its bytes changed");
	}
	/* to everybody: each as he takes it */
	h = make_tcp(1, 0, LARGE, MSS);
	send_large(a, &h, PAYLOAD + LARGE);
	expect_segments(plain, LARGE, MSS);
	require(receive_large(c, &came) == PAYLOAD + LARGE, "it did not come whole to everybody");
}

static void
check_checksums(struct world *w)
{
	struct guest *a = &w->guest[0], *plain = &w->guest[1], *c = &w->guest[2];
	struct virtio_net_hdr h, came;

	set_up(w);
	for (uint32_t payload = 0; payload < 1400; payload += 137) {
		h = make_tcp(1, 2, payload, 0);
		send_large(a, &h, PAYLOAD + payload);
		require(receive_large(plain, &came) == PAYLOAD + payload, "another length");
		require(came.flags == 0, "still something to do");
		require(sum_of(got, PAYLOAD + payload) == 0xffff, "TCP's checksum");
		h = make_tcp(1, 3, payload, 0);
		send_large(a, &h, PAYLOAD + payload);
		require(receive_large(c, &came) == PAYLOAD + payload, "another length");
		require(came.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM && came.csum_start == L4 &&
				came.csum_offset == 16,
			"what is to do was lost");
		require(memcmp(got, sent, PAYLOAD + payload) == 0, "its bytes changed");
	}
	/* who did not ask for it may say what he likes: it is a frame like any other */
	h = make_tcp(2, 3, 100, 50);
	send_large(plain, &h, PAYLOAD + 100);
	require(receive_large(c, &came) == PAYLOAD + 100, "another length");
	require(came.flags == 0 && came.gso_type == 0, "a header that was not agreed upon");
}

static void
check_nonsense(struct world *w)
{
	struct guest *a = &w->guest[0], *plain = &w->guest[1];
	struct virtio_net_hdr h, came;
	uint64_t bad = 0;

	set_up(w);
	h = make_tcp(1, 2, LARGE, 1); /* 60,000 segments */
	send_large(a, &h, PAYLOAD + LARGE);
	expect_stat(w, a, drops[DROP_OFFLOAD], ++bad);
	h = make_tcp(1, 2, LARGE, MSS);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	send_large(a, &h, PAYLOAD + LARGE);
	expect_stat(w, a, drops[DROP_OFFLOAD], ++bad);
	h = make_tcp(1, 2, LARGE, MSS);
	sent[L3] = 0x4f; /* options that reach into TCP */
	send_large(a, &h, PAYLOAD + LARGE);
	expect_stat(w, a, drops[DROP_OFFLOAD], ++bad);
	/* this the ring's owner does not even pass on */
	h = make_tcp(1, 2, LARGE, MSS);
	h.csum_start = 0xfff0;
	send_large(a, &h, PAYLOAD + LARGE);
	expect_stat(w, a, drops[DROP_OFFLOAD], ++bad);
	h = make_tcp(1, 2, 100, 0);
	send_large(a, &h, PAYLOAD + 100);
	require(receive_large(plain, &came) == PAYLOAD + 100, "a good frame after all this");
}

int
main(int argc, char **argv)
{
	static const struct scenario list[] = {
		{"offload-segments", check_segments},
		{"offload-checksums", check_checksums},
		{"offload-nonsense", check_nonsense},
	};

	return scenarios_run(list, sizeof(list) / sizeof(list[0]), argc, argv);
}
