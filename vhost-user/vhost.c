/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/vhost.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "vhost-user/stall.h"

/*
 * Not offered: whatever would make a frame more than its bytes (checksums to finish, segments to
 * cut). Frames are plain, so they can be looked at and moved as they are. Virtio 1.2, 5.1.3.
 */
#define OFFLOADS                                                                                   \
	(1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_GSO |  \
	 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6 |                       \
	 1ull << VIRTIO_NET_F_GUEST_ECN | 1ull << VIRTIO_NET_F_GUEST_UFO |                         \
	 1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6 |                         \
	 1ull << VIRTIO_NET_F_HOST_ECN | 1ull << VIRTIO_NET_F_HOST_UFO)

/*
 * DPDK's callbacks carry a device number and nothing of ours, so the registry is this file's one
 * piece of process-wide state. The lock is never held across a call into DPDK.
 */
static struct {
	pthread_mutex_t lock;
	struct rcu *rcu;
	struct swport *port[SWITCH_PORTS_MAX];       /* open ones, by slot */
	struct swport *device[RTE_MAX_VHOST_DEVICE]; /* by device number */
} reg = {.lock = PTHREAD_MUTEX_INITIALIZER};

void
vhost_init(struct rcu *rcu)
{
	reg.rcu = rcu;
}

static struct swport *
port_at(const char *path, size_t len)
{
	for (size_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct swport *p = reg.port[i];

		if (p && strlen(p->cfg.socket) == len && memcmp(p->cfg.socket, path, len) == 0)
			return p;
	}
	return NULL;
}

static struct swport *
port_of(int vid)
{
	struct swport *p = NULL;

	pthread_mutex_lock(&reg.lock);
	if (vid >= 0 && vid < RTE_MAX_VHOST_DEVICE)
		p = reg.device[vid];
	pthread_mutex_unlock(&reg.lock);
	return p;
}

static int
on_connection(int vid)
{
	char path[SOCK_PATH_LEN + 1] = "";
	struct swport *p = NULL;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return -1;
	pthread_mutex_lock(&reg.lock);
	if (vid < RTE_MAX_VHOST_DEVICE)
		p = reg.device[vid] = port_at(path, strlen(path));
	pthread_mutex_unlock(&reg.lock);
	if (!p)
		return -1;
	atomic_store(&p->rx_mask, 0);
	atomic_store(&p->tx_mask, 0);
	if (stall_limit(path) == 0)
		log_warn("port %s: no time limit for messages on %s", p->cfg.name, path);
	return 0;
}

static void
on_connection_gone(int vid)
{
	pthread_mutex_lock(&reg.lock);
	if (vid >= 0 && vid < RTE_MAX_VHOST_DEVICE)
		reg.device[vid] = NULL;
	pthread_mutex_unlock(&reg.lock);
}

/* So that a fault in guest memory can be told apart from one of ours (sigbus.h). */
static void
note_regions(struct swport *p, int vid)
{
	struct rte_vhost_memory *mem = NULL;

	p->n_regions = 0;
	if (rte_vhost_get_mem_table(vid, &mem) < 0)
		return;
	for (uint32_t i = 0; i < mem->nregions && i < SWITCH_REGIONS_MAX; i++)
		p->region[p->n_regions++] =
			(struct swport_region){.addr = mem->regions[i].host_user_addr,
					       .size = mem->regions[i].size};
	free(mem);
}

static int
on_ready(int vid)
{
	struct swport *p = port_of(vid);
	uint64_t features = 0;

	if (!p)
		return -1;
	note_regions(p, vid);
	p->packed = rte_vhost_get_negotiated_features(vid, &features) == 0 &&
		    (features & 1ull << VIRTIO_F_RING_PACKED);
	atomic_fetch_add_explicit(&p->connects, 1, memory_order_relaxed);
	/* release: the device is whole when the polling thread sees its number */
	atomic_store_explicit(&p->vid, vid, memory_order_release);
	log_info("port %s: connected", p->cfg.name);
	return 0;
}

/* DPDK frees the device when this returns. */
static void
on_gone(int vid)
{
	struct swport *p = port_of(vid);

	if (!p)
		return;
	atomic_store_explicit(&p->vid, -1, memory_order_release);
	rcu_wait(reg.rcu);
	log_info("port %s: disconnected", p->cfg.name);
}

static int
on_ring(int vid, uint16_t ring, int enable)
{
	struct swport *p = port_of(vid);
	_Atomic uint32_t *mask;
	uint32_t bit;

	if (!p || ring / 2 >= p->cfg.queues)
		return 0; /* more rings than the port has: never served */
	bit = 1u << (ring / 2);
	mask = ring % 2 ? &p->rx_mask : &p->tx_mask;
	if (enable)
		atomic_fetch_or_explicit(mask, bit, memory_order_release);
	else
		atomic_fetch_and_explicit(mask, ~bit, memory_order_release);
	return 0;
}

static const struct rte_vhost_device_ops callbacks = {
	.new_connection = on_connection,
	.destroy_connection = on_connection_gone,
	.new_device = on_ready,
	.destroy_device = on_gone,
	.vring_state_changed = on_ring,
};

static int
enlist(struct swport *p)
{
	int r = 0;

	pthread_mutex_lock(&reg.lock);
	if (port_at(p->cfg.socket, strlen(p->cfg.socket)))
		r = -EEXIST;
	else
		reg.port[p->ref & SWITCH_SLOT_MASK] = p;
	pthread_mutex_unlock(&reg.lock);
	return r;
}

static void
delist(struct swport *p)
{
	pthread_mutex_lock(&reg.lock);
	reg.port[p->ref & SWITCH_SLOT_MASK] = NULL;
	for (size_t i = 0; i < RTE_MAX_VHOST_DEVICE; i++)
		if (reg.device[i] == p)
			reg.device[i] = NULL;
	pthread_mutex_unlock(&reg.lock);
}

int
vhost_open(struct swport *p, struct err *e)
{
	const char *path = p->cfg.socket;

	if (enlist(p) < 0)
		return err_set(e, EEXIST, "port %s: socket %s already belongs to another port",
			       p->cfg.name, path);
	if (rte_vhost_driver_register(path, RTE_VHOST_USER_CLIENT |
						    RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) < 0) {
		delist(p);
		return err_set(e, EIO, "port %s: DPDK takes no more vhost-user sockets",
			       p->cfg.name);
	}
	if (rte_vhost_driver_disable_features(path, OFFLOADS) < 0 ||
	    rte_vhost_driver_callback_register(path, &callbacks) < 0 ||
	    rte_vhost_driver_start(path) < 0) {
		vhost_close(p);
		return err_set(e, EIO, "port %s: vhost-user socket %s cannot be started",
			       p->cfg.name, path);
	}
	return 0;
}

void
vhost_close(struct swport *p)
{
	rte_vhost_driver_unregister(p->cfg.socket);
	delist(p);
}

void
vhost_count_error(const char *path, size_t len)
{
	struct swport *p;

	pthread_mutex_lock(&reg.lock);
	p = port_at(path, len);
	if (p)
		atomic_fetch_add_explicit(&p->bad_messages, 1, memory_order_relaxed);
	pthread_mutex_unlock(&reg.lock);
}
