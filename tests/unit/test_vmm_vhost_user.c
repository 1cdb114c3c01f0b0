/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user front end against back ends of the test's own, over a socketpair: one that behaves, and
 * ones that lie, hang or die at each single message. What must hold: no hang of ours beyond the
 * stated times, every fd closed, "down" with words exactly once a connection, and the next back end
 * served as if nothing had been.
 */
#include "tests/unit/vmm_vhost_bench.h"

#include <dirent.h>
#include <sys/timerfd.h>

static unsigned int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* --- back ends that behave --- */

static void
everything_is_told(void **state)
{
	struct bench *t = *state;
	struct back_end b;

	back_end_init(&b, BEHAVE, 0);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->ups, 1);
	assert_int_equal(vhost_user_pairs(&t->vu), 2);
	assert_int_equal(b.got_features, 0); /* no driver, no rings */
	start_rings(t, VU_RING_FEATURES | 1 << 22 | 1 << 3 | 1ull << 40, true, 4);
	settle(t, &b);
	assert_int_equal(b.got_features,
			 VU_RING_FEATURES | 1 << 22 | 1 << 3 | VU_F_PROTOCOL_FEATURES);
	assert_int_equal(b.memory.n, 2);
	assert_int_equal(b.memory.region[1].gpa, GPA_HIGH_RAM);
	assert_int_equal(b.memory.region[1].size, FAKE_HIGH);
	assert_int_equal(b.memory.region[0].user, (uintptr_t)t->f->vm.mem.region[0].hva);
	assert_int_equal(count_log(&b, VU_NET_SET_MTU), 1);
	assert_int_equal(count_log(&b, VU_GET_INFLIGHT_FD), 1);
	assert_int_equal(b.inflight_set, 1);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(b.ring[i].num, 64);
		assert_int_equal(b.ring[i].base, 0x80008000u);
		assert_int_equal(b.ring[i].addr.desc, (uintptr_t)t->ring[i].desc);
		assert_int_equal(b.ring[i].addr.avail, (uintptr_t)t->ring[i].driver);
		assert_int_equal(b.ring[i].addr.used, (uintptr_t)t->ring[i].device);
		assert_int_equal(b.ring[i].kicks, 1);
		assert_int_equal(b.ring[i].calls, 1);
		assert_int_equal(b.ring[i].errs, 1);
		assert_int_equal(b.ring[i].enabled, i < 2);
	}
	/* More queues, another vector: only that is said. */
	b.n = 0;
	t->ring[2].enabled = t->ring[3].enabled = true;
	t->ring[1].call = t->call[1];
	for (unsigned int i = 0; i < 4; i++)
		vhost_user_ring(&t->vu, i, &t->ring[i]);
	vhost_user_go(&t->vu);
	settle(t, &b);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.ring[3].enabled, 1);
	assert_int_equal(b.ring[1].calls, 2);
	assert_int_equal(t->downs, 0);
	close(b.fd);
	settle(t, NULL);
	assert_int_equal(t->downs, 1);
	assert_int_equal(t->bad, 0);
}

/* Without protocol features: nothing is acknowledged, nothing enabled, all is told. */
static void
the_oldest_kind(void **state)
{
	struct bench *t = *state;
	struct back_end b;

	back_end_init(&b, BEHAVE, 0);
	b.features = 1ull << 32;
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->ups, 1);
	assert_int_equal(vhost_user_pairs(&t->vu), 1);
	start_rings(t, 1ull << 32, false, 2);
	settle(t, &b);
	assert_int_equal(b.ring[1].kicks, 1);
	assert_int_equal(count_log(&b, VU_SET_VRING_ENABLE), 0);
	assert_int_equal(count_log(&b, VU_GET_PROTOCOL_FEATURES), 0);
	assert_int_equal(count_log(&b, VU_GET_INFLIGHT_FD), 0);
	close(b.fd);
	settle(t, NULL);
}

/* The driver is there before the back end, and the next back end finds where the last one was. */
static void
comes_back(void **state)
{
	struct bench *t = *state;
	uint16_t *used = t->ring[0].device;
	struct back_end b, c;

	start_rings(t, VU_RING_FEATURES & ~(1ull << 34), false, 2);
	back_end_init(&b, BEHAVE, 0);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(b.ring[0].base, 0);
	assert_int_equal(b.ring[0].kicks, 1);
	used[1] = 41; /* it did something */
	close(b.fd);
	settle(t, NULL);
	assert_int_equal(t->downs, 1);
	used[1] = 43; /* its last breath is seen too */
	for (uint64_t drop; read(t->kick, &drop, 8) > 0 || read(t->call[0], &drop, 8) > 0;)
		;
	back_end_init(&c, BEHAVE, 0);
	connect_to(t, &c);
	settle(t, &c);
	assert_int_equal(c.ring[0].base, 43);
	assert_int_equal(c.ring[1].base, 0);
	assert_int_equal(c.inflight_set, 1);
	assert_int_equal(count_log(&c, VU_GET_INFLIGHT_FD), 0); /* the same region as before */
	/* Both sides look again. */
	uint64_t n;
	assert_int_equal(read(t->kick, &n, 8), 8);
	assert_int_equal(read(t->call[0], &n, 8), 8);
	close(c.fd);
	settle(t, NULL);
}

static void
unsuitable(void **state)
{
	struct bench *t = *state;
	struct back_end b;

	/* The driver took packed rings while nobody was there; this one has none. */
	start_rings(t, VU_RING_FEATURES, true, 4);
	back_end_init(&b, BEHAVE, 0);
	b.features &= ~(1ull << 34);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->ups, 0);
	assert_int_equal(t->downs, 1);
	assert_non_null(strstr(t->why, "RING_PACKED"));
	assert_int_equal(b.got_features, 0);
	/* Two pairs are in use, this one serves one. */
	back_end_init(&b, BEHAVE, 0);
	b.pairs = 1;
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->downs, 2);
	assert_non_null(strstr(t->why, "2 queue pairs"));
	/* Refused back ends leave nothing behind: a good one is served. */
	back_end_init(&b, BEHAVE, 0);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->ups, 1);
	assert_int_equal(b.ring[3].kicks, 1);
	close(b.fd);
	settle(t, NULL);
}

static void
second_is_refused(void **state)
{
	struct bench *t = *state;
	struct back_end b;
	int pair[2];
	char c;

	back_end_init(&b, BEHAVE, 0);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(vhost_user_attach(&t->vu, pair[0]), -EBUSY);
	assert_int_equal(read(pair[1], &c, 1), 0);
	close(pair[1]);
	assert_int_equal(t->downs, 0);
	assert_true(t->vu.up);
	close(b.fd);
	settle(t, NULL);
}

/* It closed the connection in order; that we wanted something of it at that moment is not its fault. */
static void
gone_before_the_stop(void **state)
{
	struct bench *t = *state;
	struct back_end b;

	for (unsigned int turn = 0; turn < 2; turn++) {
		unsigned int downs = t->downs, bad = t->bad;

		start_rings(t, VU_RING_FEATURES, true, 2);
		back_end_init(&b, BEHAVE, 0);
		connect_to(t, &b);
		settle(t, &b);
		assert_true(t->vu.up);
		if (turn == 0) {
			close(b.fd); /* before the request */
		} else {
			b.lie = DIE; /* instead of an answer */
			b.at = b.n;
			shutdown(b.fd, SHUT_WR);
		}
		vhost_user_stop(&t->vu);
		vhost_user_ready(&t->vu);
		assert_int_equal(t->downs, downs + 1);
		assert_int_equal(t->bad, bad);
		if (turn == 1)
			close(b.fd);
	}
}

/* --- back ends that do not --- */

/* Each lie at each message of a whole life; then a good one. */
static void
liars(void **state)
{
	struct bench *t = *state;
	unsigned int fds = 0, caught = 0;

	for (int lie = DIE; lie < LIES; lie++) {
		for (unsigned int at = 0; at < 40; at++) {
			unsigned int downs = t->downs, bad = t->bad;
			struct back_end b;

			start_rings(t, VU_RING_FEATURES, at & 1, 2);
			back_end_init(&b, (enum lie)lie, at);
			connect_to(t, &b);
			settle(t, &b);
			if (lie == MUTE && t->vu.fd >= 0 && t->vu.waiting) {
				/* Nobody waits for real: the timer is made to fire now. */
				struct itimerspec now = {.it_value = {0, 1}};
				struct pollfd p = {.fd = t->vu.timer, .events = POLLIN};

				assert_int_equal(timerfd_settime(t->vu.timer, 0, &now, NULL), 0);
				assert_int_equal(poll(&p, 1, 1000), 1);
				vhost_user_expired(&t->vu);
				assert_int_equal(t->downs, downs + 1);
				assert_non_null(strstr(t->why, "no answer"));
			}
			if (t->downs != downs) {
				caught++;
				assert_true(t->vu.fd < 0);
				assert_int_equal(t->downs, downs + 1);
				/* Who only goes, may; everything else is counted. */
				if (!strstr(t->why, "closed the connection") &&
				    !strstr(t->why, strerror(EPIPE)) &&
				    !strstr(t->why, strerror(ECONNRESET)))
					assert_int_equal(t->bad, bad + 1);
			}
			if (b.fd >= 0) {
				close(b.fd);
				b.fd = -1;
			}
			settle(t, NULL);
			assert_true(t->vu.fd < 0);
			vhost_user_stop(&t->vu);
			if (fds == 0)
				fds = open_fds();
			assert_int_equal(open_fds(), fds); /* nothing leaks */
		}
	}
	assert_true(caught > 250);
	unsigned int ups = t->ups;
	struct back_end b;
	start_rings(t, VU_RING_FEATURES, true, 4);
	back_end_init(&b, BEHAVE, 0);
	connect_to(t, &b);
	settle(t, &b);
	assert_int_equal(t->ups, ups + 1);
	assert_int_equal(b.ring[3].kicks, 1);
	close(b.fd);
	settle(t, NULL);
}

/* Unasked messages, bit by bit, and random bytes. */
static void
noise(void **state)
{
	struct bench *t = *state;

	for (uint64_t seed = 0; seed < 300; seed++) {
		struct rnd r = {seed};
		struct back_end b;
		uint8_t bytes[64];

		back_end_init(&b, BEHAVE, 0);
		start_rings(t, VU_RING_FEATURES, true, 2);
		connect_to(t, &b);
		for (unsigned int i = rnd_to(&r, 40); i > 0; i--) {
			back_end_step(&b, 0);
			if (t->vu.fd >= 0)
				vhost_user_ready(&t->vu);
		}
		for (unsigned int i = 0; i < 20 && b.fd >= 0 && t->vu.fd >= 0; i++) {
			for (unsigned int k = 0; k < sizeof(bytes); k++)
				bytes[k] = (uint8_t)(rnd_to(&r, 2) ? rnd(&r) : rnd_to(&r, 6));
			(void)!send(b.fd, bytes, 1 + rnd_to(&r, sizeof(bytes)), MSG_NOSIGNAL);
			vhost_user_ready(&t->vu);
		}
		if (b.fd >= 0)
			close(b.fd);
		settle(t, NULL);
		assert_true(t->vu.fd < 0);
		vhost_user_stop(&t->vu);
	}
	assert_true(t->bad > 100);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(everything_is_told), T(the_oldest_kind),      T(comes_back), T(unsuitable),
		T(second_is_refused),  T(gone_before_the_stop), T(liars),      T(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
