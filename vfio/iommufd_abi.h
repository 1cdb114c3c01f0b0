/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the iommufd interface that is used here, for builds against kernel headers older than
 * Linux 6.6 (Debian 12). Numbers and layouts: Documentation/userspace-api/iommufd.rst and the comments
 * of VFIO_DEVICE_BIND_IOMMUFD in the kernel's uapi/linux/vfio.h. Names are our own, so that newer
 * headers do not collide.
 */
#ifndef CORELANE_VFIO_IOMMUFD_ABI_H
#define CORELANE_VFIO_IOMMUFD_ABI_H

#include <linux/types.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

struct iommufd_ioas_alloc {
	__u32 size; /* of this struct */
	__u32 flags;
	__u32 ioas_id; /* out */
};

struct iommufd_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__aligned_u64 user_va, length, iova;
};

struct iommufd_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova, length; /* length: out, what was unmapped */
};

#define IOMMUFD_MAP_FIXED_IOVA (1u << 0)
#define IOMMUFD_MAP_WRITEABLE  (1u << 1)
#define IOMMUFD_MAP_READABLE   (1u << 2)

#define IOMMUFD_IOAS_ALLOC _IO(';', 0x81)
#define IOMMUFD_IOAS_MAP   _IO(';', 0x85)
#define IOMMUFD_IOAS_UNMAP _IO(';', 0x86)

/* Of a device's character device, /dev/vfio/devices/vfioN (Linux 6.6). */
struct iommufd_device_bind {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 devid; /* out */
};

struct iommufd_device_attach {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id; /* in: the ioas; out: the page table */
};

#define IOMMUFD_DEVICE_BIND   _IO(VFIO_TYPE, VFIO_BASE + 18)
#define IOMMUFD_DEVICE_ATTACH _IO(VFIO_TYPE, VFIO_BASE + 19)

#endif
