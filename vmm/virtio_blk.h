/* SPDX-License-Identifier: Apache-2.0 */
/* Between virtio_blk.c (the device) and virtio_blk_req.c (its requests). For nobody else. */
#ifndef CORELANE_VMM_VIRTIO_BLK_H
#define CORELANE_VMM_VIRTIO_BLK_H

#include "vmm/disk.h"
#include "vmm/virtio.h"
#include "vmm/virtq.h"

#define BLK_SECTOR_SHIFT 9
#define BLK_ID_LEN       20
#define BLK_RANGES_MAX   16 /* of one discard or write-zeroes request */
/* An iovec for each, and the driver's header and status may lie in the same pieces as the data. */
#define BLK_SEGMENTS_MAX (DISK_IOV_MAX - 2)

enum { /* virtio 1.2, 5.2.3 */
       BLK_F_SEG_MAX = 2,
       BLK_F_RO = 5,
       BLK_F_BLK_SIZE = 6,
       BLK_F_FLUSH = 9,
       BLK_F_TOPOLOGY = 10,
       BLK_F_CONFIG_WCE = 11,
       BLK_F_MQ = 12,
       BLK_F_DISCARD = 13,
       BLK_F_WRITE_ZEROES = 14,
};

struct blk_range { /* 5.2.6, struct virtio_blk_discard_write_zeroes */
	uint64_t sector;
	uint32_t n_sectors, flags;
};

struct blk;

/* A buffer of the driver's between its taking and its giving back. */
struct blk_req {
	struct disk_io io;
	struct blk *blk;
	uint16_t queue, id, slots;
	uint8_t *status;
	uint32_t written;                  /* what the driver is told when all is well */
	unsigned int n_ranges, next_range; /* n_ranges is 0 for all other requests */
	enum disk_op ranges_op;
	struct blk_range range[BLK_RANGES_MAX];
	struct blk_req *next; /* while free */
};

struct blk {
	struct virtio_dev v;
	unsigned int index; /* of the start message's disks */
	struct disk disk;
	uint64_t sectors;  /* what the driver is told */
	bool write_back;   /* the driver's choice (CONFIG_WCE) */
	bool failing;      /* the last operation failed: the next failure is only counted */
	uint64_t told_at;  /* when the last failure was put into words: clock_now_ns(), 0: never */
	bool told_lost;    /* a flush of the page cache failed, and was told */
	uint32_t starved;  /* queues that wait for a free request, one bit each */
	uint32_t signal;   /* queues that buffers were given back on */
	unsigned int turn; /* the queue that comes first when requests are scarce */
	struct virtq vq[VMM_DISK_QUEUES_MAX];
	struct blk_req *free;
	struct blk_req req[DISK_DEPTH];
	struct virtq_buffer b;
};

/* Most sectors of one range. */
#define BLK_DISCARD_MAX (1u << 21) /* 1 GiB */
#define BLK_ZEROES_MAX  (1u << 17) /* 64 MiB: some disks need them written */

/*
 * Serves queue @q until it is empty, requests run out (its bit in starved is set then), or its turn is
 * over (it is kicked then). vm->lock held, main thread.
 */
void blk_serve(struct blk *b, unsigned int q);
/* An operation of disk.h ended: struct disk's done(). Likewise. */
void blk_done(void *arg, struct disk_io *io, int result);

#endif
