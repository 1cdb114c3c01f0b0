/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of uint64 values in log-linear buckets (the idea of HdrHistogram): 128 buckets an
 * octave, so that a bucket is at most 1/128 (0.79 %) as wide as its lowest value; below 256 every
 * value has a bucket of its own. It counts nothing away: any uint64 has a bucket, saturation apart.
 *
 * A percentile is answered with the bucket's highest value (never flattering), cut at the exact
 * maximum: true <= answer <= true * (1 + 1/128).
 *
 * Freestanding: integers only, no libc, no allocation, fixed size (about 58 KiB): the bare-metal probe
 * places one statically. Not thread-safe: one writer; merge copies.
 */
#ifndef CORELANE_BENCH_HIST_H
#define CORELANE_BENCH_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB_BITS 7
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS) /* 7424 */

/* The longest text form: two numbers in front, and "7423:18446744073709551615 " for each bucket. */
#define HIST_TEXT_MAX (64 + 26 * HIST_BUCKETS)

/* All zero bytes are an empty histogram. */
struct hist {
	uint64_t count;    /* values recorded */
	uint64_t min, max; /* exact; 0 when count is 0 */
	uint64_t bucket[HIST_BUCKETS];
};

/* Empties it: writes all of it once, which also faults it in. */
void hist_reset(struct hist *h);

/* The bucket of @value, and a bucket's lowest and highest value. @index < HIST_BUCKETS. */
static inline unsigned int
hist_index(uint64_t value)
{
	unsigned int shift;

	if (value < 1u << HIST_SUB_BITS)
		return (unsigned int)value;
	shift = 63u - (unsigned int)__builtin_clzll(value) - HIST_SUB_BITS;
	/* value >> shift is 128..255: its top bit is what "+ shift octaves" leaves over. */
	return (shift << HIST_SUB_BITS) + (unsigned int)(value >> shift);
}

uint64_t hist_low(unsigned int index);
uint64_t hist_high(unsigned int index);

/* @n times @value; For packet loops. @n is not 0. */
static inline void
hist_record_n(struct hist *h, uint64_t value, uint64_t n)
{
	if (value < h->min || h->count == 0)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count += n;
	h->bucket[hist_index(value)] += n;
}

static inline void
hist_record(struct hist *h, uint64_t value)
{
	hist_record_n(h, value, 1);
}

/* Adds @from to @h. */
void hist_merge(struct hist *h, const struct hist *from);

/*
 * The value that @per_100k / 100,000 of all values do not exceed (50000 is p50, 99999 is p99.999,
 * 100000 and above the exact maximum, 0 the exact minimum); 0 when nothing was recorded.
 */
uint64_t hist_percentile(const struct hist *h, uint32_t per_100k);

/* How many recorded values lie in buckets wholly or partly above @value (for "over the limit" counts). */
uint64_t hist_count_above(const struct hist *h, uint64_t value);

/*
 * The text form, one line without newline, safe inside a JSON string: "MIN MAX" and then, for each
 * bucket that is not empty, by rising index, " INDEX:COUNT". An empty histogram is "0 0".
 * hist_emit hands it out in pieces (for a serial port); hist_format writes it with a NUL and returns
 * its length, or 0 when @size does not suffice (HIST_TEXT_MAX always does).
 */
void hist_emit(const struct hist *h, void (*put)(void *arg, const char *text, size_t len),
	       void *arg);
size_t hist_format(const struct hist *h, char *buf, size_t size);

/*
 * Reads that back from exactly @len bytes. 0, or -1 (this file knows no errno) when it is not exactly
 * such a text: a number too large, an index out of range or not rising, a zero count, a sum beyond
 * 64 bits, min or max not in the first or last bucket. *@ret is empty then.
 */
int hist_parse(struct hist *ret, const char *text, size_t len);

#endif
