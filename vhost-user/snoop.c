/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/snoop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/util.h"
#include "vhost-user/rcu.h"
#include "vhost-user/snoop_priv.h"

#define RING_BYTES (128u << 10) /* a lane */
#define A_TURN     1000         /* messages, before what they changed is published */
#define REST_NS    20000000

struct snoop *
snoop_make(struct rcu *rcu, uint32_t lanes)
{
	struct snoop *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->rcu = rcu;
	s->lanes = lanes;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static uint32_t
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)t.tv_sec;
}

/* One lane's messages, a turn's worth. */
static void
hear_lane(struct snoop *s, struct capture_ring *r)
{
	const struct capture_record *rec;
	uint32_t now = now_s();
	struct snoop_msg m;

	for (int i = 0; i < A_TURN && (rec = capture_ring_peek(r)); i++) {
		snoop_parse((const uint8_t *)(rec + 1), rec->cap, &m);
		pthread_mutex_lock(&s->lock);
		s->changed |= snoop_groups_hear(s->groups, (uint32_t)(rec->tag >> 32),
						(uint16_t)rec->tag, &m, now);
		pthread_mutex_unlock(&s->lock);
		capture_ring_next(r, rec);
		counter_add(&s->heard, 1);
	}
}

/* What has changed, for the lanes. Without memory the old table stands, and it is tried again. */
static void
publish(struct snoop *s)
{
	const struct snoop_table *t, *old;
	bool empty;

	pthread_mutex_lock(&s->lock);
	t = s->changed ? snoop_table_make(s->groups, &empty) : NULL;
	if (!s->changed || (!t && !empty)) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	s->changed = false;
	pthread_mutex_unlock(&s->lock);
	/* release: pairs with the lanes' acquire; the table is whole */
	old = atomic_exchange_explicit(&s->table, t, memory_order_acq_rel);
	if (old)
		rcu_wait(s->rcu);
	snoop_table_free(old);
}

static void *
listen_and_tell(void *arg)
{
	const struct timespec rest = {.tv_nsec = REST_NS};
	struct snoop *s = arg;
	uint32_t last = now_s();

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		for (uint32_t i = 0; i < s->lanes; i++)
			hear_lane(s, &s->ring[i]);
		if (now_s() != last) {
			last = now_s();
			pthread_mutex_lock(&s->lock);
			s->changed |= snoop_groups_age(s->groups, last);
			s->refused = snoop_groups_refused(s->groups);
			pthread_mutex_unlock(&s->lock);
		}
		publish(s);
		nanosleep(&rest, NULL);
	}
	return NULL;
}

static void
free_parts(struct snoop *s)
{
	for (uint32_t i = 0; s->ring && i < s->lanes; i++)
		capture_ring_fini(&s->ring[i]);
	free(s->ring);
	s->ring = NULL;
	snoop_groups_free(s->groups);
	s->groups = NULL;
}

static int
make_parts(struct snoop *s)
{
	size_t size = s->lanes * sizeof(*s->ring);

	s->groups = snoop_groups_make();
	s->ring = aligned_alloc(64, align_up(size, 64));
	if (!s->groups || !s->ring)
		return -ENOMEM;
	memset(s->ring, 0, size);
	for (uint32_t i = 0; i < s->lanes; i++) {
		int r = capture_ring_init(&s->ring[i], RING_BYTES);

		if (r < 0)
			return r;
	}
	return 0;
}

int
snoop_enable(struct snoop *s, struct err *e)
{
	sigset_t all, old;
	int r;

	if (s->enabled)
		return 0;
	r = make_parts(s);
	if (r == 0) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		r = -pthread_create(&s->thread, NULL, listen_and_tell, s);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	if (r < 0) {
		free_parts(s);
		return err_sys(e, -r, "IGMP and MLD snooping");
	}
	s->enabled = true;
	return 0;
}

void
snoop_free(struct snoop *s)
{
	if (!s)
		return;
	if (s->enabled) {
		atomic_store(&s->stop, true);
		pthread_join(s->thread, NULL);
	}
	snoop_table_free(s->table);
	free_parts(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void
snoop_forget(struct snoop *s, uint32_t ref)
{
	if (!s || !s->enabled)
		return;
	pthread_mutex_lock(&s->lock);
	s->changed |= snoop_groups_forget(s->groups, ref);
	pthread_mutex_unlock(&s->lock);
}

void
snoop_look(const struct snoop *s, struct snoop_counts *ret)
{
	ret->heard = counter_get(&s->heard);
	ret->missed = counter_get(&s->missed);
	ret->refused = counter_get(&s->refused);
}
