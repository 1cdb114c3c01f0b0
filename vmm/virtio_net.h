/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of network device share: features, configuration space, control queue (5.1). */
#ifndef CORELANE_VMM_VIRTIO_NET_H
#define CORELANE_VMM_VIRTIO_NET_H

#include "base/vmm_msg.h"
#include "vmm/virtio.h"
#include "vmm/virtq.h"

#define VIRTIO_NET_F_CSUM       VIRTIO_BIT(0) /* HOST: the driver may leave it to us, */
#define VIRTIO_NET_F_GUEST_CSUM VIRTIO_BIT(1) /* GUEST: we may leave it to the driver */
#define VIRTIO_NET_F_GUEST_TSO4 VIRTIO_BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6 VIRTIO_BIT(8)
#define VIRTIO_NET_F_GUEST_ECN  VIRTIO_BIT(9)
#define VIRTIO_NET_F_HOST_TSO4  VIRTIO_BIT(11)
#define VIRTIO_NET_F_HOST_TSO6  VIRTIO_BIT(12)
#define VIRTIO_NET_F_HOST_ECN   VIRTIO_BIT(13)
#define VIRTIO_NET_F_GUEST_USO4 VIRTIO_BIT(54)
#define VIRTIO_NET_F_GUEST_USO6 VIRTIO_BIT(55)
#define VIRTIO_NET_F_HOST_USO   VIRTIO_BIT(56)

#define VIRTIO_NET_F_MTU       VIRTIO_BIT(3)
#define VIRTIO_NET_F_MAC       VIRTIO_BIT(5)
#define VIRTIO_NET_F_MRG_RXBUF VIRTIO_BIT(15)
#define VIRTIO_NET_F_STATUS    VIRTIO_BIT(16)
#define VIRTIO_NET_F_CTRL_VQ   VIRTIO_BIT(17)
#define VIRTIO_NET_F_MQ        VIRTIO_BIT(22)

#define VIRTIO_NET_HDR_SIZE 12 /* 5.1.6, with VERSION_1 */

struct virtio_net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
} __attribute__((packed));

struct virtio_net_config { /* 5.1.4 */
	uint8_t mac[6];
	uint16_t status, max_pairs, mtu;
} __attribute__((packed));

struct virtio_net {
	struct virtio_dev v;
	unsigned int nic; /* index in the start message */
	const struct vmm_nic *cfg;
	bool link;
	unsigned int pairs; /* state: in use, as the driver asked */
	struct virtq control;
	bool has_control;
};

/*
 * Finds the @index-th NIC whose kind is @kind1 or @kind2, fills in n->nic, n->cfg and the name.
 * -ENODEV when there is none.
 */
int virtio_net_find(struct virtio_net *n, unsigned int index, uint32_t kind1, uint32_t kind2,
		    struct err *e);

uint64_t virtio_net_features(const struct virtio_net *n);
bool virtio_net_features_ok(struct virtio_dev *v, uint64_t features);
void virtio_net_config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len);
void virtio_net_set_link(struct virtio_net *n, bool up);

/* Pairs that the driver may use by its features, and where its control queue is, or -1 (5.1.2). */
unsigned int virtio_net_pairs_max(const struct virtio_net *n);
int virtio_net_control_queue(const struct virtio_net *n);

/* Takes over the control queue if the driver enabled it; before virtio_net_control(). */
void virtio_net_control_start(struct virtio_net *n);
/* Serves commands, a bounded number; true: n->pairs changed. */
bool virtio_net_control(struct virtio_net *n);

#endif
