/* SPDX-License-Identifier: Apache-2.0 */
/* The switch's address table: finding, moving, filling up, sweeping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>

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

	assert_int_equal(mac_find(&t, key_of(1)).ref, 0);
	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 10, &old), MAC_NEW);
	assert_int_not_equal(t.version, v);
	assert_int_not_equal(mac_find(&t, key_of(1)).ref, 0);
	assert_int_equal(mac_find(&t, key_of(1)).ref, REF_A);
	assert_int_equal(mac_find(&t, key_of(1)).until, 10);
	assert_int_equal(mac_find(&t, key_of(2)).ref, 0);
	/* the same address in another domain is another address */
	assert_int_equal(mac_find(&t, mac_key(UINT64_C(0x020000000001), 2)).ref, 0);
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
	assert_int_equal(mac_find(&t, key_of(1)).until, 20);
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
	assert_int_equal(mac_find(&t, key_of(1)).ref, REF_B);
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
		for (int i = 0; i < MAC_WAYS; i++)
			n += t.bucket[b].key[i] && t.bucket[b].ref[i] == ref;
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
		assert_int_not_equal(mac_find(&t, key_of(i)).ref, 0);
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
		assert_int_not_equal(mac_find(&t, key_of(1000000 + i)).ref, 0);
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
	assert_int_equal(mac_find(&t, key_of(5000000)).ref, 0);
	/* the owner replaces its own, and the table does not grow */
	assert_int_equal(mac_learn(&t, key_of(5000000), REF_A, 1, &old), MAC_REPLACED);
	assert_int_not_equal(mac_find(&t, key_of(5000000)).ref, 0);
	assert_int_equal(count_ref(REF_A), 2048);
}

static void
test_replacement_takes_the_oldest(void **state)
{
	uint32_t old, n = 0, oldest = UINT32_MAX;
	struct mac_bucket *b;
	uint64_t key;

	for (uint32_t i = 0; i <= t.mask; i++)
		for (int k = 0; k < MAC_WAYS; k++) {
			t.bucket[i].key[k] = key_of(n++);
			t.bucket[i].ref[k] = REF_A;
			t.bucket[i].until[k] = 100 + n % 4;
		}
	key = key_of(9000000);
	assert_int_equal(mac_learn(&t, key, REF_A, 500, &old), MAC_REPLACED);
	b = mac_first(&t, mac_hash(&t, key));
	for (int k = 0; k < MAC_WAYS; k++)
		oldest = b->until[k] < oldest ? b->until[k] : oldest;
	assert_int_not_equal(oldest, 100);
	assert_int_equal(mac_find(&t, key).until, 500);
}

static bool
is_ref_a(void *arg, uint64_t key, uint32_t ref, uint32_t until)
{
	++*(unsigned int *)arg;
	return ref == REF_A;
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
		freed += mac_sweep(&t, &t.sweep, 4, is_ref_a, &asked);
	assert_int_equal(freed, 50);
	assert_int_equal(asked, 80);
	assert_int_not_equal(t.version, v);
	assert_int_equal(count_ref(REF_A), 0);
	assert_int_equal(count_ref(REF_B), 30);
	v = t.version;
	assert_int_equal(mac_sweep(&t, &t.sweep, t.mask + 1, is_ref_a, &asked), 0);
	assert_int_equal(t.version, v);
}

/* A declared address is its port's: nobody learns it away, nothing pushes it out, no time ends it. */
static void
test_declared(void **state)
{
	uint32_t refused, old = 0;
	struct mac_found f;

	assert_int_equal(mac_learn(&t, key_of(1), REF_B, 5, &old), MAC_NEW);
	assert_int_equal(mac_declare(&t, key_of(1), REF_A, &old), 0);
	assert_int_equal(old, REF_B); /* who had learnt it */
	assert_int_equal(mac_declare(&t, key_of(1), REF_A, &old), 0);
	assert_int_equal(mac_declare(&t, key_of(1), REF_B, &old), -EEXIST);
	assert_int_equal(old, REF_A);
	assert_int_equal(mac_learn(&t, key_of(1), REF_B, 900, &old), MAC_HELD);
	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 900, &old), MAC_KNOWN);
	f = mac_find(&t, key_of(1));
	assert_int_equal(mac_owner(&f), REF_A);
	assert_true(mac_valid(&f, 1u << 30));
	fill(REF_A, 1000, 100000, &refused);
	fill(REF_B, 200000, 100000, &refused);
	f = mac_find(&t, key_of(1));
	assert_int_equal(f.ref, REF_A | MAC_DECLARED);
	/* and finds a place in a table that others have filled */
	assert_int_equal(mac_declare(&t, key_of(900000), REF_B, &old), 0);
	assert_int_equal(old, REF_A);
	mac_forget(&t, key_of(1));
	assert_int_equal(mac_find(&t, key_of(1)).ref, 0);
	assert_int_equal(mac_learn(&t, key_of(1), REF_A, 5, &old), MAC_NEW);
}

/* Two threads: one moves and replaces addresses, the other never sees one behind a wrong port. */
struct race {
	_Atomic bool stop;
	_Atomic uint64_t looks;
	uint64_t wrong;
};

static void *
look(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop)) {
		r->looks++;
		for (uint32_t i = 0; i < 64; i++) {
			struct mac_found f = mac_find(&t, key_of(i));

			/* even addresses are only ever behind even numbers */
			r->wrong += f.ref && (mac_owner(&f) & 1) != (i & 1);
		}
	}
	return NULL;
}

static void
test_readers_need_no_lock(void **state)
{
	struct race r = {0};
	uint32_t old;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, look, &r), 0);
	while (r.looks == 0)
		sched_yield();
	for (uint32_t n = 0; n < 200000; n++) {
		uint32_t i = n * 7 % 64;

		mac_lock(&t);
		if (n % 3)
			mac_learn(&t, key_of(i), 0x200 + 2 * (n % 5) + (i & 1), n, &old);
		else
			mac_forget(&t, key_of(i));
		mac_unlock(&t);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(r.wrong, 0);
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
		cmocka_unit_test_setup_teardown(test_declared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers_need_no_lock, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
