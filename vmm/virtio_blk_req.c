/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of virtio-blk (virtio 1.2, 5.2.6): a header, data, and a byte of status, however the driver
 * cut them into pieces. Header and ranges are copied, then checked. What a driver may get wrong without
 * breaking the queue is answered with an error and counted.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vmm/stats.h"
#include "vmm/virtio_blk.h"
#include "vmm/vm.h"

#define REQUESTS_A_TURN 64
#define TELL_AGAIN_NS   10000000000ull /* a disk that fails now and then is told of this often */

enum { /* 5.2.6 */
       T_IN = 0,
       T_OUT = 1,
       T_FLUSH = 4,
       T_GET_ID = 8,
       T_DISCARD = 11,
       T_WRITE_ZEROES = 13,

       S_OK = 0,
       S_IOERR = 1,
       S_UNSUPP = 2,

       RANGE_UNMAP = 1,
};

/* Not an answer yet: the disk has it. */
#define PENDING (-1)

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* --- answers --- */

/* 5.2.6.2 says when a write is stable once it is completed. */
static bool
is_write_through(const struct blk *b)
{
	if (virtio_has(&b->v, VIRTIO_BIT(BLK_F_CONFIG_WCE)))
		return !b->write_back;
	return !virtio_has(&b->v, VIRTIO_BIT(BLK_F_FLUSH));
}

static void
give_back(struct blk_req *r, int status)
{
	struct blk *b = r->blk;
	struct virtq_used u = {r->id, r->slots, status == S_OK ? r->written : 1};

	/* A device that was stopped in the meantime tells nobody. */
	if (b->v.ready[r->queue]) {
		*r->status = (uint8_t)status;
		virtq_push(&b->vq[r->queue], &u, 1);
		b->signal |= 1u << r->queue;
	}
	r->next = b->free;
	b->free = r;
}

static int
refuse(struct blk_req *r, const char *why)
{
	vm_guest_error(r->blk->v.dev.vm, "%s: %s", r->blk->v.name, why);
	return S_IOERR;
}

static const char *
op_name(enum disk_op op)
{
	static const char *const name[] = {
		[DISK_READ] = "read",       [DISK_WRITE] = "write",         [DISK_FLUSH] = "flush",
		[DISK_DISCARD] = "discard", [DISK_ZERO] = "write of zeros",
	};

	return name[op];
}

static const char *
remedy(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "; make room where the image is";
	case ENODATA:
		return "; the image is shorter than it was: tell the VNF with a resize, or restore "
		       "it";
	case EIO:
		return "; see the host's kernel log";
	default:
		return "";
	}
}

static void
tell_lost(struct blk *b, int error)
{
	if (!b->told_lost)
		vm_event(b->v.dev.vm, VMM_EV_DISK_ERROR, b->index,
			 "%s: flush: %s; writes before it may be lost: no flush succeeds until the "
			 "VNF is started again",
			 b->v.name, strerror(error));
	b->told_lost = true;
}

/* The first of a row, and not too often. */
static void
tell(struct blk *b, const struct disk_io *io, int error)
{
	uint64_t now;
	char place[64] = "";

	stats_add_shared(&b->v.dev.vm->stats->disk_errors, 1);
	if (io->op == DISK_FLUSH && b->disk.lost) {
		tell_lost(b, error);
		return;
	}
	now = clock_now_ns();
	if (b->failing || (b->told_at && now < b->told_at + TELL_AGAIN_NS))
		return;
	b->told_at = now;
	if (io->op != DISK_FLUSH)
		snprintf(place, sizeof(place), " of %llu bytes at %llu",
			 (unsigned long long)io->len, (unsigned long long)io->offset);
	vm_event(b->v.dev.vm, VMM_EV_DISK_ERROR, b->index, "%s: %s%s: %s%s", b->v.name,
		 op_name(io->op), place, error == ENODATA ? "nothing is there" : strerror(error),
		 remedy(error));
}

static int
status_of(struct blk_req *r, int result)
{
	struct blk *b = r->blk;

	if (result == -EOPNOTSUPP && r->n_ranges)
		return S_UNSUPP;
	if (result < 0)
		tell(b, &r->io, -result);
	b->failing = result < 0;
	return result < 0 ? S_IOERR : S_OK;
}

/* --- requests --- */

static int
start(struct blk_req *r)
{
	int result = disk_start(&r->blk->disk, &r->io);

	if (result < 0)
		return status_of(r, result);
	r->blk->v.in_flight++;
	return PENDING;
}

/* Whether [@sector, +@bytes) is on the disk and of whole blocks; then it is set in r->io. */
static bool
set_place(struct blk_req *r, uint64_t sector, uint64_t bytes)
{
	const struct blk *b = r->blk;
	uint64_t n = bytes >> BLK_SECTOR_SHIFT;

	if (sector > b->sectors || n > b->sectors - sector)
		return false;
	r->io.offset = sector << BLK_SECTOR_SHIFT;
	r->io.len = bytes;
	return r->io.offset % b->disk.shape.block == 0 && bytes % b->disk.shape.block == 0;
}

/* The pieces [@skip, +@len) of @iov. */
static bool
set_pieces(struct disk_io *io, const struct iovec *iov, unsigned int n, size_t skip, size_t len)
{
	io->n_iov = 0;
	for (unsigned int i = 0; i < n && len > 0; i++) {
		size_t cut = MIN_OF(skip, iov[i].iov_len);
		size_t part = MIN_OF(len, iov[i].iov_len - cut);

		skip -= cut;
		if (part == 0)
			continue;
		if (io->n_iov == DISK_IOV_MAX)
			return false;
		io->iov[io->n_iov++] = (struct iovec){(char *)iov[i].iov_base + cut, part};
		len -= part;
	}
	return true;
}

static int
read_or_write(struct blk_req *r, const struct header *h)
{
	struct blk *b = r->blk;
	const struct virtq_buffer *buf = &b->b;
	bool out = h->type == T_OUT;
	uint32_t bytes = out ? buf->out_len - (uint32_t)sizeof(*h) : buf->in_len - 1;
	bool fits;

	if (out && b->disk.read_only)
		return refuse(r, "a write to a read-only disk");
	if (bytes % (1u << BLK_SECTOR_SHIFT) || !set_place(r, h->sector, bytes))
		return refuse(r, "a request that is not on the disk, or not of whole blocks");
	if (bytes == 0)
		return S_OK;
	if (out)
		fits = set_pieces(&r->io, buf->iov, buf->n_out, sizeof(*h), bytes);
	else
		fits = set_pieces(&r->io, buf->iov + buf->n_out, buf->n_in, 0, bytes);
	if (!fits)
		return refuse(r, "a request of more pieces than seg_max says");
	r->io.op = out ? DISK_WRITE : DISK_READ;
	r->io.durable = out && is_write_through(b);
	r->written = out ? 1 : bytes + 1;
	return start(r);
}

static int
next_range(struct blk_req *r)
{
	while (r->next_range < r->n_ranges) {
		const struct blk_range *g = &r->range[r->next_range++];

		if (g->n_sectors == 0)
			continue;
		/* Checked before the first was started; the disk may have shrunk since. */
		if (!set_place(r, g->sector, (uint64_t)g->n_sectors << BLK_SECTOR_SHIFT))
			return refuse(r, "a range that is not on the disk, or not of whole blocks");
		r->io.op = r->ranges_op;
		r->io.unmap = g->flags & RANGE_UNMAP;
		r->io.durable = is_write_through(r->blk);
		return start(r);
	}
	return S_OK;
}

static int
ranges(struct blk_req *r, const struct header *h)
{
	struct blk *b = r->blk;
	const struct virtq_buffer *buf = &b->b;
	uint32_t bytes = buf->out_len - (uint32_t)sizeof(*h), max, n;
	bool discard = h->type == T_DISCARD;

	if (!virtio_has(&b->v, VIRTIO_BIT(discard ? BLK_F_DISCARD : BLK_F_WRITE_ZEROES)))
		return S_UNSUPP;
	n = bytes / (uint32_t)sizeof(r->range[0]);
	if (n == 0 || n > BLK_RANGES_MAX || bytes % sizeof(r->range[0]))
		return refuse(r, "a discard or write-zeroes request of a bad length");
	virtq_copy_out(buf->iov, buf->n_out, sizeof(*h), r->range, bytes);
	max = discard ? BLK_DISCARD_MAX : BLK_ZEROES_MAX;
	for (uint32_t i = 0; i < n; i++) {
		const struct blk_range *g = &r->range[i];

		if (g->flags & ~(discard ? 0u : (uint32_t)RANGE_UNMAP))
			return S_UNSUPP; /* 5.2.6.2 */
		if (g->n_sectors > max ||
		    !set_place(r, g->sector, (uint64_t)g->n_sectors << BLK_SECTOR_SHIFT))
			return refuse(r, "a range that is not on the disk, or not of whole blocks");
	}
	r->n_ranges = n;
	r->ranges_op = discard ? DISK_DISCARD : DISK_ZERO;
	return next_range(r);
}

static int
flush(struct blk_req *r)
{
	if (r->blk->disk.read_only)
		return S_OK;
	r->io.op = DISK_FLUSH;
	return start(r);
}

/* 5.2.6: not terminated when it fills the field. */
static int
get_id(struct blk_req *r)
{
	struct blk *b = r->blk;
	const struct virtq_buffer *buf = &b->b;
	const char *name = b->v.dev.vm->start->disk[b->index].name;
	char id[BLK_ID_LEN] = {0};

	memcpy(id, name, strnlen(name, sizeof(id)));
	virtq_copy_in(buf->iov + buf->n_out, buf->n_in, 0, id,
		      MIN_OF(sizeof(id), (size_t)buf->in_len - 1));
	r->written = buf->in_len;
	return S_OK;
}

static int
dispatch(struct blk_req *r)
{
	const struct virtq_buffer *buf = &r->blk->b;
	struct header h;

	virtq_copy_out(buf->iov, buf->n_out, 0, &h, sizeof(h));
	r->written = 1;
	r->n_ranges = r->next_range = 0;
	r->io.durable = r->io.unmap = false;
	r->io.offset = r->io.len = 0;
	r->io.n_iov = 0;
	switch (h.type) {
	case T_IN:
	case T_OUT:
		return read_or_write(r, &h);
	case T_FLUSH:
		return flush(r);
	case T_GET_ID:
		return get_id(r);
	case T_DISCARD:
	case T_WRITE_ZEROES:
		return ranges(r, &h);
	default:
		return S_UNSUPP;
	}
}

/* --- the queue --- */

/* One buffer. 1; 0: there is none; -EPROTO: the queue is broken. */
static int
take(struct blk *b, unsigned int q)
{
	struct virtq_buffer *buf = &b->b;
	struct virtq *vq = &b->vq[q];
	struct blk_req *r = b->free;
	const struct iovec *last;
	int n = virtq_pop(vq, buf), status;

	if (n <= 0)
		return n;
	if (buf->out_len < sizeof(struct header) || buf->in_len < 1)
		return virtq_fault(vq, "a request without a header or a status");
	b->free = r->next;
	last = &buf->iov[buf->n_out + buf->n_in - 1];
	r->queue = (uint16_t)q;
	r->id = buf->id;
	r->slots = buf->slots;
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	status = dispatch(r);
	if (status != PENDING)
		give_back(r, status);
	return 1;
}

void
blk_serve(struct blk *b, unsigned int q)
{
	struct virtq *vq = &b->vq[q];
	int r = 1;

	if (!virtio_active(&b->v, q))
		return;
	virtq_quiet(vq);
	for (unsigned int i = 0; i < REQUESTS_A_TURN && r > 0; i++) {
		if (!b->free) {
			b->starved |= 1u << q; /* looked at again when one comes back */
			return;
		}
		r = take(b, q);
		if (r == 0 && virtq_listen(vq))
			r = 1; /* there is one after all; no kick tells of it */
	}
	if (r > 0)
		virtio_kick(&b->v, q);
	if (r < 0)
		virtio_broken(&b->v, "queue %u: %s", q, vq->broken);
}

void
blk_done(void *arg, struct disk_io *io, int result)
{
	struct blk_req *r = container_of(io, struct blk_req, io);
	struct blk *b = arg;
	int status = status_of(r, result);

	b->v.in_flight--;
	if (status == S_OK && r->n_ranges)
		status = next_range(r);
	if (status != PENDING)
		give_back(r, status);
}
