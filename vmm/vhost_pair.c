/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vhost_pair.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/event.h"
#include "vmm/stats.h"

#define TURNED_AWAY_SAID_NS 10000000000ull

static struct vhost_user *
second(struct vhost_pair *p)
{
	return &p->half[!p->first].vu;
}

/* --- connections come and go --- */

static void
half_up(void *arg)
{
	struct vhost_half *h = arg;

	if (!h->vu.second)
		h->pair->cb->up(h->pair->arg);
}

/* The second one is alone now, if it is any good. */
static bool
take_over(struct vhost_pair *p)
{
	struct vhost_user *next = second(p);

	if (next->fd < 0 || !next->up || next->dying)
		return false;
	vhost_user_forget_notes(vhost_pair_first(p));
	vhost_user_alone(next);
	p->first = !p->first;
	p->cb->took_over(p->arg);
	return true;
}

static void
half_down(void *arg, const char *why, bool bad)
{
	struct vhost_half *h = arg;
	struct vhost_pair *p = h->pair;
	bool was_up = h->vu.up;
	char words[256];

	loop_del(&p->vm->loop, h->vu.fd);
	if (bad)
		stats_add_shared(&p->vm->stats->backend_errors, 1);
	if (h->vu.second) {
		snprintf(words, sizeof(words), "the back end that was to take over is gone: %s",
			 why);
		vhost_user_forget_notes(&h->vu);
		p->cb->warn(p->arg, words);
	} else if (!take_over(p)) {
		/* One that is half set up knows nothing of the rings: it comes again by itself. */
		vhost_user_drop(second(p), "the back end that it was to take over from is gone");
		p->cb->down(p->arg, why, was_up);
	}
}

static const struct vhost_user_cb half_cb = {.up = half_up, .down = half_down};

static void
socket_ready(void *arg, uint32_t events)
{
	struct vhost_half *h = arg;
	struct vm *vm = h->pair->vm;

	pthread_mutex_lock(&vm->lock);
	vhost_user_ready(&h->vu);
	pthread_mutex_unlock(&vm->lock);
}

static void
timer_ready(void *arg, uint32_t events)
{
	struct vhost_half *h = arg;
	struct vm *vm = h->pair->vm;

	pthread_mutex_lock(&vm->lock);
	vhost_user_expired(&h->vu);
	pthread_mutex_unlock(&vm->lock);
}

static void
err_ready(void *arg, uint32_t events)
{
	struct vhost_half *h = arg;

	if (event_drain(h->vu.err))
		h->pair->cb->broken(h->pair->arg);
}

/* Every one is counted; one that tries again and again is told of now and then. */
static void
turn_away(struct vhost_pair *p)
{
	uint64_t now = clock_now_ns();

	stats_add_shared(&p->vm->stats->backend_errors, 1);
	if (p->turned_away && now - p->turned_away < TURNED_AWAY_SAID_NS)
		return;
	p->turned_away = now;
	p->cb->warn(p->arg, "a second back end was turned away while one is connected");
}

/* The half that a new connection is for; NULL: none is wanted. */
static struct vhost_half *
vacant(struct vhost_pair *p)
{
	if (vhost_pair_first(p)->fd < 0)
		return &p->half[p->first];
	if (second(p)->fd >= 0 || clock_now_ns() >= p->expected_until || !vhost_pair_first(p)->up)
		return NULL;
	return &p->half[!p->first];
}

void
vhost_pair_attach(struct vhost_pair *p, int fd)
{
	struct vhost_half *h;
	char words[160];
	int r;

	/* The old ones may be dead already, and their end still to be heard of. */
	vhost_user_ready(second(p));
	vhost_user_ready(vhost_pair_first(p));
	h = vacant(p);
	if (!h) {
		close(fd);
		turn_away(p);
		return;
	}
	r = loop_add(&p->vm->loop, fd, EPOLLIN, socket_ready, h);
	if (r < 0) {
		close(fd);
		snprintf(words, sizeof(words), "cannot watch a connection: %s", strerror(-r));
		p->cb->warn(p->arg, words);
		return;
	}
	r = h == &p->half[p->first] ? vhost_user_attach(&h->vu, fd)
				    : vhost_user_attach_second(&h->vu, fd);
	if (r < 0)
		loop_del(&p->vm->loop, fd);
}

void
vhost_pair_expect(struct vhost_pair *p, unsigned int seconds)
{
	p->expected_until = seconds ? clock_now_ns() + seconds * 1000000000ull : 0;
	if (!seconds)
		vhost_user_drop(second(p), "no hand-over is expected any more");
}

/* --- what the owner wants, told to both --- */

void
vhost_pair_start(struct vhost_pair *p, uint64_t features, bool packed)
{
	for (int i = 0; i < 2; i++)
		vhost_user_start(&p->half[i].vu, features, packed);
}

void
vhost_pair_ring(struct vhost_pair *p, unsigned int i, const struct vhost_user_ring *r)
{
	for (int h = 0; h < 2; h++)
		vhost_user_ring(&p->half[h].vu, i, r);
}

void
vhost_pair_go(struct vhost_pair *p)
{
	vhost_user_go(vhost_pair_first(p));
	vhost_user_go(second(p));
}

void
vhost_pair_pause(struct vhost_pair *p)
{
	vhost_user_drop(second(p), "the rings are taken from the back end that it was to follow");
	vhost_user_pause(vhost_pair_first(p));
	vhost_user_pause(second(p));
}

void
vhost_pair_resume(struct vhost_pair *p)
{
	vhost_user_resume(vhost_pair_first(p));
	vhost_user_resume(second(p));
}

void
vhost_pair_stop(struct vhost_pair *p)
{
	vhost_user_drop(second(p), "the rings that it was to take over are no more");
	vhost_user_stop(vhost_pair_first(p));
	vhost_user_stop(second(p));
}

/* --- the pair --- */

static int
watch(struct vhost_half *h)
{
	struct loop *l = &h->pair->vm->loop;
	int r = loop_add(l, h->vu.timer, EPOLLIN, timer_ready, h);

	return r < 0 ? r : loop_add(l, h->vu.err, EPOLLIN, err_ready, h);
}

void
vhost_pair_clear(struct vhost_pair *p)
{
	*p = (struct vhost_pair){0};
	for (int i = 0; i < 2; i++) {
		struct vhost_user *vu = &p->half[i].vu;

		p->half[i].pair = p;
		vu->fd = vu->timer = vu->err = vu->inflight_fd = -1;
	}
}

int
vhost_pair_init(struct vhost_pair *p, struct vm *vm, const char *name, unsigned int n_rings,
		uint16_t mtu, const struct vhost_pair_cb *cb, void *arg)
{
	int r = 0;

	vhost_pair_clear(p);
	p->vm = vm;
	p->cb = cb;
	p->arg = arg;
	for (int i = 0; i < 2 && r == 0; i++) {
		struct vhost_half *h = &p->half[i];

		r = vhost_user_init(&h->vu, &vm->mem, name, n_rings, mtu, &half_cb, h);
		if (r == 0)
			r = watch(h);
	}
	return r;
}

void
vhost_pair_fini(struct vhost_pair *p)
{
	for (int i = 0; i < 2 && p->vm; i++) {
		struct vhost_user *vu = &p->half[i].vu;

		loop_del(&p->vm->loop, vu->fd);
		loop_del(&p->vm->loop, vu->timer);
		loop_del(&p->vm->loop, vu->err);
		vhost_user_fini(vu);
	}
}
