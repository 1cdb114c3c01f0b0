/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/vhost.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/virtio_net.h>
#include <rte_vhost.h>

#include "base/fdmsg.h"
#include "base/log.h"
#include "vhost-user/port_library.h"
#include "vhost-user/port_log.h"
#include "vhost-user/stall.h"
#include "vhost-user/vhost_attach.h"

/*
 * Offered only to ports that are declared so: whatever makes a frame more than its bytes (checksums to
 * finish, segments to cut). Virtio 1.2, 5.1.3.
 */
#define OFFLOADS                                                                                   \
	(1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM |                             \
	 1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6 |                       \
	 1ull << VIRTIO_NET_F_GUEST_ECN | 1ull << VIRTIO_NET_F_HOST_TSO4 |                         \
	 1ull << VIRTIO_NET_F_HOST_TSO6 | 1ull << VIRTIO_NET_F_HOST_ECN)
/*
 * Never: UDP fragmentation is no more in Linux either, GSO was before all the others. (Segments of UDP,
 * USO, are not in DPDK's list, and it refuses a driver that chose something else.)
 */
#define OFFLOADS_OLD                                                                               \
	(1ull << VIRTIO_NET_F_GSO | 1ull << VIRTIO_NET_F_GUEST_UFO | 1ull << VIRTIO_NET_F_HOST_UFO)

/*
 * DPDK's callbacks carry a device number and nothing of ours, so the registry is this file's one
 * piece of process-wide state. The lock is never held across a call into DPDK.
 */
static struct {
	pthread_mutex_t lock;
	struct rcu *rcu;
	bool library;                                /* not our own rings */
	struct swport *port[SWITCH_PORTS_MAX];       /* open ones, by slot */
	struct swport *device[RTE_MAX_VHOST_DEVICE]; /* by device number */
} reg = {.lock = PTHREAD_MUTEX_INITIALIZER};

void
vhost_init(struct rcu *rcu)
{
	reg.rcu = rcu;
}

void
vhost_use_library(bool library)
{
	reg.library = library;
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

/* DPDK keeps no pointer of ours with a device, so its port is looked for. */
static enum rte_vhost_msg_result
before_message(int vid, void *msg)
{
	struct swport *p = port_of(vid);

	return p ? attach_before(p, vid, msg) : RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static enum rte_vhost_msg_result
after_message(int vid, void *msg)
{
	struct swport *p = port_of(vid);

	(void)msg;
	return p ? attach_after(p, vid) : RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops messages = {
	.pre_msg_handle = before_message,
	.post_msg_handle = after_message,
};

static int
on_connection(int vid)
{
	char path[SOCK_PATH_LEN + 1] = "";
	struct swport *p = NULL;
	bool taken = false;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return -1;
	pthread_mutex_lock(&reg.lock);
	p = port_at(path, strlen(path));
	/* a socket of ours takes any number; a port is one */
	for (size_t i = 0; p && i < RTE_MAX_VHOST_DEVICE; i++)
		taken |= reg.device[i] == p;
	if (vid >= RTE_MAX_VHOST_DEVICE)
		p = NULL;
	else if (p && !taken)
		reg.device[vid] = p;
	pthread_mutex_unlock(&reg.lock);
	if (p && taken)
		port_log(p, LOG_LVL_WARN,
			 "a second front end was turned away while one is connected");
	if (!p || taken)
		return -1;
	atomic_store(&p->rx_mask, 0);
	atomic_store(&p->tx_mask, 0);
	if (!reg.library) {
		attach_connection(p);
		rte_vhost_extern_callback_register(vid, &messages, NULL);
	}
	if (stall_limit(path) == 0)
		port_log(p, LOG_LVL_WARN, "no time limit for messages on its socket");
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

static int
on_ready(int vid)
{
	struct swport *p = port_of(vid);

	if (!p)
		return -1;
	atomic_store_explicit(&p->vid, vid, memory_order_release);
	p->node = rte_vhost_get_numa_node(vid); /* -1: unknown; balance.c places it */
	if (reg.library)
		library_ready(p, vid);
	else
		attach_ready(p, vid);
	/* release: whoever sees it counted may send: lanes see the port too */
	atomic_fetch_add_explicit(&p->connects, 1, memory_order_release);
	port_log(p, LOG_LVL_INFO, "connected");
	return 0;
}

/* DPDK frees the device when this returns. */
static void
on_gone(int vid)
{
	struct swport *p = port_of(vid);

	if (!p)
		return;
	if (reg.library)
		library_gone(p, reg.rcu);
	else
		attach_gone(p, vid);
	atomic_store_explicit(&p->vid, -1, memory_order_release);
	port_log(p, LOG_LVL_INFO, "disconnected");
}

static int
on_ring(int vid, uint16_t ring, int enable)
{
	struct swport *p = port_of(vid);

	if (!p || ring / 2 >= p->cfg.queues)
		return 0; /* more rings than the port has: never served */
	if (reg.library)
		library_ring(p, ring, enable);
	else
		attach_ring(p, vid, ring, enable);
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
backing_free(struct swport *p)
{
	if (reg.library)
		library_fini(p);
	else
		attach_fini(p);
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

/* What our own rings cannot do, and what they can beside what DPDK's do. */
static int
offer(const char *path, bool offloads)
{
	uint64_t protocol = 0;

	/* DPDK's bursts would have to be told what to make of them: without */
	offloads = offloads && !reg.library;
	if (rte_vhost_driver_disable_features(path, offloads ? OFFLOADS_OLD
							     : OFFLOADS | OFFLOADS_OLD) < 0)
		return -EIO;
	if (reg.library)
		return 0;
	if (rte_vhost_driver_disable_features(path, 1ull << VHOST_F_LOG_ALL) < 0 ||
	    rte_vhost_driver_get_protocol_features(path, &protocol) < 0)
		return -EIO;
	protocol &= ~(1ull << VHOST_USER_PROTOCOL_F_LOG_SHMFD | 1ull << VHOST_USER_PROTOCOL_F_RARP |
		      1ull << VHOST_USER_PROTOCOL_F_PAGEFAULT);
	protocol |= 1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;
	return rte_vhost_driver_set_protocol_features(path, protocol) < 0 ? -EIO : 0;
}

/* DPDK listens on nothing that is there already, and on nothing that a dead switch left behind. */
static int
make_way(const struct swport *p, struct err *e)
{
	int r = p->cfg.socket_listen ? fdmsg_unlink_stale(p->cfg.socket, SOCK_STREAM) : 0;

	if (r == -EADDRINUSE)
		return err_set(e, EADDRINUSE,
			       "port %s: another process listens on %s; stop it, or let the port "
			       "have another socket",
			       p->cfg.name, p->cfg.socket);
	if (r == -EEXIST)
		return err_set(e, EEXIST, "port %s: %s is there and is no socket; remove it",
			       p->cfg.name, p->cfg.socket);
	return r < 0 ? err_sys(e, -r, "port %s: %s", p->cfg.name, p->cfg.socket) : 0;
}

int
vhost_open(struct swport *p, struct err *e)
{
	const uint64_t role = p->cfg.socket_listen ? 0 : RTE_VHOST_USER_CLIENT;
	const char *path = p->cfg.socket;
	int r = make_way(p, e);

	if (r < 0)
		return r;
	r = reg.library ? library_init(p) : attach_init(p, reg.rcu);

	if (r < 0)
		return err_sys(e, -r, "port %s", p->cfg.name);
	if (enlist(p) < 0) {
		backing_free(p);
		return err_set(e, EEXIST, "port %s: socket %s already belongs to another port",
			       p->cfg.name, path);
	}
	if (rte_vhost_driver_register(path, role | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) < 0) {
		delist(p);
		backing_free(p);
		return err_set(e, EIO, "port %s: DPDK takes no more vhost-user sockets",
			       p->cfg.name);
	}
	if (offer(path, p->cfg.offload) < 0 ||
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
	backing_free(p);
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
