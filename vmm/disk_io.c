/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on a disk. Each goes on until all of it is done or something fails: the kernel may do a part
 * only. What direct I/O cannot take goes through one aligned buffer, a slice and an operation at a time.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vmm/disk_io.h"

#define TRIES_MAX   64           /* in a row that the kernel may say "again" */
#define CMD_DISCARD _IO(0x12, 0) /* BLOCK_URING_CMD_DISCARD, linux/blkdev.h of 6.12 */

/* --- pieces --- */

static void
iov_skip(struct disk_io *io, size_t n)
{
	unsigned int i = 0;

	while (i < io->n_iov && n >= io->iov[i].iov_len)
		n -= io->iov[i++].iov_len;
	io->n_iov -= i;
	memmove(io->iov, io->iov + i, io->n_iov * sizeof(io->iov[0]));
	if (n == 0)
		return;
	io->iov[0].iov_base = (char *)io->iov[0].iov_base + n;
	io->iov[0].iov_len -= n;
}

static size_t
iov_copy(const struct disk_io *io, void *flat, size_t len, bool to_iov)
{
	size_t done = 0;

	for (unsigned int i = 0; i < io->n_iov && done < len; i++) {
		size_t part = MIN_OF(len - done, io->iov[i].iov_len);
		char *p = io->iov[i].iov_base, *f = (char *)flat + done;

		memcpy(to_iov ? p : f, to_iov ? f : p, part);
		done += part;
	}
	return done;
}

/* Whether the kernel takes the memory as it is. */
static bool
is_aligned(const struct disk *d, const struct disk_io *io)
{
	for (unsigned int i = 0; i < io->n_iov; i++)
		if ((uintptr_t)io->iov[i].iov_base % d->mem_align ||
		    io->iov[i].iov_len % d->offset_align)
			return false;
	return true;
}

/* --- ways --- */

static unsigned int *
way_of(struct disk *d, const struct disk_io *io)
{
	if (io->op == DISK_DISCARD)
		return &d->how_discard;
	return io->unmap ? &d->how_unmap : &d->how_zero;
}

/* The way that @io went is none: which one is left. */
static enum disk_way
next_way(const struct disk_io *io)
{
	if (io->how == WAY_COMMAND)
		return WAY_PUNCH;
	if (io->op == DISK_DISCARD)
		return WAY_NONE;
	return io->how == WAY_PUNCH ? WAY_ZERO_RANGE : WAY_WRITE;
}

static bool
is_range(const struct disk_io *io)
{
	return io->op == DISK_DISCARD || io->op == DISK_ZERO;
}

/* --- to the kernel --- */

static void
prepare_write(struct disk *d, struct disk_io *io, struct io_uring_sqe *sqe, const struct iovec *iov,
	      unsigned int n)
{
	io_uring_prep_writev2(sqe, d->fd, iov, n, io->offset, io->durable ? RWF_DSYNC : 0);
}

/* The buffer holds zeros, a slice to write, or room for a slice to read. */
static void
prepare_bounced(struct disk *d, struct disk_io *io, struct io_uring_sqe *sqe)
{
	io->slice = (uint32_t)MIN_OF(io->len, (uint64_t)DISK_BOUNCE_MAX);
	if (io->op == DISK_READ) {
		io_uring_prep_read(sqe, d->fd, d->bounce, io->slice, io->offset);
		return;
	}
	if (io->op == DISK_WRITE)
		iov_copy(io, d->bounce, io->slice, false);
	else
		memset(d->bounce, 0, io->slice);
	io_uring_prep_write(sqe, d->fd, d->bounce, io->slice, io->offset);
	if (io->durable)
		sqe->rw_flags = RWF_DSYNC;
}

static void
prepare_range(struct disk *d, struct disk_io *io, struct io_uring_sqe *sqe)
{
	int mode = FALLOC_FL_KEEP_SIZE;

	if (io->how == WAY_COMMAND) {
		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, d->fd, NULL, 0, 0);
		sqe->cmd_op = CMD_DISCARD;
		sqe->addr = io->offset;
		sqe->addr3 = io->len;
		return;
	}
	mode |= io->how == WAY_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	io_uring_prep_fallocate(sqe, d->fd, mode, (off_t)io->offset, (off_t)io->len);
}

/* Queues the next step. There is room: an operation has one step at a time. */
static void
queue(struct disk *d, struct disk_io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring);

	if (io->op == DISK_FLUSH)
		io_uring_prep_fsync(sqe, d->fd, IORING_FSYNC_DATASYNC);
	else if (io->bounced)
		prepare_bounced(d, io, sqe);
	else if (is_range(io))
		prepare_range(d, io, sqe);
	else if (io->op == DISK_READ)
		io_uring_prep_readv(sqe, d->fd, io->iov, io->n_iov, io->offset);
	else
		prepare_write(d, io, sqe, io->iov, io->n_iov);
	io_uring_sqe_set_data(sqe, io);
}

static int
get_bounce(struct disk *d)
{
	size_t align = MAX_OF(MAX_OF(d->mem_align, d->offset_align), 4096u);

	if (!d->bounce && posix_memalign(&d->bounce, align, DISK_BOUNCE_MAX))
		d->bounce = NULL;
	return d->bounce ? 0 : -ENOMEM;
}

/* Looks at how the next step can be made, and queues it or lets it wait for the buffer. 0 or -errno. */
static int
step(struct disk *d, struct disk_io *io)
{
	bool data = io->op == DISK_READ || io->op == DISK_WRITE;

	if ((data || io->how == WAY_WRITE) &&
	    (io->offset % d->offset_align || io->len % d->offset_align))
		return -EINVAL;
	if (is_range(io) && io->how == WAY_NONE)
		return -EOPNOTSUPP;
	if (io->op == DISK_FLUSH && d->lost)
		return d->lost;
	if (!io->bounced && (data ? !is_aligned(d, io) : io->how == WAY_WRITE)) {
		int r = get_bounce(d);

		if (r < 0)
			return r;
		io->bounced = true;
	}
	if (io->bounced && d->bouncing && d->bouncing != io) {
		io->next = NULL;
		*d->waiting_end = io;
		d->waiting_end = &io->next;
		return 0;
	}
	if (io->bounced)
		d->bouncing = io;
	queue(d, io);
	return 0;
}

int
disk_start(struct disk *d, struct disk_io *io)
{
	int r;

	if (d->in_flight == DISK_DEPTH)
		return -EBUSY;
	io->tries = 0;
	io->bounced = false;
	io->how = is_range(io) ? *way_of(d, io) : 0;
	r = step(d, io);
	if (r == 0)
		d->in_flight++;
	return r;
}

int
disk_submit(struct disk *d)
{
	int r = 0;

	if (io_uring_sq_ready(&d->ring))
		r = io_uring_submit(&d->ring);
	return MIN_OF(r, 0);
}

/* --- from the kernel --- */

/* The next one that waits for the buffer. One that cannot go on is ended here, and the next one looked at. */
static void
pass_bounce(struct disk *d)
{
	d->bouncing = NULL;
	while (d->waiting && !d->bouncing) {
		struct disk_io *io = d->waiting;
		int r;

		d->waiting = io->next;
		if (!d->waiting)
			d->waiting_end = &d->waiting;
		r = step(d, io);
		if (r < 0) {
			d->in_flight--;
			d->done(d->arg, io, r);
		}
	}
}

static void
finish(struct disk *d, struct disk_io *io, int result)
{
	bool had_bounce = d->bouncing == io;

	d->in_flight--;
	if (had_bounce)
		pass_bounce(d);
	d->done(d->arg, io, result); /* last: it may start another one in the same place */
}

/* Accounts for what was done. 1: there is more to do; 0: that was all; -errno. */
static int
advance(struct disk *d, struct disk_io *io, uint32_t n)
{
	if (io->op == DISK_FLUSH)
		return 0;
	if (is_range(io) && !io->bounced) {
		/* The range is done, and durable writes were asked for: now it is made so. */
		io->op = DISK_FLUSH;
		return io->durable ? 1 : 0;
	}
	if (n == 0 || n > io->len)
		return io->op == DISK_READ ? -ENODATA : -EIO;
	if (io->bounced && io->op == DISK_READ)
		iov_copy(io, d->bounce, n, true);
	if (!is_range(io))
		iov_skip(io, n);
	io->offset += n;
	io->len -= n;
	return io->len > 0;
}

static bool
is_unsupported(const struct disk_io *io, int res)
{
	/* EINVAL, ENOTTY: of a command that this kernel does not know. */
	return is_range(io) && !io->bounced &&
	       (res == -EOPNOTSUPP ||
		(io->how == WAY_COMMAND && (res == -EINVAL || res == -ENOTTY)));
}

static void
completed(struct disk *d, struct disk_io *io, int res)
{
	int r;

	if ((res == -EINTR || res == -EAGAIN) && io->tries++ < TRIES_MAX) {
		queue(d, io);
		return;
	}
	if (is_unsupported(io, res)) {
		unsigned int *way = way_of(d, io);

		io->how = next_way(io);
		*way = MAX_OF(*way, io->how);
		r = 1;
	} else {
		io->tries = 0;
		if (io->op == DISK_FLUSH && res < 0 && !d->direct)
			d->lost = res;
		r = res < 0 ? res : advance(d, io, (uint32_t)res);
	}
	if (r > 0) {
		r = step(d, io);
		if (r == 0)
			return; /* it goes on */
	}
	finish(d, io, r);
}

void
disk_reap(struct disk *d)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&d->ring, &cqe) == 0) {
		struct disk_io *io = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&d->ring, cqe);
		completed(d, io, res);
	}
}

void
disk_wait(struct disk *d)
{
	(void)io_uring_submit_and_wait(&d->ring, 1);
}
