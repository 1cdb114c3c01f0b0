/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk of the host is like, and its ring. */
#include "vmm/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "vmm/disk_io.h"

#define SECTOR      512u
#define BLOCK_MAX   65536u
#define WORKERS_MAX 8 /* the kernel's threads for what it cannot do without waiting, of each kind */

static bool
is_block_size(uint32_t n)
{
	return n >= SECTOR && n <= BLOCK_MAX && (n & (n - 1)) == 0;
}

int
disk_size(const struct disk *d, uint64_t *ret)
{
	struct stat st;

	if (d->is_block)
		return ioctl(d->fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
	if (fstat(d->fd, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.st_size;
	return 0;
}

/* --- alignment of direct I/O --- */

/* Asks by trying: what a read of fewer bytes is refused for. */
static uint32_t
try_offset_align(int fd)
{
	uint32_t n = SECTOR;
	void *p;

	if (posix_memalign(&p, BLOCK_MAX, BLOCK_MAX))
		return 4096;
	while (n < BLOCK_MAX && pread(fd, p, n, 0) < 0 && errno == EINVAL)
		n *= 2;
	free(p);
	return n;
}

static void
look_at_alignment(struct disk *d)
{
	struct statx sx;

	d->mem_align = d->offset_align = 1;
	if (!d->direct)
		return;
	if (statx(d->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	    sx.stx_mask & STATX_DIOALIGN && is_block_size(sx.stx_dio_offset_align)) {
		d->offset_align = sx.stx_dio_offset_align;
		d->mem_align = MAX_OF(sx.stx_dio_mem_align, 1u);
		return;
	}
	d->offset_align = d->mem_align = try_offset_align(d->fd);
}

/* --- shape --- */

/* Neither changes anything: a hole where no file is, and a range that no device takes. */
static bool
look_at_discard(const struct disk *d)
{
	uint64_t odd[2] = {1, SECTOR};

	if (d->read_only)
		return false;
	if (d->is_block)
		return ioctl(d->fd, BLKDISCARD, odd) == 0 || errno == EINVAL;
	return fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)align_up(d->shape.size, BLOCK_MAX), BLOCK_MAX) == 0;
}

static void
look_at_device(struct disk *d)
{
	struct disk_shape *s = &d->shape;
	unsigned int physical = 0, io_min = 0, io_opt = 0;
	int block = 0, offset = 0;

	if (ioctl(d->fd, BLKSSZGET, &block) == 0 && is_block_size((uint32_t)block))
		s->block = (uint32_t)block;
	if (ioctl(d->fd, BLKPBSZGET, &physical) == 0)
		s->physical = physical;
	if (ioctl(d->fd, BLKALIGNOFF, &offset) == 0 && offset > 0)
		s->align_offset = (uint32_t)offset;
	if (ioctl(d->fd, BLKIOMIN, &io_min) == 0)
		s->io_min = io_min;
	if (ioctl(d->fd, BLKIOOPT, &io_opt) == 0)
		s->io_opt = io_opt;
}

static int
look(struct disk *d, const char *name, struct err *e)
{
	struct stat st;
	int flags = fcntl(d->fd, F_GETFL), r;

	if (flags < 0 || fstat(d->fd, &st) < 0)
		return err_sys(e, errno, "%s", name);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "%s: neither a regular file nor a block device", name);
	if ((flags & O_ACCMODE) == O_WRONLY || (!d->read_only && (flags & O_ACCMODE) != O_RDWR))
		return err_set(e, EINVAL, "%s: not open for %s", name,
			       d->read_only ? "reading" : "reading and writing");
	d->is_block = S_ISBLK(st.st_mode);
	d->direct = flags & O_DIRECT;
	r = disk_size(d, &d->shape.size);
	if (r < 0)
		return err_sys(e, -r, "%s: size", name);
	look_at_alignment(d);
	d->shape.block = SECTOR;
	d->shape.physical =
		is_block_size((uint32_t)st.st_blksize) ? (uint32_t)st.st_blksize : SECTOR;
	if (d->is_block)
		look_at_device(d);
	d->shape.block = MAX_OF(d->shape.block, d->offset_align);
	if (!is_block_size(d->shape.physical) || d->shape.physical < d->shape.block)
		d->shape.physical = d->shape.block;
	d->shape.can_discard = look_at_discard(d);
	d->how_discard = d->is_block ? WAY_COMMAND : WAY_PUNCH;
	d->how_unmap = WAY_PUNCH;
	d->how_zero = WAY_ZERO_RANGE;
	return 0;
}

/* --- the ring --- */

/* Helper threads of the kernel go where this process's own may: not to a vCPU's core. */
static int
bind_workers(struct disk *d, const struct cpuset *workers)
{
	unsigned int max[2] = {WORKERS_MAX, WORKERS_MAX};
	cpu_set_t set;
	int r;

	CPU_ZERO(&set);
	cpuset_for_each (cpu, workers)
		CPU_SET(cpu, &set);
	r = cpuset_empty(workers) ? 0 : io_uring_register_iowq_aff(&d->ring, sizeof(set), &set);
	return r < 0 ? r : io_uring_register_iowq_max_workers(&d->ring, max);
}

static int
make_ring(struct disk *d, const char *name, const struct cpuset *workers, struct err *e)
{
	int r = io_uring_queue_init(DISK_DEPTH, &d->ring, 0);

	if (r == -EPERM || r == -ENOSYS)
		return err_sys(e, -r,
			       "%s: this host does not allow io_uring (sysctl "
			       "kernel.io_uring_disabled must be 0)",
			       name);
	if (r < 0)
		return err_sys(e, -r, "%s: io_uring", name);
	d->has_ring = true;
	d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->event < 0)
		return err_sys(e, errno, "%s: eventfd", name);
	r = io_uring_register_eventfd(&d->ring, d->event);
	if (r == 0)
		r = bind_workers(d, workers);
	return r < 0 ? err_sys(e, -r, "%s: io_uring", name) : 0;
}

int
disk_open(struct disk *d, int fd, const char *name, bool read_only, const struct cpuset *workers,
	  struct err *e)
{
	int r;

	d->fd = fd;
	d->event = -1;
	d->read_only = read_only;
	d->waiting_end = &d->waiting;
	r = look(d, name, e);
	return r < 0 ? r : make_ring(d, name, workers, e);
}

void
disk_close(struct disk *d)
{
	if (d->has_ring)
		io_uring_queue_exit(&d->ring);
	d->has_ring = false;
	if (d->event >= 0)
		close(d->event);
	if (d->fd >= 0)
		close(d->fd);
	d->event = d->fd = -1;
	free(d->bounce);
	d->bounce = NULL;
}
