/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of one virtqueue of a network device, split or packed (virtio 1.2, 2.7 and 2.8,
 * 5.1.6), over memory that the guest can change at any moment. Whatever a guest says is read once, into
 * a private copy, and that copy is checked. No DPDK here.
 *
 * Frames are completed strictly in order, so one position says it all: everything before it is the
 * driver's again, everything after it was not looked at as far as the driver can tell.
 *
 * A queue that makes no sense is broken: it gives and takes nothing until it is attached anew, and its
 * owner counts it once.
 */
#ifndef CORELANE_VHOST_USER_RING_H
#define CORELANE_VHOST_USER_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "vhost-user/gpa.h"
#include "vhost-user/pkt.h"

#define RING_SIZE_MAX  32768
#define RING_CHAIN_MAX 256   /* descriptors of one frame; Linux uses at most 20 */
#define RING_SEGS      512   /* of all chained frames in a burst */
#define RING_FRAME_MAX 65550 /* 64 KiB of IP and its Ethernet header; nothing sends more */

/*
 * What survives us of a packed ring, in memory shared with the front end (vhost-user protocol, "Inflight
 * I/O tracking", packed; an in-order device needs only these). All zero: nothing is known, begin where
 * SET_VRING_BASE says; a front end makes it so when the guest resets the device while we are away.
 *
 * A batch of used descriptors becomes the driver's by the first one's flags, written last: before the
 * others are written, what the first will say is in first; before the first is, its place is in
 * old_used and that after the batch in used; after it, both are that.
 */
struct ring_inflight {
	uint64_t features;
	uint16_t version, desc_num, free_head, old_free_head;
	union {
		struct {
			uint16_t used_idx, old_used_idx;
			uint8_t used_wrap, old_used_wrap;
			uint8_t padding[2];
		};
		uint64_t position; /* all of it, changed by one store */
	};
	uint64_t first; /* in what the protocol calls padding */
};

#define RING_INFLIGHT_VERSION 1

/* A buffer that was taken and not given back yet. */
struct ring_taken {
	uint16_t id;    /* split: its head */
	uint16_t slots; /* packed: descriptors */
};

struct ring {
	/* constant while attached */
	union {
		const struct vring_desc *desc;
		struct vring_packed_desc *slot;
	};
	union {
		const struct vring_avail *avail;
		const struct vring_packed_desc_event *driver;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device;
	};
	const struct gpa_map *mem;
	struct ring_inflight *inflight; /* packed; NULL: none */
	uint16_t size;
	uint16_t hlen; /* of the virtio-net header: 10, or 12 */
	bool up, packed, event_idx, mergeable, in_order;
	atomic_bool *rude;    /* as ring_setup */
	uint8_t gso;          /* bit n: VIRTIO_NET_HDR_GSO n may come or go */
	bool csum;            /* unfinished checksums may come or go */
	int call_fd, kick_fd; /* or -1 */

	/* the thread that works on it */
	bool broken;
	bool wrap;     /* packed */
	uint16_t pos;  /* split: free-running; packed: slot */
	uint16_t seen; /* split: avail->idx as read last */
	uint16_t n_taken;
	struct ring_taken taken[PKT_BURST];
	uint64_t calls, kicked; /* eventfds written; found written */
};

/* What one call needs beside the ring. */
struct ring_scratch {
	struct pkt_seg *seg; /* peek: RING_SEGS of them for pieces of chained frames, until done */
	uint16_t domain;     /* peek: of the frames */
	uint16_t n_seg, n_desc;
	uint32_t
		oversize; /* frames that were left out: longer than any, or than the guest's buffers */
	uint32_t unfinished; /* those whose offloads make no sense */
	uint64_t oversize_bytes;
};

/* Where a ring lies and what was agreed upon; pointers are ours. */
struct ring_setup {
	void *desc, *avail, *used; /* packed: descriptors, driver's and device's event area */
	uint32_t size;
	uint16_t base;        /* packed: wrap counter in bit 15 (vhost-user's SET_VRING_BASE) */
	uint64_t features;    /* virtio's, as negotiated */
	int call_fd, kick_fd; /* from shared_event_check() */
	/* All rings of one front end: it made a call wait, so none is made any more; NULL: nobody asks. */
	atomic_bool *rude;
	bool transmit; /* the guest's: we take from it */
	struct ring_inflight *inflight;
	bool resume; /* a first look after a connection: inflight may know better than base */
};

/*
 * Makes @r work on @s; @mem stays the caller's. Tells the driver not to kick. 0 or -EINVAL: its areas
 * are not in that memory, or its size or position cannot be.
 */
int ring_attach(struct ring *r, const struct gpa_map *mem, const struct ring_setup *s);
void ring_detach(struct ring *r);
/* Packed: takes the position from r->inflight, and finishes the batch that was being written. false: it
 * holds none. ring_resume.c */
bool ring_resume(struct ring *r);
/* As SET_VRING_BASE and GET_VRING_BASE have it. */
uint16_t ring_base(const struct ring *r);
/* Frames or buffers that wait, as far as one look can tell (packed: 1 or 0). Any thread. */
uint32_t ring_waiting(const struct ring *r);

/*
 * Looks at up to @n (<= PKT_BURST) waiting frames. ring_*_peek_off: with offloads. Frames that cannot be given are dropped and counted in @s.
 */
uint32_t ring_split_peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n);
uint32_t ring_split_peek_off(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n);
uint32_t ring_packed_peek(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n);
uint32_t ring_packed_peek_off(struct ring *r, struct ring_scratch *s, struct pkt *pkt, uint32_t n);
/* Gives back what the last peek took. */
void ring_split_done(struct ring *r);
void ring_packed_done(struct ring *r);
/*
 * Copies frames into the driver's buffers. Returns how many it is finished with, fewer than @n when
 * there is no more room. Those that fit into no buffer of that guest are left out: s->oversize.
 */
uint32_t ring_split_put(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt, uint32_t n);
uint32_t ring_packed_put(struct ring *r, struct ring_scratch *s, struct pkt *const *pkt,
			 uint32_t n);

/* Signals the driver: used buffers wait. One that makes us wait for that breaks the ring. */
void ring_call(struct ring *r);

/* Whether the driver is to kick when something comes. */
void ring_listen(struct ring *r);
void ring_quiet(struct ring *r);

#endif
