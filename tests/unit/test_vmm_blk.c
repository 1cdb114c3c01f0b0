/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk on files: what is asked for happens to the file, and to nothing else. */
#include "tests/unit/vmm_blk.h"

#include "vmm/disk_io.h"
#include "vmm/virtio_pci.h"

/* What was queued, by opcode; and writes that are to be on the medium. */
static unsigned int n_op[64], n_durable;
static bool break_flush; /* the kernel's answer is an error */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int
__wrap_io_uring_submit(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *s = &ring->sq.sqes[i & ring->sq.ring_mask];

		n_op[s->opcode]++;
		n_durable += (s->opcode == IORING_OP_WRITEV || s->opcode == IORING_OP_WRITE) &&
			     s->rw_flags & RWF_DSYNC;
		if (break_flush && s->opcode == IORING_OP_FSYNC)
			s->fd = -1;
	}
	return __real_io_uring_submit(ring);
}

static int
forget_ops(void **state)
{
	memset(n_op, 0, sizeof(n_op));
	n_durable = 0;
	break_flush = false;
	return 0;
}

static void
write_and_read(bool packed)
{
	struct blk_test t;
	uint8_t want[4096], got[4096];
	int64_t len;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1, .packed = packed}));
	blk_pattern(want, sizeof(want), 1);
	memcpy(blk_at(&t, PLACE, 4096), want, 4096);
	assert_int_equal(blk_do(&t, T_OUT, 3, &(struct seg){PLACE, 4096, false}, 1, &len), OK);
	assert_int_equal(len, 1);
	assert_int_equal(pread(t.fd, got, 4096, 3 * 512), 4096);
	assert_memory_equal(got, want, 4096);
	assert_true(blk_file_is(&t, 0, 3 * 512, 0));
	assert_true(blk_file_is(&t, 3 * 512 + 4096, 4096, 0));
	assert_int_equal(blk_do(&t, T_IN, 3, &(struct seg){PLACE + 8192, 4096, true}, 1, &len), OK);
	assert_int_equal(len, 4097);
	assert_memory_equal(blk_at(&t, PLACE + 8192, 4096), want, 4096);
	/* The last sector, and none at all. */
	assert_int_equal(blk_data(&t, T_OUT, SECTORS - 1, PLACE, 512), OK);
	assert_int_equal(blk_data(&t, T_IN, SECTORS, PLACE, 0), OK);
	assert_int_equal(t.o.f->stats.guest_errors, 0);
	blk_close(&t);
}

static void
split(void **state)
{
	write_and_read(false);
}

static void
packed(void **state)
{
	write_and_read(true);
}

/* 2.7.4.1: nothing may be assumed of how a driver cuts header, data and status. */
static void
any_layout(void **state)
{
	struct blk_test t;
	uint8_t *m, want[1536], got[1536];
	struct seg s[] = {{PLACE, 5, false},
			  {PLACE + 100, 11 + 100, false},
			  {PLACE + 301, 1000, false},
			  {PLACE + 2000, 436, false},
			  {STATUS, 1, true}};
	struct seg in[] = {{HEADER, 16, false},
			   {PLACE + 4001, 700, true},
			   {PLACE + 6000, 837, true}};

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	m = blk_at(&t, PLACE, 8192);
	blk_pattern(want, sizeof(want), 2);
	memset(m, 0, 8192);
	m[0] = T_OUT;
	m[103] = 9; /* byte 8: the sector */
	memcpy(m + 111, want, 100);
	memcpy(m + 301, want + 100, 1000);
	memcpy(m + 2000, want + 1100, 436);
	driver_add(&t.o.d[0], s, ARRAY_SIZE(s));
	assert_int_equal(blk_wait(&t, 0), 1);
	assert_int_equal(blk_status(&t, 0), OK);
	assert_int_equal(pread(t.fd, got, 1536, 9 * 512), 1536);
	assert_memory_equal(got, want, 1536);
	/* The status is the last byte of the last piece. */
	memcpy(blk_at(&t, HEADER, 16), "\0\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0", 16);
	driver_add(&t.o.d[0], in, ARRAY_SIZE(in));
	assert_int_equal(blk_wait(&t, 0), 1537);
	assert_memory_equal(m + 4001, want, 700);
	assert_memory_equal(m + 6000, want + 700, 836);
	assert_int_equal(m[6836], OK);
	blk_close(&t);
}

static void
queues(void **state)
{
	struct blk_test t;
	unsigned int slot[4][5];

	assert_true(blk_open(&t, &(struct blk_want){.queues = 4}));
	assert_int_equal(blk_config(&t, 34, 2), 4);
	assert_true(virtio_has(t.o.v, VIRTIO_BIT(BLK_F_MQ)));
	for (unsigned int q = 0; q < 4; q++)
		for (unsigned int i = 0; i < 5; i++) {
			uint64_t gpa = PLACE + (q * 5 + i) * 512;

			memset(blk_at(&t, gpa, 512), (int)(1 + q * 5 + i), 512);
			slot[q][i] =
				blk_add(&t, q, T_OUT, q * 5 + i, &(struct seg){gpa, 512, false}, 1);
		}
	/* More on each than there are requests: all get their turn. */
	assert_non_null(t.b->free->next);
	struct blk_req *rest = t.b->free->next->next;

	t.b->free->next->next = NULL;
	for (unsigned int q = 4; q-- > 0;)
		virtio_kick(t.o.v, q);
	for (unsigned int q = 0; q < 4; q++)
		for (unsigned int i = 0; i < 5; i++) {
			assert_int_equal(blk_wait(&t, q), 1);
			assert_int_equal(blk_status(&t, slot[q][i]), OK);
		}
	for (unsigned int i = 0; i < 20; i++)
		assert_true(blk_file_is(&t, i * 512ull, 512, (uint8_t)(1 + i)));
	assert_int_equal(t.b->starved, 0);
	t.b->free->next->next = rest;
	blk_close(&t);
}

/* When a write is stable (5.2.6.2), by what is asked of the kernel. */
static void
write_cache(void **state)
{
	struct blk_test t;
	uint8_t off = 0, on = 1;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	assert_int_equal(blk_config(&t, 32, 1), 1);
	assert_int_equal(blk_data(&t, T_OUT, 0, PLACE, 512), OK);
	assert_int_equal(n_durable, 0);
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), OK);
	assert_int_equal(n_op[IORING_OP_FSYNC], 1);
	t.o.v->ops->config_write(t.o.v, 32, &off, 1);
	assert_int_equal(blk_config(&t, 32, 1), 0);
	assert_int_equal(blk_data(&t, T_OUT, 0, PLACE, 512), OK);
	assert_int_equal(n_durable, 1);
	/* Zeros are writes too: they are flushed before they are done. */
	assert_int_equal(blk_range(&t, T_ZEROES, 0, 8, 0), OK);
	assert_int_equal(n_op[IORING_OP_FSYNC], 2);
	t.o.v->ops->config_write(t.o.v, 32, &on, 1);
	assert_int_equal(blk_data(&t, T_OUT, 0, PLACE, 512), OK);
	assert_int_equal(n_durable, 1);
	/* Neither elsewhere nor at a reset does the choice stay. */
	t.o.v->ops->config_write(t.o.v, 31, &off, 1);
	t.o.v->ops->config_write(t.o.v, 32, "\0\0", 2);
	assert_int_equal(blk_config(&t, 32, 1), 1);
	t.o.v->ops->config_write(t.o.v, 32, &off, 1);
	virtio_common_write(t.o.v, 0x14, 1, 0);
	assert_int_equal(blk_config(&t, 32, 1), 1);
	blk_close(&t);

	/* A driver that knows of no cache gets none. */
	assert_true(blk_open(&t, &(struct blk_want){.queues = 1, .features = VIRTIO_F_VERSION_1}));
	n_durable = 0;
	assert_int_equal(blk_data(&t, T_OUT, 0, PLACE, 512), OK);
	assert_int_equal(n_durable, 1);
	blk_close(&t);
}

/* fsync(2) tells once that pages were dropped; the guest must not take the next answer for a yes. */
static void
failed_flush(void **state)
{
	struct blk_test t;
	struct vmm_event ev;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	break_flush = true;
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), IOERR);
	break_flush = false;
	assert_true(one_device_event(&t.o, VMM_EV_DISK_ERROR, &ev));
	assert_non_null(strstr(ev.text, "may be lost"));
	assert_int_equal(blk_data(&t, T_OUT, 0, PLACE, 512), OK);
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), IOERR);
	assert_false(one_device_event(&t.o, VMM_EV_DISK_ERROR, &ev));
	assert_int_equal(t.o.f->stats.disk_errors, 2);
	blk_close(&t);
	/* With direct I/O there are no pages. */
	if (!blk_open(&t, &(struct blk_want){.queues = 1, .direct = true}))
		return;
	break_flush = true;
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), IOERR);
	break_flush = false;
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), OK);
	blk_close(&t);
}

static void
discard(void **state)
{
	struct blk_test t;
	struct stat before, after;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	if (!virtio_has(t.o.v, VIRTIO_BIT(BLK_F_DISCARD))) {
		blk_close(&t);
		skip();
	}
	blk_fill_file(&t, 3);
	assert_int_equal(fsync(t.fd), 0);
	assert_int_equal(fstat(t.fd, &before), 0);
	assert_int_equal(blk_range(&t, T_DISCARD, 1024, 1024, 0), OK);
	assert_int_equal(fstat(t.fd, &after), 0);
	assert_int_equal(after.st_blocks, before.st_blocks - 1024);
	assert_int_equal(after.st_size, before.st_size);
	assert_true(blk_file_is(&t, 1024 * 512, 1024 * 512, 0));
	assert_false(blk_file_is(&t, 1023 * 512, 512, 0));
	assert_false(blk_file_is(&t, 2048 * 512, 512, 0));
	/* Unmapping zeros free blocks too; others do not. */
	assert_int_equal(blk_range(&t, T_ZEROES, 2048, 64, 1), OK);
	assert_int_equal(fstat(t.fd, &before), 0);
	assert_int_equal(before.st_blocks, after.st_blocks - 64);
	assert_int_equal(blk_range(&t, T_ZEROES, 3000, 65, 0), OK);
	assert_int_equal(fsync(t.fd), 0);
	assert_int_equal(fstat(t.fd, &after), 0);
	assert_int_equal(before.st_blocks, after.st_blocks);
	assert_true(blk_file_is(&t, 3000 * 512, 65 * 512, 0));
	assert_false(blk_file_is(&t, 2999 * 512, 512, 0));
	assert_false(blk_file_is(&t, 3065 * 512, 512, 0));
	blk_close(&t);
}

/* Several ranges in one request; an empty one among them. */
static void
ranges(void **state)
{
	static const struct blk_range r[] = {{8, 8, 0}, {100, 0, 0}, {4088, 8, 1}, {0, 1, 0}};
	struct blk_test t;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	blk_fill_file(&t, 4);
	memcpy(blk_at(&t, PLACE, sizeof(r)), r, sizeof(r));
	assert_int_equal(blk_data(&t, T_ZEROES, 0, PLACE, sizeof(r)), OK);
	assert_true(blk_file_is(&t, 8 * 512, 8 * 512, 0));
	assert_true(blk_file_is(&t, 4088 * 512, 8 * 512, 0));
	assert_true(blk_file_is(&t, 0, 512, 0));
	assert_false(blk_file_is(&t, 512, 512, 0));
	assert_false(blk_file_is(&t, 16 * 512, 512, 0));
	assert_false(blk_file_is(&t, 100 * 512, 512, 0));
	blk_close(&t);
}

/* A file system that can do neither gets zeros written, through the bounce buffer and in slices. */
static void
zeros_by_writing(void **state)
{
	struct blk_test t;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	blk_fill_file(&t, 5);
	t.b->disk.how_zero = WAY_WRITE;
	assert_int_equal(blk_range(&t, T_ZEROES, 7, 1025, 0), OK);
	assert_int_equal(n_op[IORING_OP_FALLOCATE], 0);
	assert_int_equal(n_op[IORING_OP_WRITE], 5); /* 512 KiB and a sector, 128 KiB a slice */
	assert_true(blk_file_is(&t, 7 * 512, 1025 * 512, 0));
	assert_false(blk_file_is(&t, 6 * 512, 512, 0));
	assert_false(blk_file_is(&t, 1032 * 512, 512, 0));
	blk_close(&t);
}

static void
identity(void **state)
{
	struct blk_test t;
	uint8_t *m;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	m = blk_at(&t, PLACE, 64);
	memset(m, 'x', 64);
	assert_int_equal(blk_data(&t, T_GET_ID, 0, PLACE, 0), OK);
	assert_int_equal(blk_do(&t, T_GET_ID, 0, &(struct seg){PLACE, 20, true}, 1, NULL), OK);
	assert_memory_equal(m, "root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x", 21);
	assert_int_equal(blk_config(&t, 0, 8), SECTORS);
	assert_int_equal(blk_config(&t, 12, 4), BLK_SEGMENTS_MAX);
	assert_int_equal(blk_config(&t, 20, 4), 512);
	assert_int_equal(blk_config(&t, 48, 4), BLK_ZEROES_MAX);
	blk_close(&t);
}

/* Memory and lengths that direct I/O does not take as they are. */
static void
direct(void **state)
{
	struct blk_test t;
	uint8_t *m, *want, *got;
	const size_t n = 300 * 512;
	struct seg s[] = {{PLACE + 1, 100000, false},
			  {PLACE + 100003, (uint32_t)n - 100000, false}};

	if (!blk_open(&t, &(struct blk_want){.queues = 1, .direct = true}))
		skip();
	want = malloc(n);
	got = malloc(n);
	m = blk_at(&t, PLACE, 2 * n);
	blk_pattern(want, n, 6);
	memcpy(m + 1, want, 100000);
	memcpy(m + 100003, want + 100000, n - 100000);
	assert_int_equal(blk_do(&t, T_OUT, 8, s, 2, NULL), OK);
	assert_int_equal(n_op[IORING_OP_WRITE], 2); /* 128 KiB a slice */
	assert_int_equal(pread(t.fd, got, n, 8 * 512), n);
	assert_memory_equal(got, want, n);
	memset(m, 0, 2 * n);
	s[0].write = s[1].write = true;
	assert_int_equal(blk_do(&t, T_IN, 8, s, 2, NULL), OK);
	assert_memory_equal(m + 1, want, 100000);
	assert_memory_equal(m + 100003, want + 100000, n - 100000);
	/* What is aligned goes straight. */
	assert_int_equal(blk_data(&t, T_IN, 8, PLACE + 0xe00, 8192), OK);
	assert_int_equal(n_op[IORING_OP_READV], 1);
	assert_memory_equal(m + 0xe00, want, 8192);
	/* Two that need the one buffer. */
	unsigned int a = blk_add(&t, 0, T_IN, 8, &(struct seg){PLACE + 3, 512, true}, 1);
	unsigned int b = blk_add(&t, 0, T_IN, 9, &(struct seg){PLACE + 517, 512, true}, 1);

	assert_int_equal(blk_wait(&t, 0), 513);
	assert_int_equal(blk_wait(&t, 0), 513);
	assert_int_equal(blk_status(&t, a) | blk_status(&t, b), OK);
	assert_memory_equal(m + 3, want, 512);
	assert_memory_equal(m + 517, want + 512, 512);
	free(want);
	free(got);
	blk_close(&t);
}

static const struct vmm_req resized = {.op = VMM_OP_DISK_RESIZED};

static void
size_change(void **state)
{
	struct blk_test t;
	struct err e = {0};

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	assert_int_equal(ftruncate(t.fd, 2 * SECTORS * 512 + 100), 0);
	/* Nobody said so yet. */
	assert_int_equal(blk_data(&t, T_IN, SECTORS, PLACE, 512), IOERR);
	assert_int_equal(virtio_blk_ops.request(t.o.dev, &resized, &e), 0);
	assert_int_equal(blk_config(&t, 0, 8), 2 * SECTORS);
	assert_int_equal(t.o.v->s.generation, 1);
	assert_int_equal(blk_data(&t, T_IN, SECTORS, PLACE, 512), OK);
	assert_int_equal(virtio_blk_ops.request(t.o.dev, &resized, &e), 0);
	assert_int_equal(t.o.v->s.generation, 1);
	assert_int_equal(ftruncate(t.fd, 512), 0);
	assert_int_equal(virtio_blk_ops.request(t.o.dev, &resized, &e), 0);
	assert_int_equal(blk_config(&t, 0, 8), 1);
	assert_int_equal(blk_data(&t, T_IN, 1, PLACE, 512), IOERR);
	assert_int_equal(virtio_blk_ops.request(t.o.dev,
						&(struct vmm_req){.op = VMM_OP_DISK_RESIZED,
								  .index = 1},
						&e),
			 -ENOSYS);
	assert_int_equal(virtio_blk_ops.request(t.o.dev, &(struct vmm_req){.op = VMM_OP_BALLOON},
						&e),
			 -ENOSYS);
	blk_close(&t);
}

/* After a pause everything that was taken is done, and nothing more is taken until it goes on. */
static void
pausing(void **state)
{
	struct blk_test t;
	unsigned int slot[4], late;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	memset(blk_at(&t, PLACE, 512), 7, 512);
	for (unsigned int i = 0; i < 4; i++)
		slot[i] = blk_add(&t, 0, T_OUT, i, &(struct seg){PLACE, 512, false}, 1);
	pthread_mutex_lock(&t.o.f->vm.lock);
	t.o.v->ops->kicked(t.o.v, 0);
	pthread_mutex_unlock(&t.o.f->vm.lock);
	assert_int_equal(t.o.v->in_flight, 4);
	virtio_blk_ops.pause(t.o.dev);
	assert_int_equal(t.o.v->in_flight, 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(driver_get(&t.o.d[0]), 1);
		assert_int_equal(blk_status(&t, slot[i]), OK);
	}
	late = blk_add(&t, 0, T_OUT, 9, &(struct seg){PLACE, 512, false}, 1);
	virtio_kick(t.o.v, 0);
	one_device_run(&t.o, 20);
	assert_int_equal(blk_status(&t, late), NONE);
	virtio_blk_ops.resume(t.o.dev);
	assert_int_equal(blk_wait(&t, 0), 1);
	assert_int_equal(blk_status(&t, late), OK);
	blk_close(&t);
}

/* A reset is not complete while the kernel may still write to the driver's buffers (4.1.4.3.1). */
static void
reset_in_flight(void **state)
{
	struct blk_test t;
	unsigned int slot;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	slot = blk_add(&t, 0, T_IN, 0, &(struct seg){PLACE, 512, true}, 1);
	pthread_mutex_lock(&t.o.f->vm.lock);
	t.o.v->ops->kicked(t.o.v, 0);
	virtio_common_write(t.o.v, 0x14, 1, 0);
	assert_int_not_equal(virtio_common_read(t.o.v, 0x14, 1), 0);
	/* Until then nothing can be set up that the old requests could spoil. */
	virtio_common_write(t.o.v, 0x14, 1, 1);
	virtio_common_write(t.o.v, 0x20, 8, 0x5000);
	assert_int_equal(t.o.v->s.queue[0].desc, DESC);
	pthread_mutex_unlock(&t.o.f->vm.lock);
	t.o.v->ops->after_kick(t.o.v);
	for (int i = 0; i < 500 && t.o.v->in_flight; i++)
		one_device_run(&t.o, 5);
	assert_int_equal(virtio_common_read(t.o.v, 0x14, 1), 0);
	assert_false(t.o.v->s.queue[0].enabled);
	/* The old driver is told nothing any more. */
	assert_int_equal(blk_status(&t, slot), NONE);
	assert_int_equal(driver_get(&t.o.d[0]), -1);
	assert_non_null(t.b->free);
	one_device_start(&t.o, false, ALL_FEATURES);
	assert_int_equal(blk_data(&t, T_IN, 0, PLACE, 512), OK);
	blk_close(&t);
}

/* The end of the machine waits for what was taken. */
static void
end_in_flight(void **state)
{
	struct blk_test t;
	int fd;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	memset(blk_at(&t, PLACE, 65536), 9, 65536);
	blk_add(&t, 0, T_OUT, 0, &(struct seg){PLACE, 65536, false}, 1);
	pthread_mutex_lock(&t.o.f->vm.lock);
	t.o.v->ops->kicked(t.o.v, 0);
	pthread_mutex_unlock(&t.o.f->vm.lock);
	fd = dup(t.fd);
	blk_close(&t);
	t.fd = fd;
	assert_true(blk_file_is(&t, 0, 65536, 9));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(split, forget_ops),
		cmocka_unit_test_setup(packed, forget_ops),
		cmocka_unit_test_setup(any_layout, forget_ops),
		cmocka_unit_test_setup(queues, forget_ops),
		cmocka_unit_test_setup(write_cache, forget_ops),
		cmocka_unit_test_setup(failed_flush, forget_ops),
		cmocka_unit_test_setup(discard, forget_ops),
		cmocka_unit_test_setup(ranges, forget_ops),
		cmocka_unit_test_setup(zeros_by_writing, forget_ops),
		cmocka_unit_test_setup(identity, forget_ops),
		cmocka_unit_test_setup(direct, forget_ops),
		cmocka_unit_test_setup(size_change, forget_ops),
		cmocka_unit_test_setup(pausing, forget_ops),
		cmocka_unit_test_setup(reset_in_flight, forget_ops),
		cmocka_unit_test_setup(end_in_flight, forget_ops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
