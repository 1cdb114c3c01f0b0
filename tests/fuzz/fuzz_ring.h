/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of a ring in guest memory that is all the fuzzer's and changes between two looks:
 * frames are taken, and put, again and again. Whatever comes out must lie in that memory, of two
 * regions with a hole behind each, and be no longer than it says.
 */
#ifndef CORELANE_TESTS_FUZZ_RING_H
#define CORELANE_TESTS_FUZZ_RING_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "base/util.h"
#include "vhost-user/ring.h"

#define REGION 65536u /* in the guest; ours lie apart, each with a hole behind */
#define AVAIL  0x800u
#define USED   0xc00u
#define RINGS  0x1000u /* what the fuzzer's bytes go to */
#define CHUNK  64u
#define MTU    2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest {
	struct gpa_map map;
	uint8_t *mem; /* region 0 */
	struct ring_inflight *left;
};

static struct guest guest;

/* Once: mapping and unmapping would be all that the fuzzer does. */
static void
guest_make(void)
{
	uint8_t *all =
		mmap(NULL, 4ul * REGION + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED || mprotect(all, REGION, PROT_READ | PROT_WRITE) < 0 ||
	    mprotect(all + 2ul * REGION, REGION, PROT_READ | PROT_WRITE) < 0 ||
	    mprotect(all + 4ul * REGION, 4096, PROT_READ | PROT_WRITE) < 0)
		abort();
	/* two regions that follow one another in the guest */
	if (!gpa_add(&guest.map, 0, REGION, all) ||
	    !gpa_add(&guest.map, REGION, REGION, all + 2ul * REGION))
		abort();
	guest.mem = all;
	guest.left = (struct ring_inflight *)(all + 4ul * REGION);
}

static bool
attach(struct ring *r, uint8_t how, uint16_t base, bool resume)
{
	const struct ring_setup s = {
		.desc = guest.mem,
		.avail = guest.mem + AVAIL,
		.used = guest.mem + USED,
		.size = how & 1 ? 4 : 64,
		.base = base,
		.features = (uint64_t)FUZZ_PACKED << VIRTIO_F_RING_PACKED |
			    (uint64_t)(how >> 1 & 1) << VIRTIO_RING_F_EVENT_IDX |
			    (uint64_t)(how >> 2 & 1) << VIRTIO_NET_F_MRG_RXBUF |
			    (uint64_t)(how >> 3 & 1) << VIRTIO_F_IN_ORDER |
			    (uint64_t)(how >> 4 & 1) << VIRTIO_F_VERSION_1 |
			    (uint64_t)(how >> 5 & 1) << VIRTIO_NET_F_CSUM |
			    (uint64_t)(how >> 5 & 1) << VIRTIO_NET_F_HOST_TSO4,
		.call_fd = -1,
		.kick_fd = -1,
		.transmit = !(how & 64),
		.inflight = guest.left,
		.resume = resume,
	};

	return ring_attach(r, &guest.map, &s) == 0;
}

static void
take(struct ring *r, bool off)
{
	static uint8_t bytes[RING_FRAME_MAX];
	static struct pkt_seg seg[RING_SEGS];
	struct ring_scratch s = {.seg = seg};
	struct pkt pkt[PKT_BURST];
	uint32_t n;

	if (FUZZ_PACKED)
		n = off ? ring_packed_peek_off(r, &s, pkt, PKT_BURST)
			: ring_packed_peek(r, &s, pkt, PKT_BURST);
	else
		n = off ? ring_split_peek_off(r, &s, pkt, PKT_BURST)
			: ring_split_peek(r, &s, pkt, PKT_BURST);
	for (uint32_t i = 0; i < n; i++) {
		const struct pkt *p = &pkt[i];
		uint64_t len = p->head_len + (uint64_t)p->body_len;

		for (uint32_t k = 0; k < p->n_more; k++)
			len += p->more[k].len;
		if (len != p->len || p->len > RING_FRAME_MAX || p->head != p->near ||
		    p->head_len != MIN_OF(p->len, (uint32_t)PKT_HEAD))
			abort();
		if ((p->flags & PKT_OFFLOAD) && p->off.csum_start + p->off.csum_offset + 2u >
							MIN_OF(p->len, (uint32_t)PKT_DEEP))
			abort();
		pkt_copy(p, bytes);
	}
	if (n > 0 && FUZZ_PACKED)
		ring_packed_done(r);
	else if (n > 0)
		ring_split_done(r);
}

static void
give(struct ring *r, uint32_t len)
{
	static uint8_t bytes[MTU];
	struct pkt one = {.head = bytes, .head_len = 16, .body = bytes, .len = len + 16};
	struct pkt *all[4] = {&one, &one, &one, &one};
	struct ring_scratch s = {0};

	one.body_len = len;
	if (FUZZ_PACKED)
		ring_packed_put(r, &s, all, 4);
	else
		ring_split_put(r, &s, all, 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring r = {0};
	uint16_t base;
	uint8_t how;
	size_t first;

	if (!guest.mem)
		guest_make();
	if (size < 4)
		return 0;
	how = data[0];
	memcpy(&base, data + 1, sizeof(base));
	if (how & 128)
		base = FUZZ_PACKED ? 0x8000 : 0;
	data += 4;
	size -= 4;
	memset(guest.mem, 0, RINGS);
	memset(guest.left, 0, sizeof(*guest.left));
	if (FUZZ_PACKED && size > sizeof(*guest.left) && (base & 1)) {
		memcpy(guest.left, data, sizeof(*guest.left));
		data += sizeof(*guest.left);
		size -= sizeof(*guest.left);
	}
	/* rings first, then changes of them, each followed by a turn of the device */
	first = MIN_OF(size, (size_t)RINGS);
	memcpy(guest.mem, data, first);
	if (!attach(&r, how, base, true))
		return 0;
	for (size_t at = 0;; at += CHUNK) {
		if (how & 64)
			give(&r, (uint32_t)(at * 7 % (MTU - 16)));
		else
			take(&r, how & 32);
		ring_listen(&r);
		ring_quiet(&r);
		ring_waiting(&r);
		if (r.broken && !attach(&r, how, ring_base(&r), at & CHUNK))
			return 0;
		if (at >= size)
			break;
		memcpy(guest.mem + data[at] * 16ul % (RINGS - CHUNK), data + at,
		       MIN_OF(size - at, (size_t)CHUNK));
	}
	return 0;
}

#endif
