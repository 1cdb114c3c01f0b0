/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a frame with an offload header, in any pieces: no crash, and what comes out is whole: all
 * payload in order and nothing else, lengths that say what is there, checksums that are right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/offload.h"

#define PIECES_MAX 40
#define FRAME_MAX  65550

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	const struct pkt *from;
	uint64_t bytes;
	uint32_t frames;
};

static void
require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_offload: %s\n", what);
	abort();
}

static uint32_t
word_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A segment of TCP or UDP over IPv4 must be right by itself. */
static void
check_segment(const struct pkt *from, const uint8_t *f, uint32_t len)
{
	uint32_t l4 = from->off.csum_start, l3, ip_len, sum;

	for (l3 = 14; l3 + 2 <= l4 && f[l3 - 2] != 0x08 && f[l3 - 2] != 0x86; l3 += 4)
		;
	require(len - l4 <= 0xffff || l3 + 20 > l4, "a segment longer than IP can be");
	if (f[l3 - 2] != 0x08)
		return;
	ip_len = (uint32_t)f[l3 + 2] << 8 | f[l3 + 3];
	require(ip_len == (uint16_t)(len - l3), "IPv4's length");
	require(word_sum(f + l3, l4 - l3, 0) == 0xffff, "IPv4's checksum");
	sum = word_sum(f + l3 + 12, 8,
		       f[l3 + 9] + (len - l4 > 0xffff ? len - l4 - 0xffff : len - l4));
	require(word_sum(f + l4, len - l4, sum) == 0xffff, "layer 4's checksum");
}

static void
collect(void *arg, struct pkt *const *pkt, uint32_t n)
{
	static uint8_t frame[2 * FRAME_MAX];
	struct result *r = arg;

	require(n > 0 && n <= PKT_BURST, "a burst of none, or too large");
	for (uint32_t i = 0; i < n; i++) {
		uint64_t len = (uint64_t)pkt[i]->head_len + pkt[i]->body_len;

		for (uint32_t k = 0; k < pkt[i]->n_more; k++)
			len += pkt[i]->more[k].len;
		require(len == pkt[i]->len && len <= r->from->len, "a length that is none");
		require(!(pkt[i]->flags & PKT_OFFLOAD), "still something to be done");
		require(pkt[i]->head_len >= MIN_OF(pkt[i]->len, PKT_DEEP), "a head too short");
		pkt_copy(pkt[i], frame);
		if (r->from->off.gso_type != VIRTIO_NET_HDR_GSO_NONE)
			check_segment(r->from, frame, pkt[i]->len);
		r->bytes += len;
		r->frames++;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct offload_scratch scratch;
	struct pkt_seg more[PIECES_MAX];
	uint8_t head[PKT_HEADROOM + PKT_DEEP];
	struct pkt p = {.head = head + PKT_HEADROOM, .more = more, .flags = PKT_OFFLOAD};
	struct result r = {.from = &p};
	uint32_t pieces;
	size_t at;

	if (size < sizeof(p.off) + 2 + PKT_HEAD || size > FRAME_MAX)
		return 0;
	memcpy(&p.off, data, sizeof(p.off));
	pieces = data[sizeof(p.off)] % PIECES_MAX;
	data += sizeof(p.off) + 2;
	size -= sizeof(p.off) + 2;
	p.len = (uint32_t)size;
	p.head_len = (uint16_t)MIN_OF(size, data[-1] % 2 ? PKT_HEAD : PKT_DEEP);
	memcpy(p.head, data, p.head_len);
	at = p.head_len;
	p.body = data + at;
	p.body_len = (uint32_t)(size - at) / (pieces + 1);
	at += p.body_len;
	for (uint32_t i = 0; i < pieces; i++) {
		size_t n = i + 1 == pieces ? size - at : (size - at) / (pieces - i);

		more[p.n_more++] = (struct pkt_seg){.addr = data + at, .len = (uint32_t)n};
		at += n;
	}
	if (offload_finish(&scratch, &p, collect, &r) < 0)
		require(r.frames == 0, "refused, but something went out");
	else
		require(r.frames >= 1 && r.frames <= OFFLOAD_SEGMENTS_MAX && r.bytes >= p.len,
			"lost bytes");
	return 0;
}
