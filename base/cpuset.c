/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpuset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

void
cpuset_zero(struct cpuset *s)
{
	memset(s, 0, sizeof(*s));
}

void
cpuset_add(struct cpuset *s, unsigned int cpu)
{
	if (cpu < CPUSET_MAX)
		s->bits[cpu / 64] |= 1ull << (cpu % 64);
}

void
cpuset_del(struct cpuset *s, unsigned int cpu)
{
	if (cpu < CPUSET_MAX)
		s->bits[cpu / 64] &= ~(1ull << (cpu % 64));
}

bool
cpuset_has(const struct cpuset *s, unsigned int cpu)
{
	return cpu < CPUSET_MAX && (s->bits[cpu / 64] >> (cpu % 64) & 1);
}

bool
cpuset_empty(const struct cpuset *s)
{
	return cpuset_count(s) == 0;
}

bool
cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

unsigned int
cpuset_count(const struct cpuset *s)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		n += (unsigned int)__builtin_popcountll(s->bits[i]);
	return n;
}

int
cpuset_next(const struct cpuset *s, unsigned int from)
{
	size_t word = from / 64;
	uint64_t bits;

	if (from >= CPUSET_MAX)
		return -1;
	bits = s->bits[word] & (~0ull << (from % 64));
	while (!bits && ++word < ARRAY_SIZE(s->bits))
		bits = s->bits[word];
	return bits ? (int)(word * 64) + __builtin_ctzll(bits) : -1;
}

void
cpuset_or(struct cpuset *s, const struct cpuset *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		s->bits[i] |= o->bits[i];
}

void
cpuset_and(struct cpuset *s, const struct cpuset *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		s->bits[i] &= o->bits[i];
}

void
cpuset_minus(struct cpuset *s, const struct cpuset *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		s->bits[i] &= ~o->bits[i];
}

/* A CPU number at *@p, which moves past it. -EINVAL without a digit, -ERANGE when too large. */
static int
parse_number(const char **p, unsigned int *ret)
{
	unsigned int v = 0;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	while (isdigit((unsigned char)**p)) {
		v = v * 10 + (unsigned int)(*(*p)++ - '0');
		if (v >= CPUSET_MAX)
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int
cpuset_parse(const char *text, struct cpuset *ret)
{
	struct cpuset set = {0};
	unsigned int lo, hi;
	const char *p = text;
	int r;

	while (*p) {
		r = parse_number(&p, &lo);
		if (r < 0)
			return r;
		hi = lo;
		if (*p == '-') {
			p++;
			r = parse_number(&p, &hi);
			if (r < 0)
				return r;
		}
		if (hi < lo)
			return -EINVAL;
		for (unsigned int cpu = lo; cpu <= hi; cpu++)
			cpuset_add(&set, cpu);
		if (*p == ',' && p[1])
			p++;
		else if (*p)
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

char *
cpuset_format(const struct cpuset *s, char *buf, size_t size)
{
	size_t used = 0;

	if (size)
		buf[0] = '\0';
	for (int lo = cpuset_next(s, 0); lo >= 0;) {
		int hi = lo, n;

		while (cpuset_has(s, (unsigned int)hi + 1))
			hi++;
		n = snprintf(buf + used, size - used, lo == hi ? "%s%d" : "%s%d-%d",
			     used ? "," : "", lo, hi);
		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
		lo = cpuset_next(s, (unsigned int)hi + 1);
	}
	return buf;
}
