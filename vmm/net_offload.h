/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segmentation that a guest leaves to the host's kernel, or the kernel to the guest (virtio
 * 1.2, 5.1.6), through a tap with IFF_VNET_HDR. Each frame says in its header what is left to do; either
 * side may only leave what was negotiated.
 */
#ifndef CORELANE_VMM_NET_OFFLOAD_H
#define CORELANE_VMM_NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/virtio_net.h"

/* All that can be left to the other side (5.1.3). */
#define NET_OFFLOADS                                                                               \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |                   \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_GUEST_USO4 |              \
	 VIRTIO_NET_F_GUEST_USO6 | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |               \
	 VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_HOST_USO)

/* Of these, what back ends have: DPDK's vhost library knows no USO. */
#define NET_OFFLOADS_VHOST                                                                         \
	(NET_OFFLOADS &                                                                            \
	 ~(VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6 | VIRTIO_NET_F_HOST_USO))

/* What this tap can do, as feature bits; it does nothing yet. -errno: it has no offloads at all. */
int net_offload_find(int tap, uint64_t *ret_features);
/* 5.1.3.1: which bits need others. */
bool net_offload_ok(uint64_t features);
/* From now on the tap leaves to the driver what @features allow; 0: nothing. 0 or -errno. */
int net_offload_set(int tap, uint64_t features);

/*
 * Checks the header of a frame of @len bytes (without it) from the driver, and makes it fit to be
 * passed on. NULL, or which rule it breaks.
 */
const char *net_offload_out(struct virtio_net_hdr *h, uint64_t features, uint64_t len);
/* The same for one from the tap. false: it asks the driver for what it did not offer. */
bool net_offload_in(struct virtio_net_hdr *h, uint64_t features);

#endif
