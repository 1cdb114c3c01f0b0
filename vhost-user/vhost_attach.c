/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/vhost_attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "base/util.h"
#include "vhost-user/offload.h"
#include "vhost-user/port_log.h"
#include "vhost-user/port_vhost.h"
#include "vhost-user/shared_event.h"
#include "vhost-user/sigbus.h"
#include "vhost-user/vhost_message.h"

struct attachment {
	struct vhost_rings rings; /* first: what lanes know as backing */
	struct rcu *rcu;
	bool running;     /* vhost says that the device may be used */
	bool told;        /* of nonsense, in this connection */
	bool inflight;    /* there is an area for what is in flight, mapped by DPDK */
	bool mapping;     /* by the message in hand */
	bool refused;     /* the message in hand */
	uint32_t enabled; /* rings, by vhost's numbers */
	uint32_t known;   /* those whose position is known in this connection: not from inflight */
	/*
	 * Against the control thread, which comes with a hand-over only. Not held while vhost deals with a
	 * message: what is to be taken meanwhile waits in taken.
	 */
	pthread_mutex_t lock;
	int vid; /* -1: no device */
	bool in_message, staged;
	uint32_t taken; /* rings; base[] of them */
	uint16_t base[VHOST_RINGS];
};

static atomic_bool staging;

static struct attachment *
of(const struct swport *p)
{
	return p->backing;
}

int
attach_init(struct swport *p, struct rcu *rcu)
{
	struct attachment *a = aligned_alloc(64, align_up(sizeof(*a), 64));

	if (!a)
		return -ENOMEM;
	memset(a, 0, sizeof(*a));
	a->rcu = rcu;
	a->vid = -1;
	pthread_mutex_init(&a->lock, NULL);
	for (uint32_t i = 0; i < VHOST_RINGS; i++)
		ring_detach(&a->rings.ring[i]);
	p->backing = a;
	return 0;
}

void
attach_fini(struct swport *p)
{
	if (of(p))
		pthread_mutex_destroy(&of(p)->lock);
	free(p->backing);
	p->backing = NULL;
}

/* Takes the rings away from the lanes, and tells vhost how far they are. */
static void
hold(struct swport *p, int vid)
{
	struct attachment *a = of(p);

	if (!atomic_load_explicit(&p->ops, memory_order_relaxed))
		return;
	atomic_store_explicit(&p->ops, NULL, memory_order_relaxed);
	rcu_wait(a->rcu);
	for (uint16_t i = 0; i < VHOST_RINGS; i++) {
		struct ring *r = &a->rings.ring[i];

		if (r->up)
			rte_vhost_set_vring_base(vid, i, ring_base(r), ring_base(r));
		ring_detach(r);
	}
}

/* Also so that a fault in guest memory can be told apart from one of ours (sigbus.h). */
static bool
look_at_memory(struct swport *p, int vid)
{
	struct gpa_map *map = &of(p)->rings.mem;
	struct rte_vhost_memory *mem = NULL;
	bool good = true;

	map->n = p->n_regions = 0;
	if (rte_vhost_get_mem_table(vid, &mem) < 0)
		return false;
	for (uint32_t i = 0; i < mem->nregions && good; i++) {
		const struct rte_vhost_mem_region *r = &mem->regions[i];

		good = gpa_add(map, r->guest_phys_addr, r->size,
			       (void *)(uintptr_t)r->host_user_addr);
		if (good)
			p->region[p->n_regions++] =
				(struct swport_region){.addr = r->host_user_addr, .size = r->size};
	}
	free(mem);
	return good;
}

/* Counted each time, told once a connection. */
static void
complain(struct swport *p, const char *words)
{
	atomic_fetch_add_explicit(&p->bad_messages, 1, memory_order_relaxed);
	if (!of(p)->told)
		port_log(p, LOG_LVL_WARN, words);
	of(p)->told = true;
}

static bool
look_at_ring(struct swport *p, int vid, uint16_t i, uint64_t features)
{
	struct rte_vhost_ring_inflight inflight = {0};
	struct attachment *a = of(p);
	struct rte_vhost_vring v = {0};
	struct ring_setup s = {.features = features, .transmit = i % 2};
	uint16_t used;

	if (rte_vhost_get_vhost_vring(vid, i, &v) < 0 ||
	    rte_vhost_get_vring_base(vid, i, &s.base, &used) < 0)
		return false;
	/* the unions of both kinds name the same three places */
	s.desc = v.desc;
	s.avail = v.avail;
	s.used = v.used;
	s.size = v.size;
	s.kick_fd = shared_event_check(v.kickfd);
	s.call_fd = shared_event_check(v.callfd);
	s.rude = &a->rings.rude;
	if ((v.kickfd >= 0 && s.kick_fd < 0) || (v.callfd >= 0 && s.call_fd < 0))
		complain(p, "a queue's kick or call descriptor is no eventfd; it is not used");
	if (a->inflight && rte_vhost_get_vhost_ring_inflight(vid, i, &inflight) == 0)
		s.inflight = (struct ring_inflight *)inflight.inflight_packed;
	s.resume = !(a->known & 1u << i);
	if (ring_attach(&a->rings.ring[i], &a->rings.mem, &s) < 0) {
		complain(p, "a queue lies outside of the front end's memory, or has a size or a "
			    "position that cannot be; it is not served");
		return false;
	}
	a->known |= 1u << i;
	return true;
}

/* Looks at everything anew and gives it to the lanes. They have none of it now. */
static void
settle(struct swport *p, int vid)
{
	struct attachment *a = of(p);
	uint32_t masks[2] = {0, 0};
	uint64_t features = 0;

	sigbus_attaching(p);
	if (!a->running || a->staged || !look_at_memory(p, vid) ||
	    rte_vhost_get_negotiated_features(vid, &features) < 0)
		return;
	for (uint32_t left = a->enabled; left; left &= left - 1) {
		uint16_t i = (uint16_t)__builtin_ctz(left);

		if (look_at_ring(p, vid, i, features))
			masks[i % 2] |= 1u << i / 2;
	}
	if (atomic_load_explicit(&p->lost, memory_order_relaxed)) {
		complain(p, "some of the front end's memory is not there; the port is not served "
			    "until it connects anew");
		return;
	}
	if (atomic_load_explicit(&a->rings.rude, memory_order_relaxed)) {
		complain(p, "the front end made a forwarding thread wait for its eventfd; the port "
			    "is not served until it is removed and added again");
		return;
	}
	p->packed = features >> VIRTIO_F_RING_PACKED & 1;
	atomic_store_explicit(&p->takes, offload_takes(features), memory_order_relaxed);
	atomic_store_explicit(&p->tx_mask, masks[0], memory_order_relaxed);
	atomic_store_explicit(&p->rx_mask, masks[1], memory_order_relaxed);
	/* release: pairs with the lanes' acquire; all of the above comes first */
	atomic_store_explicit(&p->ops, port_vhost_ops(features), memory_order_release);
}

void
attach_connection(struct swport *p)
{
	struct attachment *a = of(p);

	pthread_mutex_lock(&a->lock);
	a->running = a->in_message = a->told = false;
	a->inflight = a->mapping = a->refused = false;
	a->enabled = a->known = a->taken = 0;
	a->staged = atomic_load(&staging);
	atomic_store_explicit(&p->lost, false, memory_order_relaxed);
	pthread_mutex_unlock(&a->lock);
}

/* Where the switch before us was. */
static void
apply_taken(struct swport *p, int vid)
{
	struct attachment *a = of(p);

	if (!a->taken)
		return;
	for (uint32_t left = a->taken; left; left &= left - 1) {
		uint16_t i = (uint16_t)__builtin_ctz(left);

		rte_vhost_set_vring_base(vid, i, a->base[i], a->base[i]);
	}
	a->known |= a->taken;
	a->taken = 0;
	a->staged = false;
}

void
attach_ready(struct swport *p, int vid)
{
	struct attachment *a = of(p);

	pthread_mutex_lock(&a->lock);
	hold(p, vid);
	a->running = true;
	a->vid = vid;
	settle(p, vid);
	pthread_mutex_unlock(&a->lock);
}

void
attach_gone(struct swport *p, int vid)
{
	struct attachment *a = of(p);

	pthread_mutex_lock(&a->lock);
	hold(p, vid);
	a->running = false;
	a->vid = -1;
	atomic_store_explicit(&p->tx_mask, 0, memory_order_relaxed);
	atomic_store_explicit(&p->rx_mask, 0, memory_order_relaxed);
	pthread_mutex_unlock(&a->lock);
}

void
attach_ring(struct swport *p, int vid, uint16_t ring, bool enable)
{
	struct attachment *a = of(p);
	uint32_t bit;

	if (ring / 2 >= p->cfg.queues)
		return; /* more rings than the port has: never served */
	bit = 1u << ring;
	if (!(a->enabled & bit) == !enable)
		return;
	pthread_mutex_lock(&a->lock);
	hold(p, vid);
	a->enabled ^= bit;
	settle(p, vid);
	pthread_mutex_unlock(&a->lock);
}

/*
 * What DPDK must not see as it is. Refused by DPDK, or by attach_after(), not here: descriptors that
 * came with a message are closed only if DPDK looks at it.
 */
static void
tame(struct swport *p, int vid, struct vhost_message *m)
{
	struct attachment *a = of(p);

	if (m->request == SET_PROTOCOL_FEATURES)
		m->u64 &= ~(1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
	if (m->request == RESET_OWNER)
		a->inflight = false;
	if (m->request != GET_INFLIGHT_FD && m->request != SET_INFLIGHT_FD)
		return;
	/* either unmaps the area before; a new one is there when DPDK is done with it */
	a->inflight = false;
	a->mapping = m->request == SET_INFLIGHT_FD;
	if (message_inflight_ok(m, 2u * p->cfg.queues, vid))
		return;
	complain(p, "the front end's inflight area has impossible sizes; it is not used");
	a->refused = true;
	a->mapping = false;
	m->inflight.queue_size = 1;
	m->inflight.num_queues = m->request == GET_INFLIGHT_FD;
	m->inflight.mmap_size = 4096;
	m->inflight.mmap_offset = 0;
}

/* DPDK refuses it, and then attach_after() is not called. */
static bool
will_be_refused(struct swport *p, int vid, const struct vhost_message *m)
{
	uint64_t features = 0;

	if (m->request != SET_FEATURES || !of(p)->running ||
	    rte_vhost_get_negotiated_features(vid, &features) < 0 || features == m->u64)
		return false;
	complain(p, "the front end changes features while the device runs; refused");
	return true;
}

int
attach_before(struct swport *p, int vid, void *msg)
{
	struct vhost_message *m = msg;
	struct attachment *a = of(p);

	sigbus_attaching(p);
	pthread_mutex_lock(&a->lock);
	/* of a message that DPDK itself refused: attach_after() was not called */
	a->in_message = a->refused = a->mapping = false;
	if (will_be_refused(p, vid, m)) {
		pthread_mutex_unlock(&a->lock);
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	}
	a->in_message = true;
	if (!message_changes_nothing(m))
		hold(p, vid);
	tame(p, vid, m);
	if (m->request == GET_VRING_BASE && m->state.index < VHOST_RINGS)
		a->known |= 1u << m->state.index;
	pthread_mutex_unlock(&a->lock);
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

int
attach_after(struct swport *p, int vid)
{
	struct attachment *a = of(p);
	bool refused;

	pthread_mutex_lock(&a->lock);
	refused = a->refused;
	a->inflight |= a->mapping;
	a->in_message = a->refused = a->mapping = false;
	apply_taken(p, vid);
	if (!atomic_load_explicit(&p->ops, memory_order_relaxed))
		settle(p, vid);
	pthread_mutex_unlock(&a->lock);
	return refused ? RTE_VHOST_MSG_RESULT_ERR : RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* --- hand-over: also of ports whose socket could not be opened again --- */

void
attach_stage(bool on)
{
	atomic_store(&staging, on);
}

uint32_t
attach_staged(struct swport *p, bool *ret_packed)
{
	struct attachment *a = of(p);
	uint64_t features = 0;
	uint32_t rings = 0;

	*ret_packed = false;
	if (!a)
		return 0;
	pthread_mutex_lock(&a->lock);
	if (a->running && a->staged && !a->in_message &&
	    rte_vhost_get_negotiated_features(a->vid, &features) == 0)
		rings = a->enabled;
	*ret_packed = features >> VIRTIO_F_RING_PACKED & 1;
	pthread_mutex_unlock(&a->lock);
	return rings;
}

bool
attach_take(struct swport *p, uint32_t rings, const uint16_t base[VHOST_RINGS])
{
	struct attachment *a = of(p);
	bool there;

	if (!a)
		return false;
	pthread_mutex_lock(&a->lock);
	there = a->running && a->staged;
	if (there) {
		a->taken = rings;
		memcpy(a->base, base, sizeof(a->base));
	}
	if (there && !a->in_message) {
		apply_taken(p, a->vid);
		settle(p, a->vid);
	}
	pthread_mutex_unlock(&a->lock);
	return there;
}

uint32_t
attach_give(struct swport *p, bool *ret_packed, uint16_t ret_base[VHOST_RINGS])
{
	struct attachment *a = of(p);
	uint32_t rings = 0;

	*ret_packed = false;
	if (!a)
		return 0;
	pthread_mutex_lock(&a->lock);
	if (atomic_load_explicit(&p->ops, memory_order_relaxed))
		for (uint32_t i = 0; i < VHOST_RINGS; i++)
			if (a->rings.ring[i].up) {
				rings |= 1u << i;
				ret_base[i] = ring_base(&a->rings.ring[i]);
			}
	*ret_packed = p->packed;
	a->staged = true;
	pthread_mutex_unlock(&a->lock);
	return rings;
}

void
attach_give_up(struct swport *p)
{
	struct attachment *a = of(p);

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->staged = false;
	if (!a->in_message && !atomic_load_explicit(&p->ops, memory_order_relaxed))
		settle(p, a->vid);
	pthread_mutex_unlock(&a->lock);
}
