/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/overdue.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SIGNAL SIGUSR1

static void
nothing(int sig)
{
	(void)sig;
}

/* A thread that its CPU does not get to run is disturbed for nothing. */
static void
look_at(struct overdue *o, uint32_t i)
{
	struct lane *lane = &o->lane[i];
	pid_t thread = atomic_load_explicit(&lane->tid, memory_order_relaxed);
	uint64_t rounds = counter_get(&lane->count.rounds);

	if (thread && rounds == o->rounds[i])
		tgkill(getpid(), thread, SIGNAL);
	o->rounds[i] = rounds;
}

static void *
look_after(void *arg)
{
	struct overdue *o = arg;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	for (;;) {
		t.tv_nsec += OVERDUE_MS * 1000000L;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		if (sem_clockwait(&o->stop, CLOCK_MONOTONIC, &t) == 0)
			return NULL;
		if (errno == ETIMEDOUT)
			for (uint32_t i = 0; i < o->n; i++)
				look_at(o, i);
	}
}

int
overdue_start(struct overdue *o, struct lane *lane, uint32_t n)
{
	/* without SA_RESTART: the call that holds a thread is not to begin again */
	const struct sigaction sa = {.sa_handler = nothing};
	sigset_t all, old;
	int r;

	*o = (struct overdue){.lane = lane, .n = n};
	if (sigaction(SIGNAL, &sa, NULL) < 0 || sem_init(&o->stop, 0, 0) < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&o->thread, NULL, look_after, o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		sem_destroy(&o->stop);
	return r;
}

void
overdue_stop(struct overdue *o)
{
	sem_post(&o->stop);
	pthread_join(o->thread, NULL);
	sem_destroy(&o->stop);
}
