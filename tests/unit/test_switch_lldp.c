/* SPDX-License-Identifier: Apache-2.0 */
/* LLDP frames, read back TLV by TLV as a neighbour does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vhost-user/lldp.h"

static struct lldp
sample(void)
{
	return (struct lldp){.source = {2, 0, 0, 0, 0, 1},
			     .chassis = {2, 0, 0, 0, 0, 9},
			     .port = "lan0",
			     .system = "edge-17",
			     .description = "Corelane",
			     .ttl_s = 121,
			     .mtu = 9000};
}

/* The value of the first TLV of @type, its length in *@len; NULL: none. Fails on a bad list. */
static const uint8_t *
find(const uint8_t *frame, size_t size, unsigned int type, size_t *len)
{
	for (size_t at = 14;;) {
		unsigned int head;

		assert_true(at + 2 <= size);
		head = (unsigned int)frame[at] << 8 | frame[at + 1];
		*len = head & 0x1ff;
		assert_true(at + 2 + *len <= size);
		if (head >> 9 == type)
			return frame + at + 2;
		if (head >> 9 == 0)
			return NULL;
		at += 2 + *len;
	}
}

static void
test_frame(void **state)
{
	static const uint8_t start[] = {0x01, 0x80, 0xc2, 0,    0,    0x0e, 2,   0,   0,   0,
					0,    1,    0x88, 0xcc, 0x02, 7,    4,   2,   0,   0,
					0,    0,    9,    0x04, 5,    5,    'l', 'a', 'n', '0',
					0x06, 2,    0,    121,  0x0a, 7,    'e', 'd', 'g', 'e'};
	const struct lldp l = sample();
	uint8_t frame[LLDP_FRAME];
	size_t len, size = lldp_make(frame, &l);
	const uint8_t *v;

	(void)state;
	assert_memory_equal(frame, start, sizeof(start));
	v = find(frame, size, 7, &len);
	assert_non_null(v);
	assert_memory_equal(v, "\0\4\0\4", 4);
	v = find(frame, size, 127, &len);
	assert_non_null(v);
	assert_memory_equal(v, "\x00\x12\x0f\x04\x23\x3e", 6); /* 9,022 */
	assert_null(find(frame, size, 99, &len));
	assert_int_equal(len, 0);
}

static void
test_goodbye(void **state)
{
	struct lldp l = sample();
	uint8_t frame[LLDP_FRAME];
	size_t len, size;

	(void)state;
	l.ttl_s = 0;
	size = lldp_make(frame, &l);
	assert_int_equal(size, 60);
	assert_non_null(find(frame, size, 3, &len));
	assert_null(find(frame, size, 5, &len)); /* 9.1.2.2: only the three that must be */
}

static void
test_long_names(void **state)
{
	char name[2000];
	uint8_t frame[LLDP_FRAME + 1];
	struct lldp l = sample();
	size_t len, size;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	l.port = l.system = l.description = name;
	frame[LLDP_FRAME] = 0x5a;
	size = lldp_make(frame, &l);
	assert_true(size <= LLDP_FRAME);
	assert_int_equal(frame[LLDP_FRAME], 0x5a);
	assert_non_null(find(frame, size, 2, &len));
	assert_int_equal(len, 65);
	l.system = l.description = "";
	size = lldp_make(frame, &l);
	assert_null(find(frame, size, 5, &len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
