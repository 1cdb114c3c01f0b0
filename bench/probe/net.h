/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net (virtio 1.2, 5.1), polled: frames in and out of queue pairs. */
#ifndef CORELANE_PROBE_NET_H
#define CORELANE_PROBE_NET_H

#include "bench/probe/args.h"
#include "bench/probe/virtio.h"

#define NICS_MAX      16
#define NET_PAIRS_MAX 8
#define NET_IRQ       0x51 /* mode=irq: the vector of every receive queue */
#define NET_FRAME_MAX 9230 /* what a frame may be put together to from merged buffers */

struct netq {
	struct virtq q;
	uint8_t *buf; /* buffer i at buf + i * stride */
	uint32_t stride;
	uint16_t held; /* rx: taken buffers, not yet given back */
	uint16_t hold[VRING_SIZE_MAX];
	int16_t current;                         /* tx: buffer that nic_tx_buf() gave out, or -1 */
	uint16_t spare[VRING_SIZE_MAX], n_spare; /* tx: buffers that nobody has */
	uint16_t owner[VRING_SIZE_MAX];          /* ring id to buffer */
};

struct nic {
	struct virtio v;
	uint8_t mac[6];
	uint16_t mtu, n_pairs, max_pairs;
	bool mrg, chain;
	struct netq rx[NET_PAIRS_MAX], tx[NET_PAIRS_MAX];
	struct virtq ctrl;
	uint8_t *ctrl_buf;
	const char *error; /* the device's first offence */
	uint64_t merged;
	uint8_t whole[NET_FRAME_MAX];
};

/* Takes the @pci device up. NULL, or what is wrong. */
const char *nic_open(struct nic *n, struct pci_dev *pci, const struct args *a);

/*
 * The next frame of queue @q: NULL when there is none, or when the device broke the rules (n->error).
 * Valid until the next call for that queue.
 */
uint8_t *nic_rx(struct nic *n, unsigned int q, uint32_t *ret_len);

/* Room for a frame, or NULL while the ring is full. The same room until nic_tx_put(). */
uint8_t *nic_tx_buf(struct nic *n, unsigned int q);
void nic_tx_put(struct nic *n, unsigned int q, uint32_t len);
/* Shows the device what was put. */
void nic_tx_flush(struct nic *n, unsigned int q);
/* How many frames the device still has. */
unsigned int nic_tx_pending(struct nic *n);
/* Exits that we caused by notifying. */
uint64_t nic_kicks(const struct nic *n);

#endif
