/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/frame.h"

#include "bench/probe/str.h"

#define MAGIC   0x62507243u /* "CrPb" */
#define PATTERN 0x9e3779b97f4a7c15ull
#define HEAD    40

struct wire { /* from byte 14 */
	uint16_t len;
	uint32_t magic;
	uint8_t type, stream;
	uint16_t sum;
	uint64_t seq, tsc;
} __attribute__((packed));

_Static_assert(sizeof(struct wire) == HEAD - 14, "the frame's layout");

static uint16_t
sum(const struct wire *w)
{
	uint64_t s = w->seq * PATTERN ^ w->tsc ^ (uint64_t)w->len << 48 ^ (uint64_t)w->type << 40 ^
		     (uint64_t)w->stream << 32 ^ w->magic;

	s ^= s >> 32;
	return (uint16_t)(s ^ s >> 16);
}

void
frame_write(uint8_t *buf, uint32_t len, const struct frame *f)
{
	struct wire w = {(uint16_t)len, MAGIC, f->type, f->stream, 0, f->seq, f->tsc};
	uint64_t word = f->seq * PATTERN;
	uint32_t at = HEAD;

	w.sum = sum(&w);
	__builtin_memcpy(buf, f->dst, 6);
	__builtin_memcpy(buf + 6, f->src, 6);
	buf[12] = FRAME_ETHERTYPE >> 8;
	buf[13] = FRAME_ETHERTYPE & 0xff;
	__builtin_memcpy(buf + 14, &w, sizeof(w));
	for (; at + 8 <= len; at += 8, word++)
		__builtin_memcpy(buf + at, &word, 8);
	for (; at < len; at++, word >>= 8)
		buf[at] = (uint8_t)word;
}

static bool
pattern_holds(const uint8_t *buf, uint32_t len, uint64_t seq)
{
	uint64_t word = seq * PATTERN, got, bad = 0;
	uint32_t at = HEAD;

	for (; at + 8 <= len; at += 8, word++) {
		__builtin_memcpy(&got, buf + at, 8);
		bad |= got ^ word;
	}
	for (; at < len; at++, word >>= 8)
		bad |= buf[at] ^ (word & 0xff);
	return !bad;
}

enum frame_verdict
frame_read(const uint8_t *buf, uint32_t len, bool deep, struct frame *ret)
{
	struct wire w;

	__builtin_memcpy(ret->dst, buf, 6);
	__builtin_memcpy(ret->src, buf + 6, 6);
	if (len < FRAME_MIN || buf[12] != FRAME_ETHERTYPE >> 8 ||
	    buf[13] != (FRAME_ETHERTYPE & 0xff))
		return FRAME_FOREIGN;
	__builtin_memcpy(&w, buf + 14, sizeof(w));
	if (w.magic != MAGIC)
		return FRAME_FOREIGN;
	ret->type = w.type;
	ret->stream = w.stream;
	ret->seq = w.seq;
	ret->tsc = w.tsc;
	if (w.len != len || w.sum != sum(&w) || w.stream >= FRAME_STREAMS || w.type < FRAME_HELLO ||
	    w.type > FRAME_STOP)
		return FRAME_CORRUPT;
	return deep && !pattern_holds(buf, len, w.seq) ? FRAME_CORRUPT : FRAME_OK;
}

static bool
test_and_set(struct seqwin *w, uint64_t seq)
{
	uint64_t *word = &w->seen[seq / 64 % (SEQ_WINDOW / 64)], bit = 1ull << (seq % 64);
	bool was = *word & bit;

	*word |= bit;
	return was;
}

bool
seqwin_note(struct seqwin *w, uint64_t seq)
{
	if (seq >= w->next) {
		if (seq - w->next >= SEQ_WINDOW)
			memset(w->seen, 0, sizeof(w->seen));
		for (uint64_t s = w->next; seq - w->next < SEQ_WINDOW && s <= seq; s++)
			w->seen[s / 64 % (SEQ_WINDOW / 64)] &= ~(1ull << (s % 64));
		w->next = seq + 1;
		test_and_set(w, seq);
		w->unique++;
		return true;
	}
	if (w->next - seq > SEQ_WINDOW || test_and_set(w, seq)) {
		w->duplicated++;
		return false;
	}
	w->reordered++;
	w->unique++;
	return true;
}
