/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device on PCI, modern (virtio 1.2, 4.1): find it, agree on features, give it rings. */
#ifndef CORELANE_PROBE_VIRTIO_H
#define CORELANE_PROBE_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/probe/pci.h"
#include "bench/probe/vring.h"

#define VIRTIO_ID_NET     1
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG     4

#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VIRTIO_F_RING_PACKED     (1ull << 34)

/* Offsets in the common configuration structure (4.1.4.3). */
#define VCOMMON_DFSELECT   0
#define VCOMMON_DF         4
#define VCOMMON_GFSELECT   8
#define VCOMMON_GF         12
#define VCOMMON_MSIX       16
#define VCOMMON_NUM_QUEUES 18
#define VCOMMON_STATUS     20
#define VCOMMON_GENERATION 21
#define VCOMMON_QSELECT    22
#define VCOMMON_QSIZE      24
#define VCOMMON_QMSIX      26
#define VCOMMON_QENABLE    28
#define VCOMMON_QNOTIFYOFF 30
#define VCOMMON_QDESC      32
#define VCOMMON_QDRIVER    40
#define VCOMMON_QDEVICE    48
#define VCOMMON_SIZE       56

struct virtio {
	struct pci_dev *pci;
	uint16_t id;
	uint64_t common, notify, isr, config; /* addresses; 0: it has none */
	uint32_t notify_len, notify_mul, config_len;
	uint64_t features; /* agreed */
	uint16_t vector; /* MSI-X entry for the queues that are set up next, or VIRTIO_NO_VECTOR */
};

#define VIRTIO_NO_VECTOR 0xffff

/* A queue: a ring and the address to kick. */
struct virtq {
	struct vring ring;
	uint64_t notify;
	uint16_t index;
	uint64_t kicks;
};

/* Whether @d is a virtio device of type @id, or of any type (0). */
bool virtio_is(const struct pci_dev *d, uint16_t id);

/* All return NULL, or what is wrong. */

/* Reads the capabilities and resets the device. */
const char *virtio_open(struct virtio *v, struct pci_dev *pci);
/* Takes what is offered of @wanted; @needed must be among it. Up to FEATURES_OK. */
const char *virtio_features(struct virtio *v, uint64_t wanted, uint64_t needed);
/* Gives the queue a ring of at most @size; the ring's kind follows the features. */
const char *virtio_queue(struct virtio *v, struct virtq *q, uint16_t index, uint16_t size);
const char *virtio_ready(struct virtio *v); /* DRIVER_OK */

uint64_t virtio_offered(const struct virtio *v);
/* Publishes and, when the device wants it, kicks. */
void virtq_kick(struct virtq *q);

#endif
