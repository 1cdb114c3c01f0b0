/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071) over bytes that lie in several places, of any length and alignment.
 * Sums are kept in the machine's byte order, which RFC 1071, 2 (B) allows.
 */
#ifndef CORELANE_VHOST_USER_CSUM_H
#define CORELANE_VHOST_USER_CSUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct csum {
	uint64_t sum;
	bool odd; /* an odd number of bytes so far */
};

/* The ones' complement sum of @len bytes, folded to 16 bits. */
static inline uint16_t
csum_of(const uint8_t *p, uint32_t len)
{
	uint64_t a = 0, b = 0, v, w;

	/* 32 bits at a time into 64: no carry is lost below 16 GiB, and the compiler makes vectors of it */
	for (; len >= 16; p += 16, len -= 16) {
		memcpy(&v, p, 8);
		memcpy(&w, p + 8, 8);
		a += (v & 0xffffffff) + (w & 0xffffffff);
		b += (v >> 32) + (w >> 32);
	}
	for (; len >= 4; p += 4, len -= 4) {
		uint32_t x;

		memcpy(&x, p, 4);
		a += x;
	}
	v = 0;
	memcpy(&v, p, len);
	a += b + v;
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16 & 0xffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16);
	return (uint16_t)(a + (a >> 16));
}

static inline void
csum_add(struct csum *c, const uint8_t *p, uint32_t len)
{
	uint16_t v = len > 0 ? csum_of(p, len) : 0;

	c->sum += c->odd ? __builtin_bswap16(v) : v;
	c->odd ^= len & 1;
}

/* A 32-bit number as it stands in a header; after an even number of bytes. */
static inline void
csum_add_number(struct csum *c, uint32_t v)
{
	uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	csum_add(c, be, sizeof(be));
}

/* Writes the checksum; @never_zero: as its other form, 0xffff. */
static inline void
csum_put(const struct csum *c, uint8_t *to, bool never_zero)
{
	uint64_t v = c->sum;
	uint16_t field;

	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	field = (uint16_t)~v;
	if (field == 0 && never_zero)
		field = 0xffff;
	memcpy(to, &field, sizeof(field));
}

#endif
