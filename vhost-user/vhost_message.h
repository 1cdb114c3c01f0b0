/* SPDX-License-Identifier: Apache-2.0 */
/* A front end's messages as DPDK shows them before it deals with them, as far as we look at them. */
#ifndef CORELANE_VHOST_USER_VHOST_MESSAGE_H
#define CORELANE_VHOST_USER_VHOST_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

/* vhost-user protocol, "Front-end message types" */
enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	GET_VRING_BASE = 11,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	NET_SET_MTU = 20,
	GET_CONFIG = 24,
	GET_INFLIGHT_FD = 31,
	SET_INFLIGHT_FD = 32,
	SET_STATUS = 39,
	GET_STATUS = 40,
};

/* The beginning of a message, as it comes over the socket. */
struct vhost_message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint64_t mmap_size, mmap_offset;
			uint16_t num_queues, queue_size;
		} __attribute__((packed)) inflight;
	} __attribute__((packed));
} __attribute__((packed));

/* Whether our rings may go on while DPDK deals with it. */
bool message_changes_nothing(const struct vhost_message *m);

/*
 * GET_INFLIGHT_FD, SET_INFLIGHT_FD: whether the area may be for a device of @queues virtqueues. DPDK maps
 * and writes it without a look at how large it is, and would believe what it says of lengths.
 */
bool message_inflight_ok(const struct vhost_message *m, uint32_t queues, int vid);

#endif
