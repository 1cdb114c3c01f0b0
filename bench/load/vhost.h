/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end's half of the vhost-user protocol (QEMU docs/interop/vhost-user.rst), blocking, with a
 * time limit on every answer: enough to bring a net device up and to notice that its back end has gone.
 * No DPDK, no libvhost. One thread a connection.
 */
#ifndef CORELANE_BENCH_LOAD_VHOST_H
#define CORELANE_BENCH_LOAD_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_GET_INFLIGHT_FD = 31,
	VHOST_SET_INFLIGHT_FD = 32,
};

#define VHOST_F_PROTOCOL_FEATURES  (1ull << 30)
#define VHOST_PROTOCOL_F_MQ        (1ull << 0)
#define VHOST_PROTOCOL_F_REPLY_ACK (1ull << 3)
#define VHOST_PROTOCOL_F_INFLIGHT  (1ull << 12)

struct vhost_mem_region {
	uint64_t gpa, size, hva, fd_offset;
};

/* Where a back end notes what it has in hand; its contents are none of the front end's business. */
struct vhost_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
	uint32_t padding; /* every implementation sends it */
};

struct vhost_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, device, driver, log;
		} addr;
		struct {
			uint32_t n, padding;
			struct vhost_mem_region region[8];
		} mem;
		struct vhost_inflight inflight;
	};
} __attribute__((packed));

#define VHOST_HEAD_BYTES 12

struct vhost {
	int fd; /* the connection, or -1 */
	uint64_t features;
	bool reply_ack;
	bool notes; /* before vhost_negotiate(): ask for in-flight notes; after: the back end has them */
};

/* Listens on @path, replacing a stale socket. Returns the fd or -errno. */
int vhost_listen(const char *path);

/* The other end, within @timeout_ms: from a listening socket, or by connecting to @path. 0 or -errno. */
int vhost_accept(struct vhost *v, int listen_fd, int timeout_ms);
int vhost_connect(struct vhost *v, const char *path, int timeout_ms);
void vhost_close(struct vhost *v);

/*
 * Agrees on features: GET and SET of both kinds, SET_OWNER. All of @wanted are required, by name in the
 * error's text. @queues is how many queue pairs are needed (MQ is asked for above 1).
 */
int vhost_negotiate(struct vhost *v, uint64_t wanted, unsigned int queues, struct err *e);

/*
 * Sends @m with at most one fd (-1: none), and waits for the acknowledgement when REPLY_ACK was agreed
 * upon. 0, -EREMOTEIO when the back end refuses, -ECONNRESET when it has gone, -ETIMEDOUT.
 */
int vhost_send(struct vhost *v, struct vhost_msg *m, int fd);
int vhost_set_u64(struct vhost *v, enum vhost_request request, uint64_t value);
int vhost_set_state(struct vhost *v, enum vhost_request request, uint32_t index, uint32_t num);
/* SET_VRING_KICK and SET_VRING_CALL. */
int vhost_set_fd(struct vhost *v, enum vhost_request request, uint32_t index, int fd);
int vhost_get_u64(struct vhost *v, enum vhost_request request, uint64_t *ret);

/* GET_INFLIGHT_FD: the back end makes room for notes; *@ret_fd is the caller's. */
int vhost_get_inflight(struct vhost *v, unsigned int queues, unsigned int queue_size,
		       struct vhost_inflight *ret, int *ret_fd);

/* Whether the back end has closed the connection. One system call. */
bool vhost_gone(const struct vhost *v);

#endif
