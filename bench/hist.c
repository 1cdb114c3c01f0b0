/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear histogram; see hist.h. Compiled twice: for the host's programs and, freestanding, into
 * the probe. So nothing here may need libc.
 */
#include "bench/hist.h"

#include <stdbool.h>

#define SUB (1u << HIST_SUB_BITS)

void
hist_reset(struct hist *h)
{
	h->count = 0;
	h->min = 0;
	h->max = 0;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] = 0;
}

uint64_t
hist_low(unsigned int index)
{
	unsigned int shift;

	if (index < 2 * SUB)
		return index;
	shift = index / SUB - 1;
	return (uint64_t)(SUB + index % SUB) << shift;
}

uint64_t
hist_high(unsigned int index)
{
	if (index < 2 * SUB)
		return index;
	return hist_low(index) + ((uint64_t)1 << (index / SUB - 1)) - 1;
}

void
hist_merge(struct hist *h, const struct hist *from)
{
	if (from->count == 0)
		return;
	if (h->count == 0 || from->min < h->min)
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->count += from->count;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] += from->bucket[i];
}

uint64_t
hist_percentile(const struct hist *h, uint32_t per_100k)
{
	uint64_t rank, seen = 0;

	if (per_100k >= 100000)
		return h->max;
	/* ceil(count * p / 100000) without a product that could overflow. */
	rank = h->count / 100000 * per_100k + (h->count % 100000 * per_100k + 99999) / 100000;
	if (rank == 0)
		return h->min;
	for (unsigned int i = hist_index(h->min); i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return hist_high(i) < h->max ? hist_high(i) : h->max;
	}
	return h->max;
}

uint64_t
hist_count_above(const struct hist *h, uint64_t value)
{
	uint64_t n = 0;

	for (unsigned int i = hist_index(value); i < HIST_BUCKETS; i++)
		if (hist_high(i) > value)
			n += h->bucket[i];
	return n;
}

/* Writes @v in decimal before @end; returns where it starts. At most 20 bytes. */
static char *
decimal_before(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

static void
emit_pair(uint64_t a, char between, uint64_t b, bool space,
	  void (*put)(void *arg, const char *text, size_t len), void *arg)
{
	char text[48], *p, *end = text + sizeof(text);

	p = decimal_before(end, b);
	*--p = between;
	p = decimal_before(p, a);
	if (space)
		*--p = ' ';
	put(arg, p, (size_t)(end - p));
}

void
hist_emit(const struct hist *h, void (*put)(void *arg, const char *text, size_t len), void *arg)
{
	emit_pair(h->min, ' ', h->max, false, put, arg);
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		if (h->bucket[i])
			emit_pair(i, ':', h->bucket[i], true, put, arg);
}

struct sink {
	char *buf;
	size_t size, used; /* used == size: it did not fit */
};

static void
sink_put(void *arg, const char *text, size_t len)
{
	struct sink *s = arg;

	if (s->size - s->used <= len) {
		s->used = s->size;
		return;
	}
	for (size_t i = 0; i < len; i++)
		s->buf[s->used++] = text[i];
}

size_t
hist_format(const struct hist *h, char *buf, size_t size)
{
	struct sink s = {.buf = buf, .size = size};

	if (size == 0)
		return 0;
	hist_emit(h, sink_put, &s);
	if (s.used == s.size) {
		buf[0] = '\0';
		return 0;
	}
	buf[s.used] = '\0';
	return s.used;
}

struct cursor {
	const char *at, *end;
};

static bool
take_char(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* Canonical decimal only: digits, no leading zero, at most UINT64_MAX. */
static bool
take_number(struct cursor *c, uint64_t *ret)
{
	const char *start = c->at;
	uint64_t v = 0;

	while (c->at != c->end && *c->at >= '0' && *c->at <= '9') {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*c->at - '0'), &v))
			return false;
		c->at++;
	}
	if (c->at == start || (*start == '0' && c->at - start > 1))
		return false;
	*ret = v;
	return true;
}

/* " INDEX:COUNT": the index above *@last (-1 at first). */
static bool
take_bucket(struct cursor *c, struct hist *h, int *last)
{
	uint64_t index, n;

	if (!take_char(c, ' ') || !take_number(c, &index) || !take_char(c, ':') ||
	    !take_number(c, &n))
		return false;
	if (index >= HIST_BUCKETS || (int)index <= *last || n == 0)
		return false;
	if (__builtin_add_overflow(h->count, n, &h->count))
		return false;
	if (*last < 0 && index != hist_index(h->min))
		return false;
	h->bucket[index] = n;
	*last = (int)index;
	return true;
}

int
hist_parse(struct hist *ret, const char *text, size_t len)
{
	struct cursor c = {.at = text, .end = text + len};
	uint64_t min, max;
	int last = -1;

	hist_reset(ret);
	if (!take_number(&c, &min) || !take_char(&c, ' ') || !take_number(&c, &max) || min > max)
		return -1;
	ret->min = min;
	ret->max = max;
	while (c.at != c.end)
		if (!take_bucket(&c, ret, &last))
			goto refuse;
	if (last < 0 ? max != 0 : (unsigned int)last != hist_index(max))
		goto refuse;
	return 0;
refuse:
	hist_reset(ret);
	return -1;
}
