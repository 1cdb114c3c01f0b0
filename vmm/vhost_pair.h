/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end of a device's rings, and the one that is to take over from it. Mostly there is one. While
 * a hand-over is expected (vhost_pair_expect()) a second one is taken, and told everything that the first
 * was told, with the same eventfds; it does not touch the rings until the first has let go of them, which
 * the two agree upon between themselves. When the first one's connection ends, the second is the back
 * end, and the driver sees nothing of it. At any other time a second one is turned away: two that work in
 * one ring would ruin it.
 *
 * A pause or a reset takes the rings from the first; the second is sent away, and may come again.
 *
 * The owner calls everything with the machine's lock held.
 */
#ifndef CORELANE_VMM_VHOST_PAIR_H
#define CORELANE_VMM_VHOST_PAIR_H

#include "vmm/vhost_user.h"
#include "vmm/vm.h"

struct vhost_pair;

struct vhost_pair_cb {
	void (*up)(void *arg);
	/* No back end is left. @was_up: there had been an up(). As in vhost_user_cb. */
	void (*down)(void *arg, const char *why, bool was_up);
	void (*took_over)(void *arg);
	void (*warn)(void *arg, const char *what);
	/* A ring is broken, says the back end. */
	void (*broken)(void *arg);
};

struct vhost_half {
	struct vhost_pair *pair;
	struct vhost_user vu;
};

struct vhost_pair {
	struct vm *vm;
	const struct vhost_pair_cb *cb;
	void *arg;
	struct vhost_half half[2];
	unsigned int first;
	uint64_t expected_until; /* ns, CLOCK_MONOTONIC; 0: no hand-over is expected */
	uint64_t turned_away;    /* when that was said last, 0: never */
};

/* As vhost_user_init(), and watches what there is to watch. vhost_pair_fini() also after a failure. */
int vhost_pair_init(struct vhost_pair *p, struct vm *vm, const char *name, unsigned int n_rings,
		    uint16_t mtu, const struct vhost_pair_cb *cb, void *arg);
/* What fini finds untouched; before init. */
void vhost_pair_clear(struct vhost_pair *p);
void vhost_pair_fini(struct vhost_pair *p);

/* Takes @fd in any case. */
void vhost_pair_attach(struct vhost_pair *p, int fd);
/* A second back end may come within so many seconds; 0: no more, and one that has come goes. */
void vhost_pair_expect(struct vhost_pair *p, unsigned int seconds);

/* As the functions of vhost_user. */
static inline struct vhost_user *
vhost_pair_first(struct vhost_pair *p)
{
	return &p->half[p->first].vu;
}
void vhost_pair_start(struct vhost_pair *p, uint64_t features, bool packed);
void vhost_pair_ring(struct vhost_pair *p, unsigned int i, const struct vhost_user_ring *r);
void vhost_pair_go(struct vhost_pair *p);
void vhost_pair_pause(struct vhost_pair *p);
void vhost_pair_resume(struct vhost_pair *p);
void vhost_pair_stop(struct vhost_pair *p);

#endif
