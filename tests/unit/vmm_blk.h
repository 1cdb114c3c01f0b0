/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio-blk device on a real file, and a driver that makes one request after another. */
#ifndef CORELANE_TESTS_VMM_BLK_H
#define CORELANE_TESTS_VMM_BLK_H

#include "tests/unit/vmm_device.h"

#include <sys/stat.h>

#include "vmm/virtio_blk.h"

#define SECTORS 4096u
#define HEADER  BUFFERS             /* room for headers, 16 bytes each */
#define STATUS  (BUFFERS + 0x1000u) /* and a byte of status each */
#define PLACE   (BUFFERS + 0x2000u) /* data */

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { OK, IOERR, UNSUPP, NONE = 0xaa };

#define ALL_FEATURES                                                                               \
	(VIRTIO_BIT(BLK_F_FLUSH) | VIRTIO_BIT(BLK_F_CONFIG_WCE) | VIRTIO_BIT(BLK_F_MQ) |           \
	 VIRTIO_BIT(BLK_F_DISCARD) | VIRTIO_BIT(BLK_F_WRITE_ZEROES))

struct blk_test {
	struct one_device o;
	struct blk *b;
	char path[64];
	int fd; /* the test's own */
	unsigned int slot;
};

struct blk_want {
	unsigned int queues;
	bool read_only, packed, direct;
	const char *dir;   /* NULL: /tmp */
	uint64_t features; /* 0: all */
	uint64_t bytes;    /* 0: SECTORS */
};

/* false: no file with direct I/O can be had there. */
static inline bool
blk_open(struct blk_test *t, const struct blk_want *w)
{
	struct fake *f = fake_new();
	int flags = (w->read_only ? O_RDONLY : O_RDWR) | (w->direct ? O_DIRECT : 0) | O_CLOEXEC;

	*t = (struct blk_test){0};
	snprintf(t->path, sizeof(t->path), "%s/corelane-blk.XXXXXX", w->dir ? w->dir : "/tmp");
	t->fd = mkostemp(t->path, O_CLOEXEC);
	assert_true(t->fd >= 0);
	assert_int_equal(ftruncate(t->fd, (off_t)(w->bytes ? w->bytes : SECTORS * 512ull)), 0);
	f->start.n_disks = f->start.n_fds = 1;
	f->start.disk[0] = (struct vmm_disk){.name = "root",
					     .queues = (uint16_t)w->queues,
					     .read_only = w->read_only,
					     .direct = w->direct};
	f->start.fd[0].role = VMM_FD_DISK;
	f->vm.fds[0] = open(t->path, flags);
	if (f->vm.fds[0] < 0) {
		assert_true(w->direct);
		unlink(t->path);
		fake_free(f);
		return false;
	}
	one_device_init(&t->o, f, &virtio_blk_ops);
	t->b = container_of(t->o.v, struct blk, v);
	one_device_start(&t->o, w->packed, w->features ? w->features : ALL_FEATURES);
	return true;
}

static inline void
blk_close(struct blk_test *t)
{
	close(t->fd);
	unlink(t->path);
	one_device_fini(&t->o);
}

static inline void *
blk_at(struct blk_test *t, uint64_t gpa, uint64_t len)
{
	void *p = mem_at(&t->o.f->vm.mem, gpa, len);

	assert_non_null(p);
	return p;
}

/* Puts a request on queue @q without a kick: header, @n pieces, status. Returns its slot. */
static inline unsigned int
blk_add(struct blk_test *t, unsigned int q, uint32_t type, uint64_t sector, const struct seg *data,
	unsigned int n)
{
	unsigned int slot = t->slot++ % 128, k = 0;
	struct seg s[SIZE];
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} h = {type, 0, sector};

	memcpy(blk_at(t, HEADER + slot * 16, 16), &h, 16);
	*(uint8_t *)blk_at(t, STATUS + slot, 1) = NONE;
	s[k++] = (struct seg){HEADER + slot * 16, 16, false};
	for (unsigned int i = 0; i < n; i++)
		s[k++] = data[i];
	s[k++] = (struct seg){STATUS + slot, 1, true};
	driver_add(&t->o.d[q], s, k);
	return slot;
}

static inline uint8_t
blk_status(struct blk_test *t, unsigned int slot)
{
	return *(uint8_t *)blk_at(t, STATUS + slot, 1);
}

/* Kicks, and lets the loop run until a buffer comes back. Its length, or -1 when none does in 5 s. */
static inline int64_t
blk_wait(struct blk_test *t, unsigned int q)
{
	int64_t len = -1;

	virtio_kick(t->o.v, q);
	for (int i = 0; i < 1000 && len < 0; i++) {
		one_device_run(&t->o, i < 10 ? 1 : 5);
		len = driver_get(&t->o.d[q]);
	}
	return len;
}

/* A whole request. Its status; its length in @ret_len, if that is not NULL. */
static inline uint8_t
blk_do(struct blk_test *t, uint32_t type, uint64_t sector, const struct seg *data, unsigned int n,
       int64_t *ret_len)
{
	unsigned int slot = blk_add(t, 0, type, sector, data, n);
	int64_t len = blk_wait(t, 0);

	if (ret_len)
		*ret_len = len;
	return len < 0 ? NONE : blk_status(t, slot);
}

static inline uint8_t
blk_data(struct blk_test *t, uint32_t type, uint64_t sector, uint64_t gpa, uint32_t len)
{
	const struct seg s = {gpa, len, type == T_IN};

	return blk_do(t, type, sector, &s, len ? 1 : 0, NULL);
}

static inline uint8_t
blk_range(struct blk_test *t, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	const struct blk_range r = {sector, n, flags};

	memcpy(blk_at(t, PLACE, sizeof(r)), &r, sizeof(r));
	return blk_data(t, type, 0, PLACE, sizeof(r));
}

/* Bytes that say where they belong. */
static inline void
blk_pattern(uint8_t *p, size_t n, uint32_t seed)
{
	struct rnd r = {seed};

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd(&r);
}

static inline void
blk_fill_file(struct blk_test *t, uint32_t seed)
{
	uint8_t *p = malloc(SECTORS * 512);

	blk_pattern(p, SECTORS * 512, seed);
	assert_int_equal(pwrite(t->fd, p, SECTORS * 512, 0), SECTORS * 512);
	free(p);
}

/* Whether the file has @n bytes of @c at @at. */
static inline bool
blk_file_is(struct blk_test *t, uint64_t at, size_t n, uint8_t c)
{
	uint8_t *p = malloc(n);
	bool same = pread(t->fd, p, n, (off_t)at) == (ssize_t)n;

	for (size_t i = 0; i < n && same; i++)
		same = p[i] == c;
	free(p);
	return same;
}

static inline uint64_t
blk_config(struct blk_test *t, unsigned int offset, unsigned int len)
{
	uint8_t buf[8] = {0};

	t->o.v->ops->config_read(t->o.v, offset, buf, len);
	return pci_get(buf, 0, 4) | (uint64_t)pci_get(buf, 4, 4) << 32;
}

#endif
