/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/switch_hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A front end that begins a message and never ends it must not keep another port waiting. */
void
check_stall(struct world *w)
{
	/* VHOST_SET_FEATURES, version 1, eight bytes to follow; they do not */
	const uint32_t head[3] = {VHOST_SET_FEATURES, 1, 8};
	struct guest *g = guest_plan(w, 2);
	struct switch_req q = {.op = SWITCH_OP_ADD, .port = g->cfg};
	int listener, fd;

	require(fdmsg_listen(g->cfg.socket, SOCK_STREAM, &listener) == 0, "listen");
	require(world_call(w, &q).error == 0, "adding c");
	fd = accept(listener, NULL, NULL);
	require(fd >= 0 && write(fd, head, sizeof(head)) == sizeof(head), "half a message");
	usleep(20000);
	guests(w, 2);
	introduce(w, 2);
	require(world_stats(w, g).bad_guest > 0, "nobody counted it");
	close(fd);
	close(listener);
	unlink(g->cfg.socket);
}

/* The next descriptor that guest @g offers points to nowhere. */
static void
offer_nonsense(struct world *w, struct guest *g)
{
	struct ring *tx = port_tx(&g->port, 0);

	if (w->packed) {
		struct vring_packed_desc *d = &tx->desc[tx->avail];

		d->addr = UINT64_MAX - 4096;
		d->len = 60;
		d->id = 0;
		__atomic_store_n(&d->flags, (uint16_t)(1u << VRING_PACKED_DESC_F_AVAIL),
				 __ATOMIC_RELEASE);
		return;
	}
	tx->vr.avail->ring[tx->avail & (tx->size - 1)] = 0xfff0;
	__atomic_store_n(&tx->vr.avail->idx, (uint16_t)(tx->avail + 1), __ATOMIC_RELEASE);
}

/* A ring that makes no sense stops, is counted once, and hinders nobody. */
void
check_broken_ring(struct world *w)
{
	guests(w, 3);
	introduce(w, 3);
	offer_nonsense(w, &w->guest[2]);
	expect_stat(w, &w->guest[2], bad_guest, 1);
	for (int i = 0; i < 100; i++) {
		send_from(w, 0, 60, 1, 2);
		expect_frame(&w->guest[1], frame, 60);
	}
	sleep(2);
	expect_stat(w, &w->guest[2], bad_guest, 1);
	expect_stat(w, &w->guest[0], bad_guest, 0);
}

/* A guest that takes its memory away under the switch's feet. */
static void
truncate_memory(struct world *w, bool huge)
{
	guests(w, 2);
	guest_plan(w, 2)->huge = huge;
	guest_up(w, &w->guest[2], RING);
	introduce(w, 3);
	require(ftruncate(w->guest[2].port.mem_fd, 0) == 0, "ftruncate");
	for (int i = 0; i < 100; i++) {
		send_from(w, 0, 60, 1, 0); /* into the hole too */
		expect_frame(&w->guest[1], frame, 60);
		send_from(w, 1, 60, 2, 1);
		expect_frame(&w->guest[0], frame, 60);
	}
	require(world_stats(w, &w->guest[2]).bad_guest > 0, "nobody counted it");
	w->guest[2].open = false; /* our mapping has the same hole */
	unlink(w->guest[2].cfg.socket);
}

void
check_truncation(struct world *w)
{
	truncate_memory(w, false);
}

void
check_huge_truncation(struct world *w)
{
	truncate_memory(w, true);
}

/* Wants to be called for each frame, by eventfds that take no more and let nobody go who tries. */
static void
set_trap(struct world *w, struct guest *g)
{
	for (int i = 0; i < 2; i++) {
		struct ring *r = &g->port.ring[i];

		require(eventfd_write(r->call_fd, UINT64_MAX - 1) == 0, "filling");
		require(fcntl(r->call_fd, F_SETFL, 0) == 0 && fcntl(r->kick_fd, F_SETFL, 0) == 0,
			"blocking");
		if (w->packed)
			__atomic_store_n(&r->driver->flags, VRING_PACKED_EVENT_FLAG_ENABLE,
					 __ATOMIC_RELEASE);
		else
			__atomic_store_n(&r->vr.avail->flags, 0, __ATOMIC_RELEASE);
	}
}

/* A front end that makes the eventfds that it shares blocking ones again, on a switch that sleeps. */
void
check_held(struct world *w)
{
	struct world s = {.program = w->program, .packed = w->packed, .lanes = true};
	struct guest *g = &s.guest[2];

	require(world_start(&s), "a second switch does not start");
	guests(&s, 3);
	introduce(&s, 3);
	set_trap(&s, g);
	send_from(&s, 0, 60, 1, 3);
	for (int i = 0; i < 50; i++) {
		usleep(i % 10 ? 0 : 5000); /* asleep by then */
		send_from(&s, 0, 60, 1, 2);
		expect_frame(&s.guest[1], frame, 60);
		send_from(&s, 1, 60, 2, 1);
		expect_frame(&s.guest[0], frame, 60);
	}
	expect_stat(&s, g, bad_guest, 1);
	/* with its next message it is told so, and not served again */
	vhost_set_state(&g->port.vhost, VHOST_SET_VRING_ENABLE, 1, 0);
	vhost_set_state(&g->port.vhost, VHOST_SET_VRING_ENABLE, 1, 1);
	send_from(&s, 0, 60, 1, 3);
	send_from(&s, 0, 60, 1, 2);
	expect_frame(&s.guest[1], frame, 60);
	world_stop(&s);
}

/* Tells of ring 1 of @g that it lies where nothing is. */
static int
move_ring(struct guest *g)
{
	struct vhost_msg m = {.request = VHOST_SET_VRING_ADDR, .size = sizeof(m.addr)};

	m.addr.index = 1;
	m.addr.desc = (uintptr_t)g->port.mem + g->port.mem_size - 64;
	m.addr.driver = m.addr.device = m.addr.desc;
	return vhost_send(&g->port.vhost, &m, -1);
}

static int
offer_inflight(struct guest *g, uint64_t size, uint16_t queues, uint16_t queue_size)
{
	struct vhost_msg m = {.request = VHOST_SET_INFLIGHT_FD, .size = sizeof(m.inflight)};

	m.inflight.size = size;
	m.inflight.queues = queues;
	m.inflight.queue_size = queue_size;
	return vhost_send(&g->port.vhost, &m, g->port.mem_fd);
}

/* Impossible, and the descriptor is missing. */
static int
offer_no_inflight(struct guest *g)
{
	struct vhost_msg m = {.request = VHOST_SET_INFLIGHT_FD, .size = sizeof(m.inflight)};

	m.inflight.size = 4096;
	m.inflight.queues = 200;
	return vhost_send(&g->port.vhost, &m, -1);
}

/* A front end that changes everything under a running device: it costs itself, and comes back. */
void
check_messages(struct world *w)
{
	struct guest *g = &w->guest[2];
	struct vhost *v = &g->port.vhost;
	struct err e = {0};

	guests(w, 3);
	introduce(w, 3);
	require(offer_inflight(g, 4096, 2, 32768) == -EREMOTEIO, "too small an area was taken");
	require(offer_inflight(g, 65536, 200, 1) == -EREMOTEIO, "so many queues were taken");
	/* refused twice over: here, and by DPDK; the next message is no worse for it */
	require(offer_no_inflight(g) == -EREMOTEIO, "an area without a descriptor was taken");
	require(vhost_set_state(v, VHOST_SET_VRING_ENABLE, 1, 1) == 0, "a good one was refused");
	require(vhost_set_u64(v, VHOST_SET_FEATURES, 0) == -EREMOTEIO, "features were changed");
	/* nothing has changed so far */
	send_from(w, 2, 60, 3, 1);
	expect_frame(&w->guest[0], frame, 60);
	for (int i = 0; i < 50; i++) {
		vhost_set_state(v, VHOST_SET_VRING_NUM, 1, i % 2 ? 32768 : 3);
		vhost_set_state(v, VHOST_SET_VRING_BASE, 1, (uint32_t)i * 1237);
		move_ring(g);
		vhost_set_state(v, VHOST_SET_VRING_ENABLE, 1, i % 3 != 0);
		send_from(w, 0, 60, 1, 2);
		expect_frame(&w->guest[1], frame, 60);
	}
	require(port_attach(&g->port, 5000, &e) == 0, "%s", e.text);
	send_from(w, 2, 60, 3, 1);
	expect_frame(&w->guest[0], frame, 60);
	send_from(w, 0, 60, 1, 3);
	expect_frame(g, frame, 60);
	expect_stat(w, &w->guest[0], bad_guest, 0);
}
