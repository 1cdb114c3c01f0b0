/* SPDX-License-Identifier: Apache-2.0 */
/* Between disk.c (what a disk is like) and disk_io.c (what is done with it). For nobody else. */
#ifndef CORELANE_VMM_DISK_IO_H
#define CORELANE_VMM_DISK_IO_H

#include "vmm/disk.h"

/* How a range is discarded or zeroed. The first that the disk takes is kept. */
enum disk_way {
	WAY_COMMAND,    /* BLOCK_URING_CMD_DISCARD: block devices, Linux 6.12 */
	WAY_PUNCH,      /* fallocate(2), FALLOC_FL_PUNCH_HOLE: reads as zeros afterwards */
	WAY_ZERO_RANGE, /* FALLOC_FL_ZERO_RANGE: likewise, and keeps its blocks */
	WAY_WRITE,      /* zeros */
	WAY_NONE,
};

#endif
