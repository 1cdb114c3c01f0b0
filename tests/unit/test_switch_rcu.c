/* SPDX-License-Identifier: Apache-2.0 */
/* What a forwarding thread holds is not taken away under it, and one that is offline holds nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "vhost-user/rcu.h"

/* A reader that must never see freed memory, and a writer that frees it a thousand times. */
struct race {
	struct rcu *rcu;
	_Atomic bool online;
	_Atomic(int *) value;
	_Atomic bool stop;
	uint64_t wrong;
};

static void *
reader(void *arg)
{
	struct race *r = arg;

	rcu_online(r->rcu, 0);
	atomic_store(&r->online, true);
	while (!atomic_load(&r->stop)) {
		const int *v = atomic_load_explicit(&r->value, memory_order_acquire);

		for (int i = 0; i < 50; i++)
			r->wrong += *(const volatile int *)v != 1;
		rcu_quiet(r->rcu, 0);
	}
	rcu_offline(r->rcu, 0);
	return NULL;
}

static void
test_freed_only_when_let_go(void **state)
{
	int cell[2] = {1, 1};
	struct race r = {.rcu = rcu_make(2), .value = &cell[0]};
	pthread_t t;

	assert_non_null(r.rcu);
	rcu_wait(r.rcu); /* nobody polls yet: does not hang */
	assert_int_equal(pthread_create(&t, NULL, reader, &r), 0);
	while (!atomic_load(&r.online))
		;
	for (int i = 0; i < 1000; i++) {
		int *old = &cell[i % 2], *new = &cell[(i + 1) % 2];

		*new = 1;
		atomic_store_explicit(&r.value, new, memory_order_release);
		rcu_wait(r.rcu);
		*old = 0; /* "freed" */
	}
	atomic_store(&r.stop, true);
	pthread_join(t, NULL);
	rcu_wait(r.rcu);
	assert_int_equal(r.wrong, 0);
	rcu_free(r.rcu);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freed_only_when_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
