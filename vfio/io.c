/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/io.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int
do_ioctl(int fd, unsigned long request, void *arg)
{
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static int
do_read(int fd, uint64_t offset, void *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int
do_write(int fd, uint64_t offset, const void *buf, size_t len)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int
do_map(int fd, uint64_t offset, size_t len, void **ret)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

static void
do_unmap(void *p, size_t len)
{
	(void)munmap(p, len);
}

static void
do_close(int fd)
{
	(void)close(fd);
}

const struct vfio_io vfio_kernel = {
	.ioctl = do_ioctl,
	.read = do_read,
	.write = do_write,
	.map = do_map,
	.unmap = do_unmap,
	.close = do_close,
};
