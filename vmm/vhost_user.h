/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end of vhost-user: tells a back end on a stream socket where a device's rings are and who
 * signals whom. Knows nothing of PCI or virtio devices; its owner says what is wanted, and this module
 * brings the back end there, one message at a time, never waiting, except in vhost_user_stop().
 *
 * It holds two pictures, what is wanted and what the back end was told, and sends whatever message
 * makes them more alike. So a back end that comes back, a queue that is enabled late, a vector that
 * moves and a guest that resets are all the same case.
 *
 * A back end may say or do anything: the worst it gets is its connection closed.
 *
 * The owner calls everything with one lock held, watches vhost_user_fd() for input and vu->timer for
 * expiry in its event loop, and calls vhost_user_ready() and vhost_user_expired().
 */
#ifndef CORELANE_VMM_VHOST_USER_H
#define CORELANE_VMM_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/mem.h"
#include "vmm/vhost_user_wire.h"

#define VU_RINGS_MAX     16
#define VU_RING_SIZE_MAX 1024 /* entries of a ring that the owner may want */
#define VU_REPLY_MS      3000 /* for an answer to anything */
#define VU_STOP_MS       1000 /* for all rings to be let go of, while a vCPU or the machine waits */
#define VU_INFLIGHT_MAX  (64u << 20)

struct vhost_user;

struct vhost_user_cb {
	/* The back end has said what it can do; rings that are wanted will be handed to it. */
	void (*up)(void *arg);
	/*
	 * The connection is over; its fd is closed when this returns. @bad: it misbehaved (rather than
	 * just went away). Called from vhost_user_ready(), _expired() and _attach() only.
	 */
	void (*down)(void *arg, const char *why, bool bad);
};

/* A ring as it is wanted. Pointers are to guest memory, inside the mem that init was given. */
struct vhost_user_ring {
	bool enabled; /* may pass frames (multiqueue: pairs in use) */
	uint16_t size;
	void *desc, *driver, *device;
	int kick, call; /* eventfds, the owner's */
};

struct vu_ring {
	struct vhost_user_ring want;
	bool wanted;
	/* What this connection was told: */
	unsigned int step; /* set-up messages sent; VU_RING_SET when all are */
	bool enabled;
	int call;
	/* Where the device is in the ring; not known when a back end took it to its grave. */
	bool base_known;
	uint32_t base;
};

struct vhost_user {
	const struct mem *mem;
	const char *name; /* for messages */
	const struct vhost_user_cb *cb;
	void *arg;
	unsigned int n_rings;
	int timer; /* timerfd, owned */
	int err;   /* eventfd, owned: the back end signals a broken ring */

	int fd; /* the connection, -1: none */
	bool up;
	bool dying;   /* shut down; the owner's loop will tell us that it is gone */
	bool bad_end; /* ... and it was the back end's fault */
	char last_words[160];
	/*
	 * Another back end works in the rings that this one is told of: nobody may touch them, and where
	 * it is in them it learns from the other (vhost_pair.h).
	 */
	bool second;
	bool in_stop; /* vhost_user_stop() waits: nothing but its own messages is sent */
	unsigned int greeting;
	bool told_protocol;
	uint64_t features, protocol; /* the back end's; protocol: what both know */
	uint64_t queue_max;          /* rings it can serve, in pairs */
	struct vu_msg sent;          /* the request that waits for an answer */
	bool waiting;
	struct vu_rx rx;

	bool running; /* rings are wanted */
	bool packed;
	uint64_t want_features; /* the driver's, bits that concern a back end */
	uint16_t mtu;
	bool told_features, told_mtu, told_memory, told_inflight;
	struct vu_ring ring[VU_RINGS_MAX];

	/* Kept across connections: the back end's own notes on what it had in hand. */
	int inflight_fd;
	struct vu_inflight inflight;
	bool noted; /* the last back end that worked in the rings kept them */
};

/* 0 or -errno. @mem, @name, @cb must outlive it. vhost_user_fini() closes all. */
int vhost_user_init(struct vhost_user *vu, const struct mem *mem, const char *name,
		    unsigned int n_rings, uint16_t mtu, const struct vhost_user_cb *cb, void *arg);
/* Closes the connection too: a later vhost_user_stop() waits for nobody. */
void vhost_user_fini(struct vhost_user *vu);

/* A connection, which is ours from now on (also on failure: -EBUSY, there is one already; -errno). */
int vhost_user_attach(struct vhost_user *vu, int fd);
/* The same, for a back end that is to take the rings over from another one. */
int vhost_user_attach_second(struct vhost_user *vu, int fd);
/* The other one is gone: this is the back end now. */
void vhost_user_alone(struct vhost_user *vu);
/* Cuts the back end off, whatever it does; down() follows from the owner's loop. */
void vhost_user_drop(struct vhost_user *vu, const char *why);
/* Notes on rings that another back end works in now are good for nothing. */
void vhost_user_forget_notes(struct vhost_user *vu);
/* The connection's fd can be read, or hung up. */
void vhost_user_ready(struct vhost_user *vu);
/* The timer fired. */
void vhost_user_expired(struct vhost_user *vu);

/* What the back end offers, when it is up: else all ones, and the largest number of pairs. */
uint64_t vhost_user_features(const struct vhost_user *vu);
unsigned int vhost_user_pairs(const struct vhost_user *vu);

/*
 * The driver is ready, with these features: rings follow by vhost_user_ring(), then
 * vhost_user_go(). A back end that lacks a feature is let go of, in words.
 */
void vhost_user_start(struct vhost_user *vu, uint64_t features, bool packed);
/* Ring @i is wanted like this, from now on; also to change enabled and call. */
void vhost_user_ring(struct vhost_user *vu, unsigned int i, const struct vhost_user_ring *r);
/* Sends what there is to say. */
void vhost_user_go(struct vhost_user *vu);

/*
 * Takes every ring back, and waits until the back end has said that it let go, at most VU_STOP_MS; then
 * it is cut off. Where each ring stood is kept for vhost_user_resume().
 */
void vhost_user_pause(struct vhost_user *vu);
void vhost_user_resume(struct vhost_user *vu);
/* The same, for good: rings and features are forgotten. */
void vhost_user_stop(struct vhost_user *vu);

#endif
