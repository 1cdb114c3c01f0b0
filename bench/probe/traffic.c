/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/traffic.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/str.h"

void
sender_init(struct sender *s, struct nic *nic, const struct args *a, const uint8_t dst[6])
{
	*s = (struct sender){.nic = nic, .args = a};
	memcpy(s->src, a->src.set ? a->src.mac : nic->mac, 6);
	memcpy(s->dst, dst, 6);
}

void
sender_start(struct sender *s, uint8_t type, uint64_t start)
{
	s->type = type;
	s->flat_out = !s->args->rate;
	s->sent = s->bytes = s->late_max = s->full = 0;
	for (unsigned int i = 0; i < NET_PAIRS_MAX; i++)
		s->seq[i] = 0;
	pacer_init(&s->pacer, start, tsc.hz, s->args->rate);
}

/* The i-th of a set of MACs: added to its last three bytes. Group addresses stay as they are. */
static void
mac_nth(uint8_t out[6], const uint8_t base[6], uint32_t i)
{
	uint32_t low = (uint32_t)base[3] << 16 | (uint32_t)base[4] << 8 | base[5];

	low += base[0] & 1 ? 0 : i;
	__builtin_memcpy(out, base, 3);
	out[3] = (uint8_t)(low >> 16);
	out[4] = (uint8_t)(low >> 8);
	out[5] = (uint8_t)low;
}

/* Puts one data or warm-up frame; false when the ring is full. */
static bool
put_next(struct sender *s, uint64_t due)
{
	unsigned int q = (unsigned int)(s->sent % s->nic->n_pairs);
	uint32_t len = (uint32_t)s->args->size[s->turn % s->args->n_sizes];
	uint32_t pair = s->turn % (uint32_t)s->args->macs;
	struct frame f = {.type = s->type, .stream = (uint8_t)q, .seq = s->seq[q], .tsc = due};
	uint8_t *b = nic_tx_buf(s->nic, q);

	if (!b)
		return false;
	mac_nth(f.dst, s->dst, pair);
	mac_nth(f.src, s->src, pair);
	frame_write(b, len, &f);
	nic_tx_put(s->nic, q, len);
	s->seq[q]++;
	s->turn++;
	s->sent++;
	s->bytes += len;
	return true;
}

static bool
enough(const struct sender *s)
{
	return s->args->count && s->sent >= s->args->count;
}

bool
sender_done(const struct sender *s, uint64_t now, uint64_t end)
{
	return enough(s) || (now >= end && (s->flat_out || s->pacer.next >= end));
}

unsigned int
sender_run(struct sender *s, uint64_t now, uint64_t end)
{
	unsigned int n = 0;

	while (n < s->args->burst) {
		uint64_t due = s->flat_out ? now : s->pacer.next;

		if (due > now || due >= end || enough(s))
			break;
		if (!put_next(s, due)) {
			s->full++;
			break;
		}
		if (now - due > s->late_max)
			s->late_max = now - due;
		pacer_advance(&s->pacer);
		n++;
	}
	for (unsigned int q = 0; n && q < s->nic->n_pairs; q++)
		nic_tx_flush(s->nic, q);
	return n;
}

uint64_t
sender_unsent(struct sender *s, uint64_t end)
{
	uint64_t n = 0;

	if (s->flat_out)
		return 0;
	for (; s->pacer.next < end && !(s->args->count && s->sent + n >= s->args->count); n++)
		pacer_advance(&s->pacer);
	return n;
}

bool
sender_one(struct sender *s, uint8_t type, uint64_t seq, const uint8_t dst[6])
{
	struct frame f = {.type = type, .seq = seq, .tsc = rdtsc()};
	uint8_t *b = nic_tx_buf(s->nic, 0);

	if (!b)
		return false;
	memcpy(f.dst, dst, 6);
	memcpy(f.src, s->src, 6);
	frame_write(b, FRAME_MIN, &f);
	nic_tx_put(s->nic, 0, FRAME_MIN);
	nic_tx_flush(s->nic, 0);
	return true;
}

/* Another probe on the same network sends frames like ours: the source tells them apart. */
static bool
is_from(const struct receiver *r, const uint8_t src[6])
{
	uint8_t first[6] = {src[0], src[1], src[2], r->from[3], r->from[4], r->from[5]};
	uint32_t base = (uint32_t)r->from[3] << 16 | (uint32_t)r->from[4] << 8 | r->from[5];
	uint32_t low = (uint32_t)src[3] << 16 | (uint32_t)src[4] << 8 | src[5];

	if (!r->n_from)
		return true;
	return memcmp(first, r->from, 6) == 0 && ((low - base) & 0xffffff) < r->n_from;
}

static void
judge(struct receiver *r, const uint8_t *b, uint32_t len, uint64_t now)
{
	struct frame f;
	enum frame_verdict v = frame_read(b, len, r->deep, &f);

	if (v == FRAME_FOREIGN || !is_from(r, f.src) ||
	    (!r->anybody && memcmp(f.dst, r->nic->mac, 6) != 0 && !(f.dst[0] & 1))) {
		r->foreign++;
		return;
	}
	if (v == FRAME_CORRUPT) {
		r->corrupt++;
		return;
	}
	switch (f.type) {
	case FRAME_HELLO:
		r->hello = true;
		r->hello_frame = f;
		return;
	case FRAME_STOP:
		r->stop = true;
		return;
	case FRAME_WARM:
		r->warm++;
		return;
	}
	if (!seqwin_note(&r->win[f.stream], f.seq))
		return;
	if (!r->frames++)
		r->first_tsc = now;
	r->last_tsc = now;
	r->bytes += len;
	if (r->hist)
		hist_record(r->hist, now > f.tsc ? clock_ns(now - f.tsc) : 0);
}

unsigned int
receiver_run(struct receiver *r, unsigned int max)
{
	unsigned int total = 0;

	for (unsigned int q = 0; q < r->nic->n_pairs; q++) {
		uint32_t len;
		uint8_t *b;

		for (unsigned int i = 0; i < max && (b = nic_rx(r->nic, q, &len)); i++) {
			judge(r, b, len, rdtsc());
			total++;
		}
	}
	return total;
}
