/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_rude.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES 1000 /* between the two that behave, while the third does not */

struct rude {
	struct guest *g;
	bool packed;
	atomic_bool stop;
	unsigned long done;
	uint32_t seed;
	void (*once)(struct rude *r);
};

static uint32_t
noise(struct rude *r)
{
	r->seed = r->seed * 1664525 + 1013904223;
	return r->seed >> 8;
}

static void *
rude_thread(void *arg)
{
	struct rude *r = arg;

	while (!atomic_load(&r->stop)) {
		r->once(r);
		r->done++;
	}
	return NULL;
}

/* Not one frame between the first two is lost, late or damaged. */
static void
beside(struct world *w, void (*once)(struct rude *r))
{
	struct rude r = {.g = &w->guest[2], .packed = w->packed, .seed = 1, .once = once};
	pthread_t thread;

	guests(w, 3);
	introduce(w, 3);
	require(pthread_create(&thread, NULL, rude_thread, &r) == 0, "thread");
	for (int i = 0; i < FRAMES || r.done < 3; i++) {
		send_from(w, i % 2, 60 + (uint32_t)i % 1000, (uint8_t)(i % 2 + 1),
			  (uint8_t)(2 - i % 2));
		expect_frame(&w->guest[1 - i % 2], frame, 60 + (uint32_t)i % 1000);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	expect_stat(w, &w->guest[0], bad_guest, 0);
	expect_stat(w, &w->guest[1], bad_guest, 0);
}

static void
kick(struct rude *r)
{
	const uint64_t one = 1;

	for (int i = 0; i < 64; i++)
		if (write(r->g->port.ring[i % 2].kick_fd, &one, sizeof(one)) < 0)
			continue; /* full: as rude as can be */
}

void
check_kicks(struct world *w)
{
	beside(w, kick);
}

/* Anything, anywhere in both rings. */
static void
scribble(struct rude *r)
{
	for (int i = 0; i < 64; i++) {
		struct ring *ring = &r->g->port.ring[noise(r) % 2];
		uint32_t at = noise(r) % ring->size;

		if (r->packed) {
			ring->desc[at].addr = PORT_GPA + noise(r) * 16ull;
			ring->desc[at].len = noise(r) % 4096;
			ring->desc[at].id = (uint16_t)noise(r);
			__atomic_store_n(&ring->desc[at].flags, (uint16_t)noise(r),
					 __ATOMIC_RELEASE);
			continue;
		}
		ring->vr.desc[at].addr = PORT_GPA + noise(r) * 16ull;
		ring->vr.desc[at].len = noise(r) % 4096;
		ring->vr.desc[at].flags = (uint16_t)(noise(r) % 8);
		ring->vr.desc[at].next = (uint16_t)noise(r);
		ring->vr.avail->ring[at] = (uint16_t)(noise(r) % ring->size);
		__atomic_store_n(&ring->vr.avail->idx, (uint16_t)noise(r), __ATOMIC_RELEASE);
	}
}

/* Its frames may be well formed by accident and go to the others: to addresses that are theirs, never. */
void
check_garbage(struct world *w)
{
	struct rude r = {.g = &w->guest[2], .packed = w->packed, .seed = 7};

	guests(w, 3);
	introduce(w, 3);
	for (int i = 0; i < FRAMES; i++) {
		if (i % 3 == 0)
			scribble(&r);
		send_from(w, 0, 60, 1, 2);
		expect_frame_among(&w->guest[1], frame, 60);
	}
	expect_stat(w, &w->guest[0], bad_guest, 0);
	expect_stat(w, &w->guest[1], bad_guest, 0);
}

/* A message that may end the connection; then it is taken up again. */
static void
say(struct rude *r, struct vhost_msg *m, int fd)
{
	struct err e = {0};

	if (vhost_send(&r->g->port.vhost, m, fd) < 0 && vhost_gone(&r->g->port.vhost))
		port_attach(&r->g->port, 3000, &e);
}

static void
change_features(struct rude *r)
{
	struct vhost *v = &r->g->port.vhost;
	struct vhost_msg m = {.request = VHOST_SET_FEATURES,
			      .size = sizeof(m.u64),
			      .u64 = v->features ^ (1ull << (noise(r) % 40))};

	say(r, &m, -1);
}

void
check_features_in_flight(struct world *w)
{
	beside(w, change_features);
}

/* The same memory again, or the half of it. */
static void
change_memory(struct rude *r)
{
	struct port *p = &r->g->port;
	struct vhost_msg m = {.request = VHOST_SET_MEM_TABLE,
			      .size = 8 + sizeof(struct vhost_mem_region)};

	m.mem.n = 1;
	m.mem.region[0] = (struct vhost_mem_region){.gpa = PORT_GPA,
						    .size = p->mem_size >> (noise(r) % 8 == 0),
						    .hva = (uintptr_t)p->mem};
	say(r, &m, p->mem_fd);
}

void
check_memory_in_flight(struct world *w)
{
	beside(w, change_memory);
}

/* Rings that are moved, resized, switched on and off while they are in use. */
static void
change_rings(struct rude *r)
{
	struct vhost_msg m = {.size = sizeof(m.state),
			      .state = {.index = noise(r) % 2, .num = noise(r) % 2}};

	switch (noise(r) % 4) {
	case 0:
		m.request = VHOST_SET_VRING_NUM;
		m.state.num = noise(r) % 512;
		break;
	case 1:
		m.request = VHOST_SET_VRING_BASE;
		m.state.num = noise(r);
		break;
	case 2:
		m.request = VHOST_SET_VRING_ADDR;
		m.size = sizeof(m.addr);
		m.addr.index = noise(r) % 2;
		m.addr.desc = m.addr.device = m.addr.driver =
			(uintptr_t)r->g->port.mem + noise(r) % 65536 / 16 * 16;
		break;
	default:
		m.request = VHOST_SET_VRING_ENABLE;
	}
	say(r, &m, -1);
}

void
check_rings_in_flight(struct world *w)
{
	beside(w, change_rings);
}

/* Connections that are accepted and said nothing on, closed, or closed in the middle of a greeting. */
void
check_half_open(struct world *w)
{
	struct guest *g = guest_plan(w, 2);
	struct switch_req q = {.op = SWITCH_OP_ADD, .port = g->cfg};
	const uint32_t owner[3] = {VHOST_SET_OWNER, 1, 0};
	int listener, fd[2];

	guests(w, 2);
	introduce(w, 2);
	require(fdmsg_listen(g->cfg.socket, SOCK_STREAM, &listener) == 0, "listen");
	require(world_call(w, &q).error == 0, "adding c");
	fd[0] = accept(listener, NULL, NULL);
	require(fd[0] >= 0, "accept");
	close(fd[0]);
	for (int i = 0; i < 2; i++) {
		fd[i] = accept(listener, NULL, NULL); /* it comes again, each second */
		require(fd[i] >= 0 && write(fd[i], owner, sizeof(owner)) == sizeof(owner), "owner");
		if (i == 0)
			close(fd[0]);
		for (int k = 0; k < 100; k++) {
			send_from(w, 0, 60, 1, 2);
			expect_frame(&w->guest[1], frame, 60);
		}
	}
	close(fd[1]);
	close(listener);
	unlink(g->cfg.socket);
}
