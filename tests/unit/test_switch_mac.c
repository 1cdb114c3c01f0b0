/* SPDX-License-Identifier: Apache-2.0 */
/* The switch's address table: finding, moving, filling up, sweeping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "vhost-user/mac.h"

#define REF_A 0x201u
#define REF_B 0x402u

static struct mac_table t;

static int
setup(void **state)
{
	return mac_table_init(&t, 1024, 0x1234567890abcdef, 0xfedcba9876543211);
}

static int
teardown(void **state)
{
	mac_table_fini(&t);
	return 0;
}

static uint64_t
key_of(uint32_t n)
{
	return mac_key(UINT64_C(0x020000000000) + n, 1);
}

static void
test_sizes(void **state)
{
	struct mac_table x;

	assert_int_equal(mac_table_init(&x, MAC_TABLE_MIN - 1, 1, 1), -EINVAL);
	assert_int_equal(mac_table_init(&x, MAC_TABLE_MAX + 1, 1, 1), -EINVAL);
	assert_int_equal(mac_table_init(&x, 100, 0, 0), 0);
	assert_int_equal(x.mask + 1, 64); /* 256 places */
	assert_int_equal((uintptr_t)x.bucket % 64, 0);
	mac_table_fini(&x);
	assert_null(x.bucket);
}

static void
test_learn_find(void **state)
{
	uint64_t v = t.version;
	uint32_t old = 77;

	assert_null(mac_find(&t, key_of(1)));
	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 10, &old), MAC_NEW);
	assert_int_not_equal(t.version, v);
	assert_non_null(mac_find(&t, key_of(1)));
	assert_int_equal(mac_find(&t, key_of(1))->ref, REF_A);
	assert_int_equal(mac_find(&t, key_of(1))->seen, 10);
	assert_null(mac_find(&t, key_of(2)));
	/* the same address in another domain is another address */
	assert_null(mac_find(&t, mac_key(UINT64_C(0x020000000001), 2)));
	assert_int_equal(old, 77);
}

static void
test_refresh_keeps_version(void **state)
{
	uint32_t old;
	uint64_t v;

	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 10, &old), MAC_NEW);
	v = t.version;
	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 20, &old), MAC_KNOWN);
	assert_int_equal(mac_find(&t, key_of(1))->seen, 20);
	assert_int_equal(t.version, v); /* no answer has changed */
}

static void
test_move(void **state)
{
	uint32_t old = 0;
	uint64_t v;

	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 10, &old), MAC_NEW);
	v = t.version;
	assert_int_equal(mac_learn(&t, key_of(1), REF_B, 11, &old), MAC_MOVED);
	assert_int_equal(old, REF_A);
	assert_int_equal(mac_find(&t, key_of(1))->ref, REF_B);
	assert_int_not_equal(t.version, v);
}

static uint32_t
fill(uint32_t ref, uint32_t first, uint32_t n, uint32_t *ret_refused)
{
	uint32_t old, learnt = 0;

	*ret_refused = 0;
	for (uint32_t i = 0; i < n; i++) {
		enum mac_learn r = mac_learn(&t, key_of(first + i), ref, i, &old);

		if (r == MAC_NEW)
			learnt++;
		else if (r == MAC_FULL)
			(*ret_refused)++;
	}
	return learnt;
}

static uint32_t
count_ref(uint32_t ref)
{
	uint32_t n = 0;

	for (uint32_t b = 0; b <= t.mask; b++)
		for (int i = 0; i < MAC_BUCKET_ENTRIES; i++)
			n += t.bucket[b].e[i].key && t.bucket[b].e[i].ref == ref;
	return n;
}

static void
test_all_that_was_asked_for_fits(void **state)
{
	uint32_t refused;

	/* as many as were asked for must fit, without a single refusal or replacement */
	assert_int_equal(fill(REF_A, 0, 1024, &refused), 1024);
	assert_int_equal(refused, 0);
	for (uint32_t i = 0; i < 1024; i++)
		assert_non_null(mac_find(&t, key_of(i)));
}

/* A port that floods addresses pushes out its own, never a neighbour's. */
static void
test_flooding_hurts_only_the_flooder(void **state)
{
	uint32_t refused, before;

	assert_int_equal(fill(REF_B, 1000000, 100, &refused), 100);
	before = fill(REF_A, 0, 100000, &refused);
	assert_true(before <= 2048 - 100);
	assert_int_equal(count_ref(REF_B), 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_non_null(mac_find(&t, key_of(1000000 + i)));
	assert_true(count_ref(REF_A) <= 2048 - 100);
}

static void
test_full_refuses(void **state)
{
	uint32_t refused, old;

	fill(REF_A, 0, 100000, &refused);
	assert_int_equal(count_ref(REF_A), 2048);
	/* a newcomer finds two buckets full of somebody else's */
	assert_int_equal(mac_learn(&t, key_of(5000000), REF_B, 1, &old), MAC_FULL);
	assert_null(mac_find(&t, key_of(5000000)));
	/* the owner replaces its own, and the table does not grow */
	assert_int_equal(mac_learn(&t, key_of(5000000), REF_A, 1, &old), MAC_REPLACED);
	assert_non_null(mac_find(&t, key_of(5000000)));
	assert_int_equal(count_ref(REF_A), 2048);
}

static void
test_replacement_takes_the_oldest(void **state)
{
	struct mac_bucket *b = &t.bucket[0];
	uint32_t old, n = 0, oldest = UINT32_MAX;
	uint64_t key;

	for (uint32_t i = 0; i <= t.mask; i++)
		for (int k = 0; k < MAC_BUCKET_ENTRIES; k++)
			t.bucket[i].e[k] = (struct mac_entry){.key = key_of(n++),
							      .ref = REF_A,
							      .seen = 100 + n % 4};
	key = key_of(9000000);
	assert_int_equal(mac_learn(&t, key, REF_A, 500, &old), MAC_REPLACED);
	b = &t.bucket[mac_hash(&t, key) & t.mask];
	for (int k = 0; k < MAC_BUCKET_ENTRIES; k++)
		oldest = b->e[k].seen < oldest ? b->e[k].seen : oldest;
	assert_int_not_equal(oldest, 100);
	assert_int_equal(mac_find(&t, key)->seen, 500);
}

static bool
is_ref_a(void *arg, const struct mac_entry *e)
{
	++*(unsigned int *)arg;
	return e->ref == REF_A;
}

static void
test_sweep(void **state)
{
	unsigned int asked = 0, freed = 0;
	uint32_t refused;
	uint64_t v;

	fill(REF_A, 0, 50, &refused);
	fill(REF_B, 1000, 30, &refused);
	v = t.version;
	for (uint32_t i = 0; i <= t.mask; i += 4)
		freed += mac_sweep(&t, 4, is_ref_a, &asked);
	assert_int_equal(freed, 50);
	assert_int_equal(asked, 80);
	assert_int_not_equal(t.version, v);
	assert_int_equal(count_ref(REF_A), 0);
	assert_int_equal(count_ref(REF_B), 30);
	v = t.version;
	assert_int_equal(mac_sweep(&t, t.mask + 1, is_ref_a, &asked), 0);
	assert_int_equal(t.version, v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test_setup_teardown(test_learn_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refresh_keeps_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_that_was_asked_for_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flooding_hurts_only_the_flooder, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_full_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replacement_takes_the_oldest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
