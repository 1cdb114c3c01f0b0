/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: what a hostile driver asks for, and what a host that fails answers. */
#include "tests/unit/vmm_blk.h"

#include <sched.h>
#include <sys/mount.h>

#include "vmm/virtio_pci.h"

static void
must_be(struct blk_test *t, uint8_t got, uint8_t want, uint64_t errors)
{
	assert_int_equal(got, want);
	assert_int_equal(t->o.f->stats.guest_errors, errors);
	assert_int_equal(t->o.f->stats.disk_errors, 0);
	assert_false(t->o.v->s.status & VIRTIO_S_NEEDS_RESET);
}

static void
places(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{SECTORS, 512},    {SECTORS - 1, 1024}, {~0ull, 512},
		{1ull << 55, 512}, {1ull << 63, 512},   {0, 511},
		{0, 513},          {~0ull - 1, 1024},   {0, 1},
		{SECTORS + 1, 0},
	};
	struct blk_test t;
	uint64_t n = 0;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	blk_fill_file(&t, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		must_be(&t, blk_data(&t, T_OUT, bad[i].sector, PLACE, bad[i].len), IOERR, ++n);
		must_be(&t, blk_data(&t, T_IN, bad[i].sector, PLACE, bad[i].len), IOERR, ++n);
	}
	must_be(&t, blk_data(&t, T_IN, 0, PLACE, 512), OK, n);
	blk_close(&t);
}

static void
types(void **state)
{
	static const uint32_t unknown[] = {2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 1u << 31, ~0u};
	struct blk_test t;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++)
		must_be(&t, blk_data(&t, unknown[i], 0, PLACE, 512), UNSUPP, 0);
	blk_close(&t);
	/* Known, and not negotiated. */
	assert_true(blk_open(&t, &(struct blk_want){.queues = 1, .features = VIRTIO_F_VERSION_1}));
	blk_fill_file(&t, 2);
	must_be(&t, blk_range(&t, T_DISCARD, 0, 8, 0), UNSUPP, 0);
	must_be(&t, blk_range(&t, T_ZEROES, 0, 8, 0), UNSUPP, 0);
	assert_false(blk_file_is(&t, 0, 512, 0));
	blk_close(&t);
}

static void
bad_ranges(void **state)
{
	static const struct blk_range bad[] = {
		{0, SECTORS + 1, 0},        {SECTORS, 1, 0}, {~0ull, 1, 0}, {1ull << 55, 8, 0},
		{0, BLK_ZEROES_MAX + 1, 0}, {0, ~0u, 0},
	};
	static const uint32_t lengths[] = {0, 1, 15, 17, 16 * BLK_RANGES_MAX + 16};
	struct blk_test t;
	uint64_t n = 0;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	blk_fill_file(&t, 3);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		must_be(&t, blk_range(&t, T_ZEROES, bad[i].sector, bad[i].n_sectors, 0), IOERR,
			++n);
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++)
		must_be(&t, blk_data(&t, T_DISCARD, 0, PLACE, lengths[i]), IOERR, ++n);
	must_be(&t, blk_range(&t, T_DISCARD, 0, 8, 1), UNSUPP, n);
	must_be(&t, blk_range(&t, T_ZEROES, 0, 8, 2), UNSUPP, n);
	must_be(&t, blk_range(&t, T_ZEROES, 0, 8, ~0u), UNSUPP, n);
	/* A good range before a bad one: nothing is done. */
	static const struct blk_range two[] = {{0, 8, 0}, {SECTORS, 8, 0}};

	memcpy(blk_at(&t, PLACE, sizeof(two)), two, sizeof(two));
	must_be(&t, blk_data(&t, T_ZEROES, 0, PLACE, sizeof(two)), IOERR, ++n);
	assert_false(blk_file_is(&t, 0, 512, 0));
	blk_close(&t);
}

static void
read_only(void **state)
{
	struct blk_test t;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1, .read_only = true}));
	blk_fill_file(&t, 4);
	assert_true(t.o.v->ops->features(t.o.v) & VIRTIO_BIT(BLK_F_RO));
	assert_false(t.o.v->ops->features(t.o.v) &
		     (VIRTIO_BIT(BLK_F_DISCARD) | VIRTIO_BIT(BLK_F_WRITE_ZEROES)));
	must_be(&t, blk_data(&t, T_OUT, 0, PLACE, 512), IOERR, 1);
	must_be(&t, blk_range(&t, T_ZEROES, 0, 8, 0), UNSUPP, 1);
	must_be(&t, blk_data(&t, T_FLUSH, 0, PLACE, 0), OK, 1);
	must_be(&t, blk_data(&t, T_IN, 0, PLACE, 512), OK, 1);
	assert_false(blk_file_is(&t, 0, 512, 0));
	blk_close(&t);
}

/* No place for an answer, or nothing to answer: the device is broken until it is reset. */
static void
no_answer(void **state)
{
	static const struct seg bad[][2] = {
		{{HEADER, 16, false}, {PLACE, 512, false}}, /* no status */
		{{HEADER, 15, false}, {STATUS, 1, true}},   /* a short header */
		{{STATUS, 1, true}, {STATUS, 1, true}},     /* none */
	};
	struct blk_test t;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
		driver_add(&t.o.d[0], bad[i], 2);
		virtio_kick(t.o.v, 0);
		one_device_run(&t.o, 20);
		assert_true(t.o.v->s.status & VIRTIO_S_NEEDS_RESET);
		assert_int_equal(t.o.f->stats.guest_errors, 1);
		assert_int_equal(t.o.v->in_flight, 0);
		virtio_common_write(t.o.v, 0x14, 1, 0);
		one_device_start(&t.o, false, ALL_FEATURES);
		assert_int_equal(blk_data(&t, T_IN, 0, PLACE, 512), OK);
		blk_close(&t);
	}
}

/* More pieces than seg_max allows, by an indirect table of a large queue. */
static void
too_many_pieces(void **state)
{
	const unsigned int pieces = DISK_IOV_MAX + 1;
	struct blk_test t;
	struct split_desc *table, *ring;
	struct split_avail *avail;
	struct virtio_queue *q;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	virtio_common_write(t.o.v, 0x14, 1, 0);
	t.o.v->s.features = FEATURES(false, false);
	q = &t.o.v->s.queue[0];
	*q = (struct virtio_queue){256, VIRTIO_NO_VECTOR, true, DESC, DESC + 0x1000, DESC + 0x2000};
	t.o.v->started = true;
	t.o.v->ops->start(t.o.v);
	memset(blk_at(&t, HEADER, 16), 0, 16);
	table = blk_at(&t, PLACE, 256 * sizeof(*table));
	table[0] = (struct split_desc){HEADER, 16, DESC_NEXT, 1};
	for (uint16_t i = 1; i <= pieces; i++)
		table[i] = (struct split_desc){PLACE + 0x10000 + i * 512ull, 512,
					       DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)};
	table[pieces + 1] = (struct split_desc){STATUS, 1, DESC_WRITE, 0};
	ring = blk_at(&t, q->desc, 16);
	avail = blk_at(&t, q->driver, 16);
	ring[0] = (struct split_desc){PLACE, (pieces + 2) * (uint32_t)sizeof(*table), DESC_INDIRECT,
				      0};
	avail->idx = 1;
	virtio_kick(t.o.v, 0);
	one_device_run(&t.o, 20);
	must_be(&t, blk_status(&t, 0), IOERR, 1);
	/* As many as there is room for. */
	table[1].flags = DESC_WRITE | DESC_NEXT;
	table[1].next = 3;
	avail->idx = 2;
	virtio_kick(t.o.v, 0);
	for (int i = 0; i < 100 && blk_status(&t, 0) != OK; i++)
		one_device_run(&t.o, 5);
	must_be(&t, blk_status(&t, 0), OK, 1);
	blk_close(&t);
}

static unsigned int
events(struct blk_test *t, struct vmm_event *ret)
{
	unsigned int n = 0;

	while (one_device_event(&t->o, VMM_EV_DISK_ERROR, ret))
		n++;
	return n;
}

/* The file lost its end: an error to the guest, the first of a row to the operator, and all are counted. */
static void
file_too_short(void **state)
{
	struct blk_test t;
	struct vmm_event ev;

	assert_true(blk_open(&t, &(struct blk_want){.queues = 1}));
	blk_fill_file(&t, 5);
	assert_int_equal(ftruncate(t.fd, 1024 * 512 + 100), 0);
	assert_int_equal(blk_data(&t, T_IN, 1023, PLACE, 512), OK);
	assert_int_equal(blk_data(&t, T_IN, 1023, PLACE, 1024), IOERR);
	assert_int_equal(events(&t, &ev), 1);
	assert_int_equal(ev.index, 0);
	assert_non_null(strstr(ev.text, "disk root: read of"));
	assert_non_null(strstr(ev.text, "shorter"));
	for (int i = 0; i < 10; i++)
		assert_int_equal(blk_data(&t, T_IN, 2000, PLACE, 512), IOERR);
	assert_int_equal(events(&t, &ev), 0);
	/* Nor does a success in between make it tell each. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(blk_data(&t, T_IN, 0, PLACE, 512), OK);
		assert_int_equal(blk_data(&t, T_IN, 2000, PLACE, 512), IOERR);
	}
	assert_int_equal(events(&t, &ev), 0);
	assert_int_equal(t.o.f->stats.disk_errors, 21);
	assert_int_equal(t.o.f->stats.guest_errors, 0);
	blk_close(&t);
}

/* A file system that is full; it goes on when there is room again. */
static void
disk_full(void **state)
{
	char dir[] = "/tmp/corelane-full.XXXXXX", path[64];
	struct blk_test t;
	struct vmm_event ev;
	unsigned int ok = 0;
	uint8_t r;
	int fd;

	assert_non_null(mkdtemp(dir));
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0) {
		rmdir(dir);
		print_message("skipped: no file system can be mounted here: needs root\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/ballast", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 512 << 10), 0);
	assert_true(blk_open(&t, &(struct blk_want){.queues = 1, .dir = dir}));
	memset(blk_at(&t, PLACE, 65536), 6, 65536);
	while ((r = blk_data(&t, T_OUT, ok * 128, PLACE, 65536)) == OK && ok < 16)
		ok++;
	assert_int_equal(r, IOERR);
	assert_in_range(ok, 1, 8);
	assert_int_equal(events(&t, &ev), 1);
	assert_non_null(strstr(ev.text, "No space left on device"));
	assert_non_null(strstr(ev.text, "make room"));
	assert_true(blk_file_is(&t, 0, ok * 65536, 6));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(blk_data(&t, T_OUT, ok * 128, PLACE, 65536), OK);
	assert_true(blk_file_is(&t, 0, (ok + 1) * 65536, 6));
	blk_close(&t);
	close(fd);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	rmdir(dir);
}

/* What is handed in may be anything. */
static void
bad_fd(void **state)
{
	static const struct {
		const char *path;
		int flags;
		bool read_only;
		const char *words;
	} bad[] = {
		{NULL, 0, false, "was not handed in"},
		{"/dev/null", O_RDWR, false, "neither a regular file nor a block device"},
		{"/tmp", O_RDONLY, true, "neither a regular file nor a block device"},
		{"/proc/self/exe", O_RDONLY, false, "not open for reading and writing"},
		{"empty", O_RDWR, false, "it is empty"},
		{"empty", O_WRONLY, true, "not open for reading"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fake *f = fake_new();
		struct one_device o;
		struct err e = {0};
		char path[] = "/tmp/corelane-blk.XXXXXX";
		int fd = -1;

		f->start.n_disks = f->start.n_fds = 1;
		f->start.disk[0] = (struct vmm_disk){.name = "root",
						     .queues = 1,
						     .read_only = bad[i].read_only};
		f->start.fd[0].role = VMM_FD_DISK;
		if (bad[i].path && strcmp(bad[i].path, "empty") == 0) {
			fd = mkstemp(path);
			f->vm.fds[0] = open(path, bad[i].flags | O_CLOEXEC);
			unlink(path);
		} else if (bad[i].path) {
			f->vm.fds[0] = open(bad[i].path, bad[i].flags | O_CLOEXEC);
		}
		assert_true(one_device_try(&o, f, &virtio_blk_ops, &e) < 0);
		if (!strstr(e.text, bad[i].words) || !strstr(e.text, "disk root"))
			fail_msg("%s", e.text);
		if (fd >= 0)
			close(fd);
		fake_free(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),         cmocka_unit_test(types),
		cmocka_unit_test(bad_ranges),     cmocka_unit_test(read_only),
		cmocka_unit_test(no_answer),      cmocka_unit_test(too_many_pieces),
		cmocka_unit_test(file_too_short), cmocka_unit_test(disk_full),
		cmocka_unit_test(bad_fd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
