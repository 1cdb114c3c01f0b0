/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/disk_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

#define SECTOR   512u
#define HEAD     4096u /* direct I/O of any disk takes this much, so aligned */
#define PAUSE_MS 20

static int
explain_open(int error, bool read_only, bool direct, struct err *e)
{
	switch (error) {
	case ENOENT:
		return err_set(e, error,
			       "no such file; put it beside the declaration or give an absolute "
			       "path");
	case EBUSY:
		return err_set(
			e, error,
			"the block device is mounted or used by something else on this host");
	case EINVAL:
		if (direct)
			return err_set(e, error,
				       "its file system takes no direct I/O; move it to one that "
				       "does, or say \"direct: false\"");
		break;
	case EROFS:
	case EACCES:
	case EPERM:
		if (!read_only)
			return err_sys(e, error, "cannot be written (\"readOnly: true\" may do)");
		break;
	}
	return err_sys(e, error, "cannot be opened");
}

/* What a raw disk never starts with, unless somebody forgot to convert it. */
static const char *
format_of(const char *head)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} known[] = {
		{"QFI\xfb", 4, "qcow2"},
		{"KDMV", 4, "vmdk"},
		{"vhdxfile", 8, "vhdx"},
		{"conectix", 8, "vpc"},
		{"\xfd"
		 "7zXZ",
		 6, "xz"},
		{"\x1f\x8b\x08", 3, "gzip"},
		{"\x28\xb5\x2f\xfd", 4, "zstd"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (memcmp(head, known[i].magic, known[i].len) == 0)
			return known[i].name;
	return NULL;
}

static int
check_format(int fd, struct err *e)
{
	const char *format = NULL;
	void *head;
	ssize_t n;
	int r = 0;

	if (posix_memalign(&head, HEAD, HEAD))
		return err_set(e, ENOMEM, "no memory");
	n = pread(fd, head, HEAD, 0);
	if (n < 0)
		r = err_sys(e, errno, "cannot be read");
	else if (n >= (ssize_t)SECTOR)
		format = format_of(head);
	free(head);
	if (format && strlen(format) > 4)
		return err_set(e, EINVAL,
			       "is a %s image, not a raw one; qemu-img convert -O raw makes one",
			       format);
	if (format)
		return err_set(e, EINVAL, "is packed or not raw (%s); unpack or convert it first",
			       format);
	return r;
}

/* A file's image was made for sectors of 512 bytes; a device's says itself what it is made for. */
static int
check_blocks(int fd, bool direct, struct err *e)
{
	struct statx sx;

	if (!direct || statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) < 0 ||
	    !(sx.stx_mask & STATX_DIOALIGN))
		return 0;
	if (sx.stx_dio_offset_align == 0)
		return explain_open(EINVAL, false, true, e);
	if (sx.stx_dio_offset_align > SECTOR)
		return err_set(e, EINVAL,
			       "its file system takes direct I/O in blocks of %u bytes only, the "
			       "guest's are 512; say \"direct: false\"",
			       sx.stx_dio_offset_align);
	return 0;
}

static int
check_file(int fd, bool direct, struct err *e)
{
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot be looked at");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "neither a regular file nor a block device");
	if (S_ISREG(st.st_mode))
		size = (uint64_t)st.st_size;
	else if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return err_sys(e, errno, "cannot be looked at");
	if (size == 0 || size % SECTOR)
		return err_set(e, EINVAL,
			       "has %llu bytes, which is not one or more sectors of 512 (truncate "
			       "-s %llu would do)",
			       (unsigned long long)size,
			       (unsigned long long)MAX_OF(align_up(size, SECTOR), 1u << 20));
	if (S_ISREG(st.st_mode) && check_blocks(fd, direct, e) < 0)
		return -e->code;
	return check_format(fd, e);
}

static void
rest(void)
{
	const struct timespec t = {.tv_nsec = PAUSE_MS * 1000000L};

	nanosleep(&t, NULL);
}

static int
lock(int fd, bool read_only, unsigned int *wait_ms, struct err *e)
{
	struct flock all = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(fd, F_OFD_SETLK, &all) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return err_sys(e, errno, "cannot be locked");
		if (*wait_ms < PAUSE_MS)
			return err_set(e, EBUSY,
				       "is used by another process%s; stop that first (lsof says "
				       "which it is)",
				       read_only ? " that writes to it" : "");
		*wait_ms -= PAUSE_MS;
		rest();
	}
	return 0;
}

int
disk_image_open(const char *path, bool read_only, bool direct, unsigned int wait_ms, int *ret_fd,
		struct err *e)
{
	int flags = (read_only ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0), fd, r;
	struct stat st;

	/* Opening a device node of another kind may have effects, and a FIFO would hold us up. */
	if (stat(path, &st) < 0)
		return explain_open(errno, read_only, direct, e);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "neither a regular file nor a block device");
	if (S_ISBLK(st.st_mode) && !read_only)
		flags |= O_EXCL;
	while ((fd = open(path, flags | O_NONBLOCK | O_CLOEXEC)) < 0) {
		if (errno != EBUSY || wait_ms < PAUSE_MS)
			return explain_open(errno, read_only, direct, e);
		wait_ms -= PAUSE_MS;
		rest();
	}
	/* O_NONBLOCK was for the opening; reads and writes may wait. */
	r = fcntl(fd, F_SETFL, flags & O_DIRECT) < 0 ? err_sys(e, errno, "cannot be opened") : 0;
	if (r == 0)
		r = lock(fd, read_only, &wait_ms, e);
	if (r == 0)
		r = check_file(fd, direct, e);
	if (r == 0)
		*ret_fd = fd;
	else
		close(fd);
	return r;
}
