/* SPDX-License-Identifier: Apache-2.0 */
/* The vhost-user front end under test, and what its owner's loop would do for it. */
#ifndef CORELANE_TESTS_VMM_VHOST_BENCH_H
#define CORELANE_TESTS_VMM_VHOST_BENCH_H

#include "tests/unit/vmm_back_end.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

struct bench {
	struct fake *f;
	struct vhost_user vu;
	struct vhost_user_ring ring[4];
	int kick, call[2];
	unsigned int ups, downs, bad;
	char why[256];
};

static inline void
on_up(void *arg)
{
	struct bench *t = arg;

	assert_true(t->vu.up);
	t->ups++;
}

static inline void
on_down(void *arg, const char *why, bool bad)
{
	struct bench *t = arg;

	assert_true(t->vu.fd >= 0);
	assert_true(why[0] != '\0');
	t->downs++;
	t->bad += bad;
	snprintf(t->why, sizeof(t->why), "%s", why);
}

static const struct vhost_user_cb cb = {on_up, on_down};

static inline int
set_up(void **state)
{
	struct bench *t = calloc(1, sizeof(*t));

	t->f = fake_new();
	assert_int_equal(vhost_user_init(&t->vu, &t->f->vm.mem, "nic", 4, 1500, &cb, t), 0);
	t->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->call[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->call[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned int i = 0; i < 4; i++)
		t->ring[i] = (struct vhost_user_ring){
			.enabled = i < 2,
			.size = 64,
			.desc = mem_at(&t->f->vm.mem, 0x10000 + 0x2000 * i, 1024),
			.driver = mem_at(&t->f->vm.mem, 0x10800 + 0x2000 * i, 256),
			.device = mem_at(&t->f->vm.mem, 0x11000 + 0x2000 * i, 1024),
			.kick = t->kick,
			.call = t->call[0],
		};
	*state = t;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct bench *t = *state;

	vhost_user_fini(&t->vu);
	close(t->kick);
	close(t->call[0]);
	close(t->call[1]);
	fake_free(t->f);
	free(t);
	return 0;
}

static inline void
connect_to(struct bench *t, struct back_end *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	b->fd = pair[1];
	assert_int_equal(vhost_user_attach(&t->vu, pair[0]), 0);
}

/* What the owner's loop would do, until nothing moves any more. */
static inline void
settle(struct bench *t, struct back_end *b)
{
	for (bool moved = true; moved;) {
		struct pollfd p = {.fd = t->vu.fd, .events = POLLIN};

		moved = b && back_end_step(b, 0);
		if (t->vu.fd >= 0 && poll(&p, 1, 0) == 1) {
			vhost_user_ready(&t->vu);
			moved = true;
		}
	}
}

static inline void
start_rings(struct bench *t, uint64_t features, bool packed, unsigned int n)
{
	vhost_user_start(&t->vu, features, packed);
	for (unsigned int i = 0; i < n; i++)
		vhost_user_ring(&t->vu, i, &t->ring[i]);
	vhost_user_go(&t->vu);
}

#endif
