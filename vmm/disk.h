/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk on the host: a regular file or a block device behind an io_uring of its own. It knows nothing
 * of virtio or of guests: pieces of memory and byte ranges go in, results come out.
 *
 * One thread makes it, uses it and closes it. Only disk_submit() and disk_wait() enter the kernel for
 * I/O, so that the rest may run with a lock held.
 */
#ifndef CORELANE_VMM_DISK_H
#define CORELANE_VMM_DISK_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/cpuset.h"
#include "base/err.h"

#define DISK_IOV_MAX    128          /* pieces of one operation */
#define DISK_DEPTH      128          /* operations at a time */
#define DISK_BOUNCE_MAX (128u << 10) /* bytes at a time through the bounce buffer */

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO };

/* What the thing is like, from the host. Bytes. */
struct disk_shape {
	uint64_t size;
	uint32_t block;          /* what requests should be multiples of: a power of two >= 512 */
	uint32_t physical;       /* what they had better be multiples of */
	uint32_t align_offset;   /* where the first physical block starts */
	uint32_t io_min, io_opt; /* 0: not known */
	bool can_discard;
};

/* One operation. The caller's, and the disk's from disk_start() until done(). */
struct disk_io {
	enum disk_op op;
	bool durable; /* writes: on the medium when they are done */
	bool unmap;   /* DISK_ZERO: may free the blocks */
	unsigned int n_iov;
	uint64_t offset, len; /* what is left to do; len is the sum of the pieces */
	struct iovec iov[DISK_IOV_MAX];
	/* The disk's own. */
	unsigned int how, tries;
	bool bounced;
	uint32_t slice;
	struct disk_io *next;
};

struct disk {
	int fd;
	bool is_block, read_only, direct;
	int lost; /* 0, or what a flush of the page cache failed with: -errno */
	struct disk_shape shape;
	uint32_t mem_align, offset_align; /* what direct I/O wants; 1: anything */
	struct io_uring ring;
	int event; /* eventfd: something completed */
	bool has_ring;
	unsigned int in_flight; /* operations between disk_start() and done() */
	unsigned int how_discard, how_zero, how_unmap; /* the first way that may still work */
	void *bounce;
	struct disk_io *bouncing, *waiting, **waiting_end;
	void (*done)(void *arg, struct disk_io *io, int result);
	void *arg;
};

/*
 * Takes @fd (closed by disk_close(), also when this fails). @workers: where the kernel's helper threads
 * may run; empty: anywhere. Each operation ends with @done, from within disk_reap(); @result is 0 or
 * -errno. 0, or -errno with words that begin with @name.
 */
int disk_open(struct disk *d, int fd, const char *name, bool read_only,
	      const struct cpuset *workers, struct err *e);
/* Nothing is in flight. */
void disk_close(struct disk *d);

/* Looks at the size again. 0 or -errno. May block. Any thread. */
int disk_size(const struct disk *d, uint64_t *ret);

/*
 * Queues an operation; at most DISK_DEPTH at a time. 0: done() will be called; -errno: it will not.
 * A flush covers what was done before it was queued. Without direct I/O, none succeeds after one failed: the
 * kernel tells once that it dropped what it could not write (fsync(2)).
 */
int disk_start(struct disk *d, struct disk_io *io);
/* Gives everything queued to the kernel. 0, or -errno: to be tried again. */
int disk_submit(struct disk *d);
/* Ends what the kernel has completed, and queues what goes on. */
void disk_reap(struct disk *d);
/* Submits, and waits until something completed. Only while something is in flight. */
void disk_wait(struct disk *d);

#endif
