/* SPDX-License-Identifier: Apache-2.0 */
/* Building and checking the load's frames; see frame.h. */
#include "bench/load/frame.h"

#include <stddef.h>
#include <string.h>

#define AT_IP      14
#define AT_UDP     34
#define AT_MAGIC   42 /* 4 bytes */
#define AT_PORT    46 /* 2 bytes: the sender's */
#define AT_ID      48 /* 2 bytes: the sender's buffer */
#define AT_STAMP   50 /* 8 bytes; frame_stamp() */
#define AT_PATTERN 58
#define MAGIC      0x6c436c44u
#define SPOILT     0xdeadbeefu

static void
put16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static unsigned int
get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static void
put_mac(uint8_t *at, unsigned int port, unsigned int host)
{
	static const uint8_t local[3] = {0x02};

	memcpy(at, local, 3);
	at[3] = (uint8_t)port;
	put16(at + 4, host);
}

static uint16_t
ip_checksum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static uint8_t
pattern(unsigned int id, size_t at)
{
	return (uint8_t)(id + (id >> 8) * 7 + at);
}

/* The first AT_PATTERN bytes of the frame at @f, with the addresses of pair 0 and stamp 0. */
static void
put_headers(uint8_t *f, const struct frame_plan *plan, unsigned int port, unsigned int id)
{
	static const uint8_t ip_start[12] = {[0] = 0x45, [8] = 64, [9] = 17}; /* TTL, UDP */
	const uint32_t magic = MAGIC;
	uint8_t *ip = f + AT_IP;

	memset(f, 0, AT_PATTERN);
	put_mac(f, port ^ 1, 0);
	if (plan->broadcast)
		memset(f, 0xff, 6);
	put_mac(f + 6, port, 0);
	put16(f + 12, 0x0800);
	memcpy(ip, ip_start, sizeof(ip_start));
	put16(ip + 2, plan->size - AT_IP);
	put16(ip + 12, 0x0a00); /* 10.0.P.1 to 10.0.Q.1 */
	put16(ip + 14, port << 8 | 1);
	put16(ip + 16, 0x0a00);
	put16(ip + 18, (port ^ 1) << 8 | 1);
	put16(ip + 10, ip_checksum(ip));
	put16(f + AT_UDP, 5000);
	put16(f + AT_UDP + 2, 5001);
	put16(f + AT_UDP + 4, plan->size - AT_UDP); /* no UDP checksum: 0 says so (RFC 768) */
	memcpy(f + AT_MAGIC, &magic, sizeof(magic));
	put16(f + AT_PORT, port);
	put16(f + AT_ID, id);
}

void
frame_build(uint8_t *buf, const struct frame_plan *plan, unsigned int port, uint16_t id)
{
	struct frame_walk walk = {.source = id % plan->pairs};
	uint8_t *f = buf + FRAME_VNET_HDR;

	memset(buf, 0, FRAME_VNET_HDR);
	put_headers(f, plan, port, id);
	frame_address(buf, plan, &walk);
	for (size_t i = AT_PATTERN; i < plan->size; i++)
		f[i] = pattern(id, i);
}

/* Headers that a sender of ours wrote, for hosts that exist and talk to each other. */
static const char *
check_headers(const uint8_t *f, const struct frame_plan *plan, unsigned int port)
{
	unsigned int dst = get16(f + 4), src = get16(f + 10);
	uint8_t expect[AT_PATTERN];

	put_headers(expect, plan, plan->broadcast ? 0 : port ^ 1, get16(f + AT_ID));
	if (memcmp(f, expect, 4) != 0 || (plan->broadcast ? dst != 0xffff : dst >= plan->pairs))
		return "destination address of somebody else";
	if (memcmp(f + 6, expect + 6, 4) != 0 || src >= plan->pairs)
		return "source address that nobody sent";
	if (!plan->mesh && !plan->broadcast && dst != src)
		return "addresses of two different pairs";
	if (memcmp(f + 12, expect + 12, AT_STAMP - 12) != 0)
		return "headers changed";
	return NULL;
}

const char *
frame_check(uint8_t *buf, uint32_t len, const struct frame_plan *plan, unsigned int port)
{
	const uint32_t spoilt = SPOILT;
	uint8_t *f = buf + FRAME_VNET_HDR;
	const char *wrong;
	uint32_t magic;

	if (len != FRAME_VNET_HDR + (uint32_t)plan->size)
		return "wrong length";
	memcpy(&magic, f + AT_MAGIC, sizeof(magic));
	if (magic == SPOILT)
		return "buffer returned without having been written";
	if (buf[10] != 1 || buf[11] != 0)
		return "num_buffers is not 1";
	wrong = check_headers(f, plan, port);
	memcpy(f + AT_MAGIC, &spoilt, sizeof(spoilt));
	if (wrong)
		return wrong;
	for (size_t i = AT_PATTERN; i < plan->size; i++)
		if (f[i] != pattern(get16(f + AT_ID), i))
			return "payload changed";
	return NULL;
}
