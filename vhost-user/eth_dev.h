/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's devices (NICs, taps, af_packet, af_xdp, rings, bonds of them): found, configured, started,
 * given back. Nothing here is on a packet path. Control thread only.
 */
#ifndef CORELANE_VHOST_USER_ETH_DEV_H
#define CORELANE_VHOST_USER_ETH_DEV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/port.h"

struct rte_mempool;

#define ETH_DESCRIPTORS 512 /* of a ring; fewer where the device has fewer */
#define ETH_NAME_LEN    64  /* RTE_ETH_NAME_MAX_LEN */

struct eth_dev {
	uint16_t id;      /* DPDK's port number */
	uint16_t queues;  /* pairs */
	uint32_t room;    /* bytes of a buffer for a frame */
	bool chains_out;  /* takes frames in several buffers */
	bool started;     /* between eth_dev_start() and eth_dev_stop() */
	uint8_t mac[6];   /* the device's own address */
	uint16_t members; /* of a bond */
	uint16_t member[PORT_MEMBERS_MAX];
	uint16_t primary; /* index of the one that active-backup uses */
	struct rte_mempool *pool;
	int wake_fd[PORT_QUEUES_MAX]; /* readable when a frame came, where asked for; -1: none */
	bool wake_drain;              /* it is an eventfd, to be read; else the device's own */
};

/*
 * Whether @device (port_cfg.device) names something that this switch has a driver for, in words
 * otherwise. Looks at the text only.
 */
int eth_dev_check(const char *device, struct err *e);

/* Whether it is there now: a PCI device bound to a driver of user space, an interface of the kernel. */
bool eth_dev_present(const char *device);

/*
 * Finds the device and takes it: *@ret is its port number. -ENODEV, -EBUSY (another port has it),
 * -EIO with DPDK's own words.
 */
int eth_dev_probe(const char *device, uint16_t mtu, uint16_t *ret, struct err *e);

/* Closes the port and gives the device back; a device that is gone already is no error. */
void eth_dev_remove(uint16_t id);

/*
 * Configures @d->id for up to @d->queues queue pairs (reduced to what it has) and frames of @mtu,
 * and starts it. Buffers are new ones, on the device's NUMA node, called @name. On failure the
 * device is as it was.
 */
int eth_dev_start(struct eth_dev *d, const char *name, uint16_t mtu, struct err *e);

/*
 * Buffers of a device that stopped may still be on their way out of others, so their memory is given
 * back when all of them have come home.
 */
#define ETH_POOLS_MAX 32

struct eth_pools {
	struct rte_mempool *retired[ETH_POOLS_MAX];
};

void eth_pools_retire(struct eth_pools *pools, struct rte_mempool *pool);
/* Now and then. */
void eth_pools_sweep(struct eth_pools *pools);

/* Whether two texts name the same device. */
bool eth_dev_same(const char *a, const char *b);

/* Whether its link is up now. */
bool eth_dev_link(uint16_t id);

/* Frames that it lost before we saw them. */
uint64_t eth_dev_missed(const struct eth_dev *d);

/* Stops it; no lane uses it any more. d->pool is the caller's to retire. */
void eth_dev_stop(struct eth_dev *d);

#endif
