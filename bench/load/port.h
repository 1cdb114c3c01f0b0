/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One played guest: its memory (a memfd that the back end maps), its virtqueues in it, and its
 * vhost-user connection. All functions belong to the one load thread.
 */
#ifndef CORELANE_BENCH_LOAD_PORT_H
#define CORELANE_BENCH_LOAD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/port.h"
#include "bench/load/frame.h"
#include "bench/load/ring.h"
#include "bench/load/vhost.h"

#define PORT_GPA                                                                                   \
	0x100000000ull /* of guest memory: unlike its address here, so that mixing them up fails */

struct port_opts {
	const char *path; /* of the socket */
	bool connect;     /* the back end listens, we connect */
	bool packed;
	bool notes;       /* the back end shall keep in-flight notes */
	bool small_pages; /* 4 KiB pages instead of 2 MiB ones */
	bool one_buffer; /* no VIRTIO_NET_F_MRG_RXBUF: a frame is received in one (chain of) buffer */
	uint16_t ring_size; /* a power of two, 2..RING_SIZE_MAX */
	uint16_t max_frame; /* FRAME_MIN..FRAME_MAX: how large the buffers are */
	unsigned int queues;
	uint64_t features; /* of virtio, beside the usual ones; all of them must be had */
};

/* A back end's in-flight notes, kept for the next one. */
struct port_notes {
	int fd; /* -1: none */
	struct vhost_inflight layout;
};

struct port {
	struct port_opts opts;
	unsigned int number;
	struct vhost vhost; /* .fd -1 while nobody is connected */
	struct port_notes notes;
	/* A second back end that is set up and waits for the first to go; see port_second(). */
	struct vhost next;
	struct port_notes next_notes;
	int listen_fd, mem_fd;
	uint8_t *mem;
	size_t mem_size;
	size_t ring_at[2 * PORT_QUEUES_MAX]; /* offsets of the rings in mem */
	/* In vring order: receive 0, transmit 0, receive 1, ... */
	struct ring ring[2 * PORT_QUEUES_MAX];

	/* Counters, since the last port_clear(). */
	uint64_t sent, received, checked, bad;
	const char *bad_why;    /* of the first bad frame */
	struct frame_walk walk; /* for frames whose addresses vary */
	unsigned int check_in;
};

/* Makes memory and (unless connecting) the listening socket. 0 or an error in words. */
int port_open(struct port *p, unsigned int number, const struct port_opts *opts, struct err *e);
/* Waits for the back end and brings every queue up from the beginning; buffers all posted. */
int port_attach(struct port *p, int timeout_ms, struct err *e);
/* The same for a back end that came back: the rings stay as they are, and it goes on in them. */
int port_resume(struct port *p, int timeout_ms, struct err *e);
/*
 * Waits for a second back end and sets it up for the same rings while the first one works in them.
 * May run on another thread than the rest. port_promote() then makes it the only one.
 */
int port_second(struct port *p, int timeout_ms, struct err *e);
void port_promote(struct port *p);
void port_close(struct port *p);

/* Writes all transmit frames anew; none is with the device. */
void port_build(struct port *p, const struct frame_plan *plan);
void port_clear(struct port *p);

static inline struct ring *
port_rx(struct port *p, unsigned int queue)
{
	return &p->ring[(size_t)queue * 2];
}

static inline struct ring *
port_tx(struct port *p, unsigned int queue)
{
	return &p->ring[(size_t)queue * 2 + 1];
}

/* A queue that the back end broke, as words, or NULL. */
const char *port_broken(const struct port *p);

/* Takes finished transmit buffers back to the free list. Returns how many. */
unsigned int port_reap(struct ring *tx, unsigned int at_least);

/*
 * Sends up to @n frames, at most RING_BURST, from the buffers of @queue that are free for longest.
 * @stamps, unless NULL, has one for each. Returns how many.
 */
unsigned int port_send(struct port *p, unsigned int queue, const struct frame_plan *plan,
		       unsigned int n, const uint64_t *stamps);

/*
 * Takes up to RING_BURST received frames, when there are @at_least, checks one in about 250 of them,
 * and gives the buffers back. @ret_stamps, unless NULL, gets each frame's stamp. Returns how many.
 */
unsigned int port_receive(struct port *p, unsigned int queue, const struct frame_plan *plan,
			  unsigned int at_least, uint64_t *ret_stamps);

#endif
