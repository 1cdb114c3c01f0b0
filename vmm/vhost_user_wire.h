/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user protocol on the wire: numbers and layouts (docs/interop/vhost-user.rst of QEMU, the
 * protocol's home). Little-endian, which this machine is.
 */
#ifndef CORELANE_VMM_VHOST_USER_WIRE_H
#define CORELANE_VMM_VHOST_USER_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_NET_SET_MTU = 20,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
};

#define VU_VERSION      1u
#define VU_VERSION_MASK 3u
#define VU_REPLY        4u
#define VU_NEED_REPLY   8u

#define VU_F_PROTOCOL_FEATURES (1ull << 30)

#define VU_PF_MQ        (1ull << 0)
#define VU_PF_REPLY_ACK (1ull << 3)
#define VU_PF_MTU       (1ull << 4)
#define VU_PF_INFLIGHT  (1ull << 12)

#define VU_REGIONS_MAX 8
#define VU_FDS_MAX     8

struct vu_head {
	uint32_t request, flags, size; /* size: of what follows the head */
};

struct vu_state {
	uint32_t index, num;
};

struct vu_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vu_region {
	uint64_t gpa, size, user, mmap_offset;
};

struct vu_memory {
	uint32_t n, padding;
	struct vu_region region[VU_REGIONS_MAX];
};

struct vu_inflight {
	uint64_t mmap_size, mmap_offset;
	uint16_t queues, queue_size;
	uint32_t padding; /* what C compilers add: every implementation sends it */
};

union vu_body {
	uint64_t u64;
	struct vu_state state;
	struct vu_addr addr;
	struct vu_memory memory;
	struct vu_inflight inflight;
};

struct vu_msg {
	struct vu_head head;
	union vu_body body __attribute__((packed)); /* right behind the head */
	int fds[VU_FDS_MAX];
	unsigned int n_fds;
};

_Static_assert(sizeof(struct vu_head) == 12, "wire layout");
_Static_assert(offsetof(struct vu_msg, body) == 12, "wire layout");
_Static_assert(sizeof(struct vu_addr) == 40, "wire layout");
_Static_assert(sizeof(struct vu_inflight) == 24, "wire layout");

/* A message being received, piece by piece. */
struct vu_rx {
	struct vu_msg msg;
	unsigned int got; /* bytes of head and body so far */
};

/*
 * Sends @m (its fds stay the caller's). 0, -EAGAIN when the socket is full (nothing was sent), -errno.
 */
int vu_send(int fd, const struct vu_msg *m);

/*
 * Takes what is there without waiting. 1: rx->msg is whole, its fds are the caller's, and the next call
 * starts a new one; 0: not yet; -ENODATA: the peer closed; -EPROTO: too long or too many fds; -errno.
 */
int vu_receive(int fd, struct vu_rx *rx);
/* Closes what @rx holds and starts afresh. */
void vu_rx_reset(struct vu_rx *rx);
void vu_close_fds(struct vu_msg *m);

/* "GET_FEATURES", ...: for messages. */
const char *vu_name(uint32_t request);

#endif
