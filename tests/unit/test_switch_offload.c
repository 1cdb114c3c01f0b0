/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segments in software, against a second opinion: frames are cut by a naive routine of
 * this file, byte by byte, with a checksum of its own, and every byte must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "base/util.h"
#include "vhost-user/offload.h"

#define FRAME_MAX 65550
#define PARTS_MAX 64

struct sample {
	uint8_t bytes[FRAME_MAX];
	uint32_t len, l3, l4, payload;
	bool ipv6, udp;
	struct virtio_net_hdr off;
};

/* What came out. */
static struct {
	uint32_t n;
	uint32_t len[OFFLOAD_SEGMENTS_MAX + 1];
	uint8_t bytes[OFFLOAD_SEGMENTS_MAX + 1][2048];
	uint8_t whole[FRAME_MAX];
} out;

static struct offload_scratch scratch;
static struct sample sample;
static uint32_t random_state = 1;

static uint32_t
rnd(uint32_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

/* 16-bit words one after another, big-endian: RFC 1071, 4.1, as written there. */
static uint16_t
slow_checksum(const uint8_t *p, uint32_t len, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put_be(uint8_t *p, uint32_t v, unsigned int bytes)
{
	while (bytes-- > 0) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t
get_be(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *p++;
	return v;
}

static uint32_t
slow_pseudo(const struct sample *s, const uint8_t *f, uint32_t l4_len)
{
	const uint8_t *addresses = f + s->l3 + (s->ipv6 ? 8 : 12);
	uint32_t sum = l4_len + (s->udp ? 17 : 6);

	for (uint32_t i = 0; i < (s->ipv6 ? 32u : 8u); i += 2)
		sum += get_be(addresses + i, 2);
	return sum;
}

static uint32_t
add_layer3(struct sample *s, uint32_t at)
{
	uint32_t options = rnd(3) * 4, extension = rnd(3) * 8;
	uint8_t protocol = s->udp ? 17 : 6, *ip = s->bytes + at;

	s->l3 = at;
	put_be(ip - 2, s->ipv6 ? 0x86dd : 0x0800, 2);
	if (!s->ipv6) {
		ip[0] = (uint8_t)(0x45 + options / 4);
		put_be(ip + 6, rnd(2) ? 0x4000 : 0, 2);
		ip[9] = protocol;
		return at + 20 + options;
	}
	ip[0] = 0x60;
	ip[6] = extension ? 60 : protocol;
	if (extension) {
		ip[40] = protocol;
		ip[41] = (uint8_t)(extension / 8 - 1);
	}
	return at + 40 + extension;
}

/* A frame that asks to be cut into segments of @step bytes of payload. */
static void
make_sample(struct sample *s, uint32_t payload_len, uint32_t step)
{
	uint32_t tags = rnd(3), at = 14 + tags * 4;

	for (uint32_t i = 0; i < sizeof(s->bytes); i++)
		s->bytes[i] = (uint8_t)rnd(256);
	s->ipv6 = rnd(2);
	s->udp = rnd(2);
	for (uint32_t i = 0; i < tags; i++)
		put_be(s->bytes + 12 + i * 4, i ? 0x8100 : 0x88a8, 2);
	s->l4 = add_layer3(s, at);
	s->payload = s->l4 + 8;
	if (!s->udp) {
		s->bytes[s->l4 + 12] = (uint8_t)((5 + rnd(6)) << 4);
		s->payload = s->l4 + (s->bytes[s->l4 + 12] >> 4) * 4u;
	}
	s->len = s->payload + payload_len;
	s->off = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					 .gso_type = s->udp    ? OFFLOAD_GSO_UDP_L4
						     : s->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
							       : VIRTIO_NET_HDR_GSO_TCPV4,
					 .hdr_len = (uint16_t)s->payload,
					 .gso_size = (uint16_t)step,
					 .csum_start = (uint16_t)s->l4,
					 .csum_offset = s->udp ? 6 : 16};
	if (!s->udp && rnd(2))
		s->off.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
}

/* The @i-th segment as it must be; returns its length. */
static uint32_t
slow_segment(const struct sample *s, uint32_t i, uint8_t *f)
{
	uint32_t step = s->off.gso_size, from = s->payload + i * step;
	uint32_t n = MIN_OF(step, s->len - from), len = s->payload + n, l4_len = len - s->l4;
	uint8_t *ip = f + s->l3, *l4 = f + s->l4, *field = l4 + (s->udp ? 6 : 16);
	uint16_t sum;

	memcpy(f, s->bytes, s->payload);
	memcpy(f + s->payload, s->bytes + from, n);
	if (s->ipv6) {
		put_be(ip + 4, len - s->l3 - 40, 2);
	} else {
		put_be(ip + 2, len - s->l3, 2);
		put_be(ip + 4, get_be(ip + 4, 2) + i, 2);
		put_be(ip + 10, 0, 2);
		put_be(ip + 10, slow_checksum(ip, s->l4 - s->l3, 0), 2);
	}
	if (s->udp) {
		put_be(l4 + 4, l4_len, 2);
	} else {
		put_be(l4 + 4, get_be(l4 + 4, 4) + i * step, 4);
		if (from + n < s->len)
			l4[13] &= 0xf6; /* FIN, PSH */
		if (i > 0)
			l4[13] &= 0x7f; /* CWR */
	}
	put_be(field, 0, 2);
	sum = slow_checksum(l4, l4_len, slow_pseudo(s, f, l4_len));
	put_be(field, sum ? sum : 0xffff, 2);
	return len;
}

static void
collect(void *arg, struct pkt *const *pkt, uint32_t n)
{
	assert_in_range(n, 1, PKT_BURST);
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = pkt[i];

		assert_true(out.n < ARRAY_SIZE(out.len));
		assert_false(p->flags & PKT_OFFLOAD);
		assert_true(p->head_len >= MIN_OF(p->len, PKT_DEEP));
		assert_int_equal(p->domain, 7);
		assert_int_equal(p->pcp, 5);
		assert_int_equal(p->serial, 9);
		memset(p->head - PKT_HEADROOM, 0xaa, PKT_HEADROOM); /* it is ours */
		out.len[out.n] = p->len;
		if (p->len <= sizeof(out.bytes[0]))
			pkt_copy(p, out.bytes[out.n]);
		else
			pkt_copy(p, out.whole);
		out.n++;
	}
}

/* The sample as a guest's chain has it: a head of @head_len bytes, the rest in some pieces. */
static struct pkt
as_pkt(struct sample *s, uint32_t head_len, struct pkt_seg *more, uint32_t pieces)
{
	static uint8_t head[PKT_HEADROOM + PKT_DEEP];
	struct pkt p = {.head = head + PKT_HEADROOM,
			.head_len = (uint16_t)MIN_OF(head_len, s->len),
			.len = s->len,
			.more = more,
			.flags = PKT_OFFLOAD | PKT_TAGGED,
			.domain = 7,
			.pcp = 5,
			.serial = 9,
			.off = s->off};
	uint32_t at = p.head_len;

	memcpy(p.head, s->bytes, p.head_len);
	p.body = s->bytes + at;
	p.body_len = pieces > 1 ? rnd(s->len - at + 1) : s->len - at;
	at += p.body_len;
	for (uint32_t i = 1; i < pieces; i++) {
		uint32_t n = i + 1 == pieces ? s->len - at : rnd(s->len - at + 1);

		more[p.n_more++] = (struct pkt_seg){.addr = s->bytes + at, .len = n};
		at += n;
	}
	return p;
}

static void
test_segments_are_what_they_should_be(void **state)
{
	struct pkt_seg more[PARTS_MAX];
	uint8_t want[2048];

	for (int round = 0; round < 3000; round++) {
		uint32_t step = 1 + rnd(1448), payload = rnd(MIN_OF(60000, step * 256) + 1);
		struct pkt p;
		uint32_t n;

		make_sample(&sample, payload, step);
		if (sample.payload > PKT_DEEP)
			continue;
		p = as_pkt(&sample, rnd(2) ? PKT_HEAD : PKT_DEEP, more, 1 + rnd(PARTS_MAX));
		out.n = 0;
		assert_int_equal(offload_finish(&scratch, &p, collect, NULL), 0);
		n = payload ? (payload + step - 1) / step : 1;
		assert_int_equal(out.n, n);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t len = slow_segment(&sample, i, want);

			assert_int_equal(out.len[i], len);
			assert_memory_equal(out.bytes[i], want, len);
		}
	}
}

static void
test_checksum_alone(void **state)
{
	struct pkt_seg more[PARTS_MAX];

	for (int round = 0; round < 3000; round++) {
		uint8_t *field;
		struct pkt p;
		uint16_t sum;

		make_sample(&sample, rnd(9000), 1);
		field = sample.bytes + sample.l4 + sample.off.csum_offset;
		sample.off.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		/* what Linux leaves there: the pseudo header's sum, not inverted */
		put_be(field,
		       (uint16_t)~slow_checksum(NULL, 0,
						slow_pseudo(&sample, sample.bytes,
							    sample.len - sample.l4)),
		       2);
		p = as_pkt(&sample, rnd(2) ? PKT_HEAD : PKT_DEEP, more, 1 + rnd(PARTS_MAX));
		out.n = 0;
		assert_int_equal(offload_finish(&scratch, &p, collect, NULL), 0);
		assert_int_equal(out.n, 1);
		assert_int_equal(out.len[0], sample.len);
		sum = slow_checksum(sample.bytes + sample.l4, sample.len - sample.l4, 0);
		put_be(field, sum ? sum : 0xffff, 2);
		assert_memory_equal(sample.len <= sizeof(out.bytes[0]) ? out.bytes[0] : out.whole,
				    sample.bytes, sample.len);
	}
}

static void
refused(const struct virtio_net_hdr *off, const char *why)
{
	struct pkt p = as_pkt(&sample, PKT_DEEP, NULL, 1);

	p.off = *off;
	out.n = 0;
	if (offload_finish(&scratch, &p, collect, NULL) != -EINVAL || out.n != 0)
		fail_msg("taken, although %s", why);
}

static void
test_nonsense_is_refused(void **state)
{
	struct virtio_net_hdr off;

	do
		make_sample(&sample, 3000, 1000);
	while (sample.udp || sample.ipv6);
	off = sample.off;
	off.gso_size = 0;
	refused(&off, "segments have no bytes");
	off.gso_size = 3000 / OFFLOAD_SEGMENTS_MAX;
	refused(&off, "there are too many segments");
	off = sample.off;
	off.flags = 0;
	refused(&off, "nobody asked for a checksum");
	off = sample.off;
	off.csum_start++;
	refused(&off, "layer 4 is elsewhere");
	off = sample.off;
	off.csum_offset = 6;
	refused(&off, "TCP's checksum is elsewhere");
	off = sample.off;
	off.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	refused(&off, "it is IPv4");
	off.gso_type = OFFLOAD_GSO_UDP_L4;
	refused(&off, "it is TCP");
	off.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	refused(&off, "nobody may ask for UFO");
	off.gso_type = 2;
	refused(&off, "there is no such type");
	off = sample.off;
	off.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	off.csum_start = PKT_DEEP;
	refused(&off, "the checksum is out of reach");
	off.csum_start = 0xffff;
	off.csum_offset = 0xffff;
	refused(&off, "the checksum is behind the frame");
	sample.bytes[sample.l3 + 6] = 0x20;
	refused(&sample.off, "it is a fragment");
	sample.bytes[sample.l3 + 6] = 0;
	sample.bytes[sample.l4 + 12] = 0x40;
	refused(&sample.off, "TCP's header is too short");
}

/* Addresses, types and ports were looked at before. */
static void
test_only_checksums_are_written(void **state)
{
	struct virtio_net_hdr off = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM};

	for (int round = 0; round < 20; round++) {
		make_sample(&sample, 300, 1);
		for (uint32_t start = 0; start < PKT_DEEP; start++)
			for (uint32_t field = start; field < PKT_DEEP - 1; field++) {
				off.csum_start = (uint16_t)start;
				off.csum_offset = (uint16_t)(field - start);
				/* its own, or far behind UDP's header: a tunnel's load */
				if ((start == sample.l4 &&
				     off.csum_offset == sample.off.csum_offset) ||
				    (sample.udp && start >= sample.l4 + 28 &&
				     (off.csum_offset == 6 || off.csum_offset == 16)))
					continue;
				refused(&off, "it is no checksum");
			}
	}
}

/* IPv4 with @protocol, and a checksum of what begins @inner bytes behind IPv4's header. */
static void
make_tunnel(struct sample *s, uint8_t protocol, uint32_t inner)
{
	do
		make_sample(s, 200, 1);
	while (s->ipv6 || s->l4 != 34);
	s->bytes[s->l3 + 9] = protocol;
	s->off = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					 .csum_start = (uint16_t)(34 + inner),
					 .csum_offset = 16};
}

static void
test_checksums_in_tunnels(void **state)
{
	static const struct {
		uint8_t protocol, inner;
	} good[] = {{17, 8 + 8 + 34}, {17, 28}, {4, 20}, {41, 40}, {47, 4 + 20}},
	  bad[] = {{17, 27}, {4, 19}, {41, 39}, {47, 19}, {6, 40}, {2, 40}, {58, 40}, {132, 40}};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint32_t from = 34u + good[i].inner;
		struct pkt p;
		uint16_t sum;

		make_tunnel(&sample, good[i].protocol, good[i].inner);
		p = as_pkt(&sample, PKT_HEAD, NULL, 1);
		out.n = 0;
		assert_int_equal(offload_finish(&scratch, &p, collect, NULL), 0);
		assert_int_equal(out.n, 1);
		sum = slow_checksum(sample.bytes + from, sample.len - from, 0);
		put_be(sample.bytes + from + 16, sum ? sum : 0xffff, 2);
		assert_memory_equal(out.bytes[0], sample.bytes, sample.len);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_tunnel(&sample, bad[i].protocol, bad[i].inner);
		refused(&sample.off, "nothing is carried there");
	}
	/* neither IPv4 nor IPv6 */
	make_tunnel(&sample, 17, 50);
	put_be(sample.bytes + 12, 0x0806, 2);
	refused(&sample.off, "it is ARP");
}

static void
test_what_a_receiver_takes(void **state)
{
	static const uint64_t csum = 1ull << VIRTIO_NET_F_GUEST_CSUM,
			      tso4 = 1ull << VIRTIO_NET_F_GUEST_TSO4,
			      uso = 3ull << OFFLOAD_F_GUEST_USO4;
	struct pkt p = {.len = 9000};

	assert_int_equal(offload_takes(tso4 | uso), 0);
	assert_int_equal(offload_takes(csum), OFFLOAD_CSUM);
	assert_int_equal(offload_takes(csum | tso4), OFFLOAD_CSUM | OFFLOAD_TSO4);
	assert_int_equal(offload_takes(csum | uso), OFFLOAD_CSUM | OFFLOAD_USO);
	assert_int_equal(offload_takes(csum | 1ull << OFFLOAD_F_GUEST_USO4), OFFLOAD_CSUM);
	assert_int_equal(offload_needs(&p), 0);
	assert_int_equal(offload_len(&p), 9000);
	p.flags = PKT_OFFLOAD;
	assert_int_equal(offload_needs(&p), OFFLOAD_CSUM);
	p.off.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN;
	p.off.csum_start = 34;
	p.off.gso_size = 1448;
	assert_int_equal(offload_needs(&p), OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_ECN);
	assert_int_equal(offload_len(&p), 34 + 20 + 1448);
	for (uint32_t type = 0; type < 8; type++) {
		p.off.gso_type = (uint8_t)type;
		/* every type needs something, and what is unknown needs what nobody has */
		assert_true(offload_needs(&p) & OFFLOAD_CSUM || offload_needs(&p) == 0x80);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_are_what_they_should_be),
		cmocka_unit_test(test_checksum_alone),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_only_checksums_are_written),
		cmocka_unit_test(test_checksums_in_tunnels),
		cmocka_unit_test(test_what_a_receiver_takes),
	};

	return cmocka_run_group_tests_name("switch_offload", tests, NULL, NULL);
}
