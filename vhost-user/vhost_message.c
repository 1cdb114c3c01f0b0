/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/vhost_message.h"

#include <linux/virtio_config.h>
#include <rte_vhost.h>

#include "base/util.h"
#include "vhost-user/ring.h"

/* A queue's part: vhost-user protocol, "Inflight I/O tracking"; DPDK makes it a multiple of 64. */
bool
message_inflight_ok(const struct vhost_message *m, uint32_t queues, int vid)
{
	uint64_t features = 0, part;

	if (m->inflight.num_queues == 0 || m->inflight.num_queues > queues ||
	    m->inflight.queue_size > RING_SIZE_MAX ||
	    rte_vhost_get_negotiated_features(vid, &features) < 0)
		return false;
	part = features >> VIRTIO_F_RING_PACKED & 1 ? 29 + 32ull * m->inflight.queue_size
						    : 16 + 16ull * m->inflight.queue_size;
	return m->request == GET_INFLIGHT_FD ||
	       m->inflight.mmap_size >= m->inflight.num_queues * align_up(part, 64);
}

bool
message_changes_nothing(const struct vhost_message *m)
{
	switch (m->request) {
	case GET_FEATURES:
	case SET_OWNER:
	case SET_VRING_ERR:
	case GET_PROTOCOL_FEATURES:
	case SET_PROTOCOL_FEATURES:
	case GET_QUEUE_NUM:
	case NET_SET_MTU:
	case GET_CONFIG:
	case SET_STATUS:
	case GET_STATUS:
		return true;
	default:
		return false;
	}
}
