/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_chain.h"

#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define PARTS_MAX 256
#define TRIES     5000 /* of a millisecond */

/* Buffers first..first+n-1 as one chain of @r; @last is the length of the last, the rest are whole. */
static void
offer_split(struct ring *r, uint16_t first, unsigned int n, uint32_t piece, uint32_t last)
{
	for (unsigned int i = 0; i < n; i++) {
		struct vring_desc *d = &r->vr.desc[first + i];

		d->len = i + 1 < n ? piece : last;
		d->flags = (uint16_t)((r->receive ? VRING_DESC_F_WRITE : 0) |
				      (i + 1 < n ? VRING_DESC_F_NEXT : 0));
		d->next = (uint16_t)(first + i + 1);
	}
	r->vr.avail->ring[r->avail++ & (r->size - 1)] = first;
	/* release: the device sees the descriptors */
	__atomic_store_n(&r->vr.avail->idx, r->avail, __ATOMIC_RELEASE);
}

static void
offer_packed(struct ring *r, uint16_t first, unsigned int n, uint32_t piece, uint32_t last)
{
	uint16_t at = r->avail, first_flags = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct vring_packed_desc *d = &r->desc[r->avail];
		uint16_t flags = (uint16_t)(1u << (r->avail_wrap ? VRING_PACKED_DESC_F_AVAIL
								 : VRING_PACKED_DESC_F_USED));

		flags |= (uint16_t)((r->receive ? VRING_DESC_F_WRITE : 0) |
				    (i + 1 < n ? VRING_DESC_F_NEXT : 0));
		d->addr = r->buf_gpa + (uint64_t)(first + i) * r->stride;
		d->len = i + 1 < n ? piece : last;
		d->id = first;
		if (i == 0)
			first_flags = flags;
		else
			d->flags = flags;
		if (++r->avail == r->size) {
			r->avail = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	/* release: with the first flags the device sees the whole chain */
	__atomic_store_n(&r->desc[at].flags, first_flags, __ATOMIC_RELEASE);
}

static void
offer(struct ring *r, uint16_t first, unsigned int n, uint32_t piece, uint32_t last)
{
	require(n >= 1 && first + n <= r->size, "a chain of %u buffers", n);
	r->with_device[first] = true;
	r->held++;
	if (r->packed)
		offer_packed(r, first, n, piece, last);
	else
		offer_split(r, first, n, piece, last);
	ring_kick(r);
}

/* The chain of @n comes back. Returns how many bytes the device wrote. */
static uint32_t
come_back(struct guest *g, struct ring *r, uint16_t first, unsigned int n)
{
	struct ring_done done = {0};
	unsigned int tries = 0;

	while (ring_take(r, &done, 1, 1) == 0) {
		require(tries++ < TRIES, "%s: a chain of %u did not come back", g->cfg.name, n);
		usleep(1000);
	}
	require(done.id == first, "%s: chain %u came back as %u", g->cfg.name, first, done.id);
	for (unsigned int i = 0; !r->packed && i < n; i++)
		r->vr.desc[first + i].flags = r->receive ? VRING_DESC_F_WRITE : 0;
	/* virtio 1.2, 2.8.6: the device skips the chain's other descriptors */
	if (r->packed) {
		r->used = (uint16_t)(r->used + n - 1);
		if (r->used >= r->size) {
			r->used = (uint16_t)(r->used - r->size);
			r->used_wrap = !r->used_wrap;
		}
	}
	return done.len;
}

/* Nothing of what the guest sent is with the switch any more. */
static void
all_taken(struct guest *g)
{
	struct ring *r = port_tx(&g->port, 0);

	for (unsigned int tries = 0; r->held; tries++) {
		require(tries < TRIES, "%s: its frames were not taken", g->cfg.name);
		if (port_reap(r, 1) == 0)
			usleep(1000);
	}
}

void
chain_send(struct guest *g, const uint8_t *bytes, uint32_t len, uint32_t piece)
{
	static uint8_t all[FRAME_VNET_HDR + FRAME_ROOM];
	struct ring *r = port_tx(&g->port, 0);
	uint32_t total = FRAME_VNET_HDR + len;
	unsigned int n = (total + piece - 1) / piece;

	all_taken(g);
	memset(all, 0, FRAME_VNET_HDR);
	memcpy(all + FRAME_VNET_HDR, bytes, len);
	for (unsigned int i = 0; i < n; i++)
		memcpy(r->buf + i * r->stride, all + (size_t)i * piece,
		       MIN_OF(piece, total - i * piece));
	offer(r, 0, n, piece, total - (n - 1) * piece);
	come_back(g, r, 0, n);
}

void
chain_drain(struct guest *from, struct guest *to)
{
	struct ring *r = port_rx(&to->port, 0);
	struct ring_done done;

	for (unsigned int tries = 0; r->held; tries++) {
		frame_make(frame, 60, 1, 0);
		guest_send(from, 0, frame, 60);
		while (ring_take(r, &done, 1, 1))
			;
		require(tries < 100000, "%s: its buffers are not used", to->cfg.name);
	}
	/* what was sent too much finds no room, and not later a chain */
	all_taken(from);
}

void
chain_post(struct guest *g, unsigned int n)
{
	struct ring *r = port_rx(&g->port, 0);

	offer(r, 0, n, (uint32_t)r->stride, (uint32_t)r->stride);
}

uint32_t
chain_receive(struct guest *g, unsigned int n, uint8_t *ret)
{
	struct ring *r = port_rx(&g->port, 0);
	uint32_t len = come_back(g, r, 0, n), at = 0;
	static uint8_t all[FRAME_VNET_HDR + 2 * FRAME_ROOM];

	require(len > FRAME_VNET_HDR && len <= FRAME_VNET_HDR + FRAME_ROOM, "%u bytes came", len);
	for (unsigned int i = 0; at < len; i++) {
		uint32_t part = MIN_OF(len - at, (uint32_t)r->stride);

		require(i < n, "%u bytes came into %u buffers", len, n);
		memcpy(all + at, r->buf + i * r->stride, part);
		at += part;
	}
	memcpy(ret, all + FRAME_VNET_HDR, len - FRAME_VNET_HDR);
	return len - FRAME_VNET_HDR;
}

uint32_t
merged_receive(struct guest *g, uint8_t *ret, unsigned int *ret_buffers)
{
	struct ring *r = port_rx(&g->port, 0);
	uint32_t len = 0, left = 1, tries = 0;

	*ret_buffers = 0;
	while (left) {
		const uint8_t *buf;
		struct ring_done done;
		uint32_t skip = *ret_buffers ? 0 : FRAME_VNET_HDR;

		if (ring_take(r, &done, 1, 1) == 0) {
			require(tries++ < TRIES, "%s: half a frame", g->cfg.name);
			usleep(1000);
			continue;
		}
		buf = r->buf + done.id * r->stride;
		if (*ret_buffers == 0) /* num_buffers: virtio 1.2, 5.1.6 */
			left = (uint32_t)buf[10] | (uint32_t)buf[11] << 8;
		require(left >= 1 && left <= PARTS_MAX && done.len >= skip &&
				len + done.len <= FRAME_ROOM + skip,
			"%s: %u buffers, %u bytes in one", g->cfg.name, left, done.len);
		memcpy(ret + len, buf + skip, done.len - skip);
		len += done.len - skip;
		left--;
		(*ret_buffers)++;
		ring_put(r, &done.id, 1, (uint32_t)r->stride);
	}
	return len;
}

/* 9,000 bytes and a header in pieces, from and to guests of every kind. */
void
check_jumbo_chains(struct world *w)
{
	static uint8_t got[2 * FRAME_ROOM];
	struct guest *g = w->guest;
	unsigned int buffers;

	for (int i = 0; i < 3; i++) {
		guest_plan(w, i)->cfg.mtu = 9000;
		g[i].max_frame = 2000;
	}
	g[2].one_buffer = true;
	for (int i = 0; i < 3; i++)
		guest_up(w, &g[i], RING);
	send_from(w, 1, 60, 2, 0);
	expect_frame(&g[0], frame, 60);
	expect_frame(&g[2], frame, 60);
	for (uint32_t len = 1000; len <= 9014; len += len == 9014 ? 1 : MIN_OF(1499, 9014 - len)) {
		frame_make(frame, len, 1, 2);
		chain_send(&g[0], frame, len, 1700);
		require(merged_receive(&g[1], got, &buffers) == len && !memcmp(got, frame, len),
			"%u bytes came damaged in merged buffers", len);
		require(buffers == (len + FRAME_VNET_HDR + port_rx(&g[1].port, 0)->stride - 1) /
					   port_rx(&g[1].port, 0)->stride,
			"%u bytes came in %u buffers", len, buffers);
	}
	chain_drain(&g[1], &g[2]);
	while (guest_receive(&g[0], 0, got, 30) > 0)
		;
	send_from(w, 2, 60, 3, 1);
	expect_frame(&g[1], frame, 60);
	for (uint32_t len = 1000; len <= 9014; len += len == 9014 ? 1 : MIN_OF(1499, 9014 - len)) {
		chain_post(&g[2], 5);
		frame_make(frame, len, 1, 3);
		chain_send(&g[0], frame, len, 777);
		require(chain_receive(&g[2], 5, got) == len && !memcmp(got, frame, len),
			"%u bytes came damaged in one chain", len);
	}
	/* a chain that is too short for it: nothing of it arrives, and the next one does */
	chain_post(&g[2], 1);
	frame_make(frame, 9000, 1, 3);
	chain_send(&g[0], frame, 9000, 1700);
	expect_stat(w, &g[2], drops[DROP_OVERSIZE], 1);
	frame_make(frame, 600, 1, 3);
	chain_send(&g[0], frame, 600, 1700);
	require(chain_receive(&g[2], 1, got) == 600 && !memcmp(got, frame, 600),
		"the frame after one that was too long");
}
