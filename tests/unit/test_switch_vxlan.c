/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN's outer headers against RFC 7348's figures, and the table of stations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/util.h"
#include "vhost-user/vxlan.h"

/* RFC 7348, figure 1, by hand; what the kernel's own device makes of it is tested by switch_uplink. */
#define INNER_LEN 42
static const uint8_t sample[VXLAN_OUTER + INNER_LEN] = {
	/* Ethernet */
	0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00,
	/* IPv4: 78 bytes, identification 0, don't fragment, TTL 64, UDP */
	0x45, 0x00, 0x00, 0x4e, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x26, 0x9d, 10, 0, 0, 1, 10, 0,
	0, 2,
	/* UDP: 49152 + 0x123 to 4789, 58 bytes */
	0xc1, 0x23, 0x12, 0xb5, 0x00, 0x3a, 0x00, 0x00,
	/* VXLAN: identifier valid, 5000 */
	0x08, 0, 0, 0, 0x00, 0x13, 0x88, 0x00,
	/* the inner frame */
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x06};

static const struct vxlan_path path = {
	.our_mac = UINT64_C(0x020000000001),
	.hop_mac = UINT64_C(0x020000000002),
	.local = 0x0a000001,
	.peer = 0x0a000002,
	.udp_port = 4789,
	.vni = 5000,
};

static void
test_push(void **state)
{
	uint8_t outer[VXLAN_OUTER];

	(void)state;
	vxlan_push(outer, &path, INNER_LEN, 0x123);
	assert_memory_equal(outer, sample, sizeof(outer));
}

static enum vxlan_kind
parse(const uint8_t *frame, uint32_t len, struct vxlan_seen *ret)
{
	return vxlan_parse(frame, MIN_OF(len, VXLAN_LOOK_AT), len, 4789, ret);
}

static void
test_parse(void **state)
{
	struct vxlan_seen seen;

	(void)state;
	assert_int_equal(parse(sample, sizeof(sample), &seen), VXLAN_FRAME);
	assert_int_equal(seen.source, 0x0a000001);
	assert_int_equal(seen.target, 0x0a000002);
	assert_int_equal(seen.vni, 5000);
	assert_int_equal(seen.at, VXLAN_OUTER);
	assert_int_equal(seen.len, INNER_LEN);
	for (uint32_t len = 0; len < sizeof(sample); len++)
		assert_int_not_equal(parse(sample, len, &seen), VXLAN_FRAME);
}

static void
test_padding_is_not_the_frame(void **state)
{
	uint8_t frame[200] = {0};
	struct vxlan_seen seen;

	(void)state;
	memcpy(frame, sample, sizeof(sample));
	assert_int_equal(parse(frame, sizeof(frame), &seen), VXLAN_FRAME);
	assert_int_equal(seen.at + seen.len, sizeof(sample));
}

static void
fix_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < (ip[0] & 0xf) * 4; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

static void
test_broken(void **state)
{
	static const struct {
		uint8_t at, value;
		bool fix;
		enum vxlan_kind want;
	} bad[] = {
		{12, 0x86, false, VXLAN_NONE},   {14, 0x65, false, VXLAN_NONE},
		{14, 0x44, false, VXLAN_NONE},   {23, 6, true, VXLAN_NONE},
		{36, 0, false, VXLAN_NONE},      {25, 0, false, VXLAN_BROKEN}, /* checksum */
		{20, 0x20, true, VXLAN_BROKEN},  {21, 1, true, VXLAN_NONE},    /* fragments */
		{17, 0x4f, true, VXLAN_BROKEN},  {17, 0x20, true, VXLAN_BROKEN},
		{39, 0x39, false, VXLAN_BROKEN}, {42, 0, false, VXLAN_BROKEN}, /* lengths, flag */
		{14, 0x4f, true, VXLAN_NONE}, /* options over everything: another port there */
	};
	uint8_t frame[sizeof(sample)];
	struct vxlan_seen seen;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(frame, sample, sizeof(frame));
		frame[bad[i].at] = bad[i].value;
		if (bad[i].fix)
			fix_checksum(frame + 14);
		if (parse(frame, sizeof(frame), &seen) != bad[i].want)
			fail_msg("byte %u as %02x: not %d", bad[i].at, bad[i].value, bad[i].want);
	}
}

static void
test_options(void **state)
{
	uint8_t frame[sizeof(sample) + 4];
	struct vxlan_seen seen;

	(void)state;
	memcpy(frame, sample, 34);
	memset(frame + 34, 1, 4); /* four times no operation */
	memcpy(frame + 38, sample + 34, sizeof(sample) - 34);
	frame[14] = 0x46;
	frame[17] = 0x52;
	fix_checksum(frame + 14);
	assert_int_equal(parse(frame, sizeof(frame), &seen), VXLAN_FRAME);
	assert_int_equal(seen.at, VXLAN_OUTER + 4);
	assert_int_equal(seen.len, INNER_LEN);
}

static void
test_stations(void **state)
{
	static struct vxlan_macs t;

	(void)state;
	assert_int_equal(vxlan_find(&t, 0x020000000005), -1);
	vxlan_learn(&t, 0x020000000005, 3);
	assert_int_equal(vxlan_find(&t, 0x020000000005), 3);
	vxlan_learn(&t, 0x020000000005, 0); /* moved */
	assert_int_equal(vxlan_find(&t, 0x020000000005), 0);
	vxlan_learn(&t, 0x010000000005, 1); /* a group, nobody */
	vxlan_learn(&t, 0, 1);
	assert_int_equal(vxlan_find(&t, 0x010000000005), -1);
	assert_int_equal(vxlan_find(&t, 0), -1);
	assert_int_equal(vxlan_expire(&t, 10), 1);
}

static void
test_stations_age(void **state)
{
	static struct vxlan_macs t;

	(void)state;
	for (uint32_t start = 0; start < 3; start++) {
		atomic_store(&t.now, start * 4090); /* over the end of the stamp, too */
		vxlan_learn(&t, 0x020000000001, 1);
		vxlan_learn(&t, 0x020000000002, 2);
		atomic_fetch_add(&t.now, 9);
		assert_int_equal(vxlan_expire(&t, 10), 2);
		vxlan_learn(&t, 0x020000000002, 2);
		atomic_fetch_add(&t.now, 1);
		assert_int_equal(vxlan_expire(&t, 10), 1);
		assert_int_equal(vxlan_find(&t, 0x020000000001), -1);
		assert_int_equal(vxlan_find(&t, 0x020000000002), 2);
		atomic_fetch_add(&t.now, 9);
		assert_int_equal(vxlan_expire(&t, 10), 0);
	}
}

/* More stations than there is room for: the newest are known, and never a wrong peer. */
static void
test_full(void **state)
{
	static struct vxlan_macs t;
	uint32_t known = 0;

	(void)state;
	for (uint64_t i = 1; i <= 4 * VXLAN_MAC_SLOTS; i++) {
		atomic_store(&t.now, (uint32_t)(i / 1024));
		vxlan_learn(&t, 0x020000000000 + i, (uint32_t)i % 8);
		assert_int_equal(vxlan_find(&t, 0x020000000000 + i), i % 8);
	}
	for (uint64_t i = 1; i <= 4 * VXLAN_MAC_SLOTS; i++) {
		int peer = vxlan_find(&t, 0x020000000000 + i);

		if (peer < 0)
			continue;
		known++;
		assert_int_equal(peer, i % 8);
	}
	assert_true(known > VXLAN_MAC_SLOTS * 9 / 10 && known <= VXLAN_MAC_SLOTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_padding_is_not_the_frame),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_stations),
		cmocka_unit_test(test_stations_age),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
