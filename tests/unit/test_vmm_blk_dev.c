/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk on a block device: a loop device over a file, with blocks of its own size. Needs root. */
#include "tests/unit/vmm_blk.h"

#include <linux/loop.h>
#include <sys/ioctl.h>

#include "vmm/disk_io.h"

/* The kernel's answer to the command that not every kernel has. */
static bool no_command;
static unsigned int n_commands, n_fallocates;

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int
__wrap_io_uring_submit(struct io_uring *ring)
{
	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *s = &ring->sq.sqes[i & ring->sq.ring_mask];

		n_commands += s->opcode == IORING_OP_URING_CMD;
		n_fallocates += s->opcode == IORING_OP_FALLOCATE;
		if (no_command && s->opcode == IORING_OP_URING_CMD)
			s->cmd_op = 0x12ff;
	}
	return __real_io_uring_submit(ring);
}

struct loop_device {
	int fd, file;
	char path[32], image[32];
};

static bool
loop_open(struct loop_device *l, unsigned int block)
{
	struct loop_config c = {.block_size = block};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), n;

	if (control < 0)
		return false;
	strcpy(l->image, "/tmp/corelane-loop.XXXXXX");
	l->file = mkostemp(l->image, O_CLOEXEC);
	assert_true(l->file >= 0);
	assert_int_equal(ftruncate(l->file, SECTORS * 512), 0);
	c.fd = (uint32_t)l->file;
	/* Somebody else may take the number in between. */
	for (int i = 0; i < 10; i++) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(l->path, sizeof(l->path), "/dev/loop%d", n);
		l->fd = open(l->path, O_RDWR | O_CLOEXEC);
		if (l->fd >= 0 && ioctl(l->fd, LOOP_CONFIGURE, &c) == 0) {
			close(control);
			return true;
		}
		if (l->fd >= 0)
			close(l->fd);
	}
	close(control);
	close(l->file);
	unlink(l->image);
	return false;
}

static void
loop_close(struct loop_device *l)
{
	assert_int_equal(ioctl(l->fd, LOOP_CLR_FD), 0);
	close(l->fd);
	close(l->file);
	unlink(l->image);
}

/* The fixture of files, with the device in the place of its file. */
static void
open_on(struct blk_test *t, const struct loop_device *l, int flags)
{
	struct fake *f = fake_new();

	*t = (struct blk_test){.fd = dup(l->file)};
	f->start.n_disks = f->start.n_fds = 1;
	f->start.disk[0] = (struct vmm_disk){.name = "root", .queues = 1};
	f->start.fd[0].role = VMM_FD_DISK;
	f->vm.fds[0] = open(l->path, O_RDWR | O_CLOEXEC | flags);
	assert_true(f->vm.fds[0] >= 0);
	one_device_init(&t->o, f, &virtio_blk_ops);
	t->b = container_of(t->o.v, struct blk, v);
	one_device_start(&t->o, false, ALL_FEATURES);
}

static void
blocks(unsigned int block, int flags)
{
	const uint32_t n = block / 512;
	struct loop_device l;
	struct blk_test t;

	if (!loop_open(&l, block)) {
		print_message("skipped: no loop device can be had here: needs root\n");
		skip();
	}
	open_on(&t, &l, flags);
	assert_int_equal(blk_config(&t, 0, 8), SECTORS);
	assert_int_equal(blk_config(&t, 20, 4), block);
	memset(blk_at(&t, PLACE, block), 5, block);
	assert_int_equal(blk_data(&t, T_OUT, n, PLACE, block), OK);
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), OK);
	assert_true(blk_file_is(&t, block, block, 5));
	/* Memory that direct I/O does not take. */
	memset(blk_at(&t, PLACE, 8192), 6, 8192);
	assert_int_equal(blk_data(&t, T_OUT, 8 * n, PLACE + 1, block), OK);
	assert_int_equal(blk_data(&t, T_IN, n, PLACE + 3, block), OK);
	assert_int_equal(*(uint8_t *)blk_at(&t, PLACE + 2, 1), 6);
	assert_int_equal(*(uint8_t *)blk_at(&t, PLACE + 3, 1), 5);
	/* Parts of blocks: refused, and counted as the driver's mistake. */
	if (n > 1) {
		assert_int_equal(blk_data(&t, T_OUT, 1, PLACE, block), IOERR);
		assert_int_equal(blk_data(&t, T_IN, 0, PLACE, 512), IOERR);
		assert_int_equal(blk_range(&t, T_ZEROES, n, 1, 0), IOERR);
		assert_int_equal(t.o.f->stats.guest_errors, 3);
	}
	assert_int_equal(t.o.f->stats.disk_errors, 0);
	one_device_fini(&t.o);
	close(t.fd);
	loop_close(&l);
}

static void
blocks_of_512(void **state)
{
	blocks(512, O_DIRECT);
	blocks(512, 0);
}

static void
blocks_of_4096(void **state)
{
	blocks(4096, O_DIRECT);
	blocks(4096, 0);
}

/* A command where the kernel has it, a hole where it has not; the device's file loses its blocks. */
static void
discard(void **state)
{
	struct loop_device l;
	struct blk_test t;
	struct stat before, after;

	if (!loop_open(&l, 512)) {
		print_message("skipped: no loop device can be had here: needs root\n");
		skip();
	}
	open_on(&t, &l, O_DIRECT);
	if (!virtio_has(t.o.v, VIRTIO_BIT(BLK_F_DISCARD))) {
		one_device_fini(&t.o);
		close(t.fd);
		loop_close(&l);
		skip();
	}
	for (int i = 0; i < 2; i++) {
		no_command = i;
		n_commands = n_fallocates = 0;
		t.b->disk.how_discard = WAY_COMMAND;
		blk_fill_file(&t, 7);
		assert_int_equal(fsync(t.fd), 0);
		assert_int_equal(fstat(t.fd, &before), 0);
		assert_int_equal(blk_range(&t, T_DISCARD, 1024, 1024, 0), OK);
		assert_int_equal(fstat(t.fd, &after), 0);
		assert_int_equal(after.st_blocks, before.st_blocks - 1024);
		assert_int_equal(n_commands, 1);
		if (i) { /* remembered */
			assert_int_equal(n_fallocates, 1);
			assert_int_equal(blk_range(&t, T_DISCARD, 0, 8, 0), OK);
			assert_int_equal(n_commands, 1);
			assert_int_equal(n_fallocates, 2);
		}
	}
	no_command = false;
	blk_fill_file(&t, 8);
	assert_int_equal(blk_range(&t, T_ZEROES, 16, 16, 0), OK);
	assert_int_equal(blk_range(&t, T_ZEROES, 64, 16, 1), OK);
	assert_int_equal(blk_data(&t, T_FLUSH, 0, PLACE, 0), OK);
	assert_true(blk_file_is(&t, 16 * 512, 16 * 512, 0));
	assert_true(blk_file_is(&t, 64 * 512, 16 * 512, 0));
	assert_false(blk_file_is(&t, 15 * 512, 512, 0));
	assert_false(blk_file_is(&t, 32 * 512, 512, 0));
	assert_int_equal(t.o.f->stats.disk_errors, 0);
	one_device_fini(&t.o);
	close(t.fd);
	loop_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_512),
		cmocka_unit_test(blocks_of_4096),
		cmocka_unit_test(discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
