/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's life: attach, greet, keep the back end's picture up to date, lose it. One request at a
 * time is on the wire when the back end acknowledges (REPLY_ACK); a back end that does not is told
 * things in one go, and what it made of them shows when it next answers.
 */
#include "vmm/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/vhost_user_plan.h"

int
vhost_user_init(struct vhost_user *vu, const struct mem *mem, const char *name,
		unsigned int n_rings, uint16_t mtu, const struct vhost_user_cb *cb, void *arg)
{
	int r;

	*vu = (struct vhost_user){
		.mem = mem,
		.name = name,
		.cb = cb,
		.arg = arg,
		.n_rings = n_rings,
		.mtu = mtu,
		.timer = -1,
		.err = -1,
		.fd = -1,
		.inflight_fd = -1,
	};
	if (n_rings > VU_RINGS_MAX)
		return -EINVAL;
	vu->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	vu->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vu->timer >= 0 && vu->err >= 0)
		return 0;
	r = -errno;
	vhost_user_fini(vu);
	return r;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
vhost_user_fini(struct vhost_user *vu)
{
	vu_rx_reset(&vu->rx);
	close_fd(&vu->fd);
	close_fd(&vu->timer);
	close_fd(&vu->err);
	close_fd(&vu->inflight_fd);
	vu->up = vu->dying = vu->waiting = false;
}

/* --- the timer: one, for the answer that is awaited --- */

static void
timer_set(struct vhost_user *vu, unsigned int ms)
{
	struct itimerspec t = {.it_value = {ms / 1000, (long)(ms % 1000) * 1000000}};

	/* Cannot fail with these arguments. */
	(void)timerfd_settime(vu->timer, 0, &t, NULL);
}

/* --- the end of a connection --- */

/* The back end was told nothing any more; where it was in the rings it took, it took along. */
static void
forget_told(struct vhost_user *vu)
{
	vu->told_features = vu->told_mtu = vu->told_memory = vu->told_inflight = false;
	for (unsigned int i = 0; i < VU_RINGS_MAX; i++) {
		vu->ring[i].step = 0;
		vu->ring[i].enabled = false;
	}
}

static void
lost(struct vhost_user *vu, bool bad, const char *why)
{
	timer_set(vu, 0);
	vu->cb->down(vu->arg, why, bad);
	vu_rx_reset(&vu->rx);
	close_fd(&vu->fd);
	vu->up = vu->dying = vu->waiting = vu->bad_end = vu->second = false;
	forget_told(vu);
}

/*
 * Cuts the back end off, from any thread: the socket is shut down, and the owner's loop hears of it and
 * comes to vhost_user_ready(), where the rest is done.
 */
static void
cut_off(struct vhost_user *vu)
{
	vu->dying = true;
	vu->waiting = false;
	shutdown(vu->fd, SHUT_RDWR);
	forget_told(vu);
}

/* The same, with the reason. */
static void PRINTF_LIKE(2, 3) cut(struct vhost_user *vu, const char *fmt, ...)
{
	va_list ap;

	if (vu->dying)
		return;
	va_start(ap, fmt);
	vsnprintf(vu->last_words, sizeof(vu->last_words), fmt, ap);
	va_end(ap);
	vu->bad_end = true;
	cut_off(vu);
}

/* --- talking --- */

static int
say(struct vhost_user *vu, struct vu_msg *m)
{
	bool reply = vu_has_reply(m->head.request);
	int r;

	if (!reply && vu->protocol & VU_PF_REPLY_ACK && vu->told_protocol) {
		m->head.flags |= VU_NEED_REPLY;
		reply = true;
	}
	r = vu_send(vu->fd, m);
	if (r < 0) {
		cut(vu, "%s: %s", vu_name(m->head.request),
		    r == -EAGAIN ? "it does not read its messages" : strerror(-r));
		/* One that is gone already did nothing wrong. */
		vu->bad_end &= r != -EPIPE && r != -ECONNRESET;
		return r;
	}
	if (m->head.request == VU_SET_PROTOCOL_FEATURES)
		vu->told_protocol = true;
	if (reply) {
		vu->sent = *m;
		vu->waiting = true;
	}
	return 0;
}

/* In words, the first feature that the driver uses and the back end does not know; NULL: none. */
static const char *
missing_feature(const struct vhost_user *vu)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {{15, "MRG_RXBUF"}, {28, "INDIRECT_DESC"}, {29, "EVENT_IDX"},
		     {32, "VERSION_1"}, {34, "RING_PACKED"},   {0, "CSUM"},
		     {1, "GUEST_CSUM"}, {7, "GUEST_TSO4"},     {8, "GUEST_TSO6"},
		     {9, "GUEST_ECN"},  {11, "HOST_TSO4"},     {12, "HOST_TSO6"},
		     {13, "HOST_ECN"},  {54, "GUEST_USO4"},    {55, "GUEST_USO6"},
		     {56, "HOST_USO"}};
	uint64_t missing = vu->want_features & VU_RING_FEATURES & ~vu->features;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (missing & 1ull << names[i].bit)
			return names[i].name;
	return NULL;
}

static unsigned int
pairs_wanted(const struct vhost_user *vu)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < vu->n_rings; i++)
		if (vu->ring[i].wanted)
			n = i / 2 + 1;
	return n;
}

/* Whether this back end can serve this driver; if not, it is cut off. */
static bool
suits(struct vhost_user *vu)
{
	const char *missing;

	if (!vu->running)
		return true;
	missing = missing_feature(vu);
	if (missing)
		cut(vu, "the guest's driver uses %s (missing bits %#llx), which it does not offer",
		    missing,
		    (unsigned long long)(vu->want_features & VU_RING_FEATURES & ~vu->features));
	else if (pairs_wanted(vu) > vu->queue_max)
		cut(vu, "the guest's driver uses %u queue pairs, it serves %llu", pairs_wanted(vu),
		    (unsigned long long)vu->queue_max);
	return !vu->dying;
}

void
vhost_user_go(struct vhost_user *vu)
{
	struct vu_msg m;

	while (vu->fd >= 0 && !vu->dying && !vu->waiting && (!vu->up || suits(vu))) {
		if (!vu_next(vu, &m)) {
			if (vu->up)
				break;
			/* The greeting is over: now it has to suit before it counts as up. */
			if (suits(vu)) {
				vu->up = true;
				vu->cb->up(vu->arg);
			}
			continue;
		}
		if (say(vu, &m) < 0)
			break;
	}
	if (vu->fd >= 0)
		timer_set(vu, vu->waiting && !vu->dying ? VU_REPLY_MS : 0);
}

int
vhost_user_attach(struct vhost_user *vu, int fd)
{
	int flags;

	if (vu->fd >= 0) {
		close(fd);
		return -EBUSY;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	vu->fd = fd;
	vu->greeting = 0;
	vu->features = vu->protocol = 0;
	vu->told_protocol = false;
	vu->queue_max = 1;
	forget_told(vu);
	vhost_user_go(vu);
	return 0;
}

int
vhost_user_attach_second(struct vhost_user *vu, int fd)
{
	if (vu->fd < 0)
		for (unsigned int i = 0; i < VU_RINGS_MAX; i++)
			vu->ring[i].base_known = false;
	vu->second = vu->fd < 0;
	return vhost_user_attach(vu, fd);
}

void
vhost_user_alone(struct vhost_user *vu)
{
	vu->second = false;
}

void
vhost_user_drop(struct vhost_user *vu, const char *why)
{
	if (vu->fd < 0 || vu->dying)
		return;
	cut(vu, "%s", why);
	vu->bad_end = false;
}

void
vhost_user_forget_notes(struct vhost_user *vu)
{
	close_fd(&vu->inflight_fd);
	vu->noted = false;
}

/* One whole message came. */
static void
heard(struct vhost_user *vu)
{
	uint32_t request = vu->sent.head.request;
	bool waited = vu->waiting;
	int r = vu_answer(vu, &vu->rx.msg);

	vu->waiting = false;
	if (r == -EREMOTEIO)
		cut(vu, "it refused %s", vu_name(request));
	else if (r < 0)
		cut(vu, "nonsense %s%s", waited ? "instead of an answer to " : "unasked",
		    waited ? vu_name(request) : "");
}

/* Reads what is there. false: the connection is over; last_words say why. */
static bool
hear(struct vhost_user *vu, bool *ret_bad)
{
	int r;

	while (!vu->dying && (r = vu_receive(vu->fd, &vu->rx)) != 0) {
		if (r == 1) {
			heard(vu);
			if (!vu->dying && !vu->in_stop)
				vhost_user_go(vu);
			if (vu->in_stop && !vu->waiting)
				break;
			continue;
		}
		*ret_bad = vu->rx.got != 0 || (r != -ENODATA && r != -ECONNRESET);
		snprintf(vu->last_words, sizeof(vu->last_words), "%s",
			 r == -ENODATA || r == -ECONNRESET ? "it closed the connection"
			 : r == -EPROTO                    ? "a message that is none"
							   : strerror(-r));
		return false;
	}
	*ret_bad = vu->bad_end; /* what was heard may have cut it off */
	return !vu->dying;
}

void
vhost_user_ready(struct vhost_user *vu)
{
	bool bad;

	if (vu->fd >= 0 && !hear(vu, &bad))
		lost(vu, bad, vu->last_words);
}

void
vhost_user_expired(struct vhost_user *vu)
{
	uint64_t n;

	if (read(vu->timer, &n, sizeof(n)) < 0 || vu->fd < 0 || !vu->waiting)
		return;
	cut(vu, "no answer to %s within %u ms", vu_name(vu->sent.head.request), VU_REPLY_MS);
	lost(vu, true, vu->last_words);
}

/* --- what the owner wants --- */

uint64_t
vhost_user_features(const struct vhost_user *vu)
{
	return vu->up && !vu->dying ? vu->features : ~0ull;
}

unsigned int
vhost_user_pairs(const struct vhost_user *vu)
{
	if (!vu->up || vu->dying)
		return VU_RINGS_MAX / 2;
	return (unsigned int)MIN_OF(vu->queue_max, (uint64_t)(VU_RINGS_MAX / 2));
}

void
vhost_user_start(struct vhost_user *vu, uint64_t features, bool packed)
{
	vu->want_features = features;
	vu->packed = packed;
	vu->running = true;
	vu->told_features = false;
	for (unsigned int i = 0; i < VU_RINGS_MAX; i++) {
		vu->ring[i].wanted = false;
		/* 2.8.10 and vhost-user, SET_VRING_BASE: position 0, wrap counters 1. */
		vu->ring[i].base = packed ? 0x80008000u : 0;
		vu->ring[i].base_known = true;
	}
}

void
vhost_user_ring(struct vhost_user *vu, unsigned int i, const struct vhost_user_ring *r)
{
	vu->ring[i].want = *r;
	vu->ring[i].wanted = true;
}

/* --- taking the rings back --- */

static int64_t
now_ms(void)
{
	return (int64_t)(clock_now_ns() / 1000000);
}

/* Waits for the answer that is due. 0, or the connection is as good as dead. */
static int
await(struct vhost_user *vu, int64_t deadline)
{
	bool bad;

	while (vu->waiting && !vu->dying) {
		struct pollfd p = {.fd = vu->fd, .events = POLLIN};
		int64_t left = deadline - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			cut(vu, "it did not let go of the rings within %u ms", VU_STOP_MS);
		} else if (!hear(vu, &bad) && !vu->dying) {
			vu->bad_end = bad;
			cut_off(vu);
		}
	}
	return vu->dying ? -EPIPE : 0;
}

static void
take_back(struct vhost_user *vu)
{
	int64_t deadline = now_ms() + VU_STOP_MS;

	vu->in_stop = true;
	if (await(vu, deadline) < 0) /* what was on the wire already */
		goto out;
	for (unsigned int i = 0; i < vu->n_rings; i++) {
		struct vu_msg m = {
			.head = {VU_GET_VRING_BASE, VU_VERSION, sizeof(struct vu_state)}};

		if (vu->ring[i].step != VU_RING_SET)
			continue;
		m.body.state.index = i;
		if (say(vu, &m) < 0 || await(vu, deadline) < 0)
			goto out;
	}
	/* Rings that were set up half: from the beginning, next time. */
	for (unsigned int i = 0; i < vu->n_rings; i++)
		vu->ring[i].step = 0;
out:
	vu->in_stop = false;
}

void
vhost_user_pause(struct vhost_user *vu)
{
	if (!vu->running)
		return;
	if (vu->up && !vu->dying)
		take_back(vu);
	vu->running = false;
}

void
vhost_user_resume(struct vhost_user *vu)
{
	vu->running = true;
	vhost_user_go(vu);
}

void
vhost_user_stop(struct vhost_user *vu)
{
	vhost_user_pause(vu);
	for (unsigned int i = 0; i < VU_RINGS_MAX; i++)
		vu->ring[i] = (struct vu_ring){0};
	vu->told_features = vu->told_inflight = false;
	/* Notes on rings that are no more. */
	close_fd(&vu->inflight_fd);
}
