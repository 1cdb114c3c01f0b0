/* SPDX-License-Identifier: Apache-2.0 */
/* The calls by which this folder reaches the kernel's VFIO. A test puts a device of its own behind them. */
#ifndef CORELANE_VFIO_IO_H
#define CORELANE_VFIO_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vfio_io {
	int (*ioctl)(int fd, unsigned long request, void *arg); /* >= 0 or -errno */
	/* All of [@offset, +@len): 0 or -errno; fewer bytes are -EIO. */
	int (*read)(int fd, uint64_t offset, void *buf, size_t len);
	int (*write)(int fd, uint64_t offset, const void *buf, size_t len);
	/* Shared, readable and writable. 0 or -errno. */
	int (*map)(int fd, uint64_t offset, size_t len, void **ret);
	void (*unmap)(void *p, size_t len);
	void (*close)(int fd);
};

extern const struct vfio_io vfio_kernel;

#endif
