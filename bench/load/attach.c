/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a back end to a played guest's rings: the first time, again, or a second one. See port.h. */
#include <errno.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "bench/load/port.h"

struct attach {
	struct port *port;
	struct vhost *vhost;
	struct port_notes *notes;
	bool fresh; /* rings from the beginning; else as they are */
};

static void
forget_notes(struct port_notes *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static int
announce_memory(const struct attach *a)
{
	const struct port *p = a->port;
	struct vhost_msg m = {.request = VHOST_SET_MEM_TABLE,
			      .size = 8 + sizeof(struct vhost_mem_region)};

	m.mem.n = 1;
	m.mem.region[0] = (struct vhost_mem_region){.gpa = PORT_GPA,
						    .size = p->mem_size,
						    .hva = (uintptr_t)p->mem};
	return vhost_send(a->vhost, &m, p->mem_fd);
}

static int
announce_notes(const struct attach *a)
{
	struct vhost_msg m = {.request = VHOST_SET_INFLIGHT_FD, .size = sizeof(m.inflight)};
	const struct port_opts *o = &a->port->opts;
	int r = 0;

	if (!a->vhost->notes)
		return 0;
	if (a->notes->fd < 0)
		r = vhost_get_inflight(a->vhost, 2 * o->queues, o->ring_size, &a->notes->layout,
				       &a->notes->fd);
	if (r < 0)
		return r;
	m.inflight = a->notes->layout;
	return vhost_send(a->vhost, &m, a->notes->fd);
}

static uint32_t
base_of(const struct attach *a, const struct ring *r)
{
	/* Packed: index 0 and wrap counter 1, for both halves ("VRING_BASE" in the specification). */
	if (a->fresh)
		return r->packed ? 0x80008000u : 0;
	return ring_left_at(r);
}

static int
announce_ring(const struct attach *a, unsigned int i)
{
	struct port *p = a->port;
	struct ring *r = &p->ring[i];
	struct vhost_msg m = {.request = VHOST_SET_VRING_ADDR, .size = sizeof(m.addr)};
	uint64_t desc, driver, device;
	int err;

	if (a->fresh)
		ring_reset(r, p->mem + p->ring_at[i]);
	ring_addresses(r, &desc, &driver, &device);
	m.addr.index = i;
	m.addr.desc = desc;
	m.addr.driver = driver;
	m.addr.device = device;
	err = vhost_set_state(a->vhost, VHOST_SET_VRING_NUM, i, r->size);
	if (err == 0)
		err = vhost_set_state(a->vhost, VHOST_SET_VRING_BASE, i, base_of(a, r));
	if (err == 0)
		err = vhost_send(a->vhost, &m, -1);
	if (err == 0)
		err = vhost_set_fd(a->vhost, VHOST_SET_VRING_KICK, i, r->kick_fd);
	if (err == 0)
		err = vhost_set_fd(a->vhost, VHOST_SET_VRING_CALL, i, r->call_fd);
	return err;
}

static void
post_receive_buffers(struct ring *r)
{
	ring_put(r, r->free, r->n_free, (uint32_t)r->stride);
	r->n_free = 0;
}

static int
bring_up(const struct attach *a, int timeout_ms, struct err *e)
{
	struct port *p = a->port;
	uint64_t wanted = 1ull << VIRTIO_F_VERSION_1 | VHOST_F_PROTOCOL_FEATURES | p->opts.features;
	int r;

	r = p->opts.connect ? vhost_connect(a->vhost, p->opts.path, timeout_ms)
			    : vhost_accept(a->vhost, p->listen_fd, timeout_ms);
	if (r < 0)
		return err_sys(e, -r, "no back end on %s", p->opts.path);
	a->vhost->notes = p->opts.notes;
	if (!p->opts.one_buffer)
		wanted |= 1ull << VIRTIO_NET_F_MRG_RXBUF;
	if (p->opts.packed)
		wanted |= 1ull << VIRTIO_F_RING_PACKED;
	if (p->opts.queues > 1)
		wanted |= 1ull << VIRTIO_NET_F_MQ;
	r = vhost_negotiate(a->vhost, wanted, p->opts.queues, e);
	if (r < 0)
		return err_prefix(e, "%s", p->opts.path);
	r = announce_memory(a);
	if (r == 0)
		r = announce_notes(a);
	for (unsigned int i = 0; r == 0 && i < 2 * p->opts.queues; i++)
		r = announce_ring(a, i);
	for (unsigned int i = 0; a->fresh && r == 0 && i < p->opts.queues; i++)
		post_receive_buffers(port_rx(p, i));
	for (unsigned int i = 0; r == 0 && i < 2 * p->opts.queues; i++)
		r = vhost_set_state(a->vhost, VHOST_SET_VRING_ENABLE, i, 1);
	return r < 0 ? err_sys(e, -r, "%s: bringing queues up", p->opts.path) : 0;
}

int
port_attach(struct port *p, int timeout_ms, struct err *e)
{
	const struct attach a = {p, &p->vhost, &p->notes, true};

	vhost_close(&p->vhost);
	forget_notes(&p->notes); /* on rings that are no more */
	return bring_up(&a, timeout_ms, e);
}

int
port_resume(struct port *p, int timeout_ms, struct err *e)
{
	const struct attach a = {p, &p->vhost, &p->notes, false};

	vhost_close(&p->vhost);
	return bring_up(&a, timeout_ms, e);
}

int
port_second(struct port *p, int timeout_ms, struct err *e)
{
	const struct attach a = {p, &p->next, &p->next_notes, false};

	/* Notes of its own: the first back end still writes into its. */
	return bring_up(&a, timeout_ms, e);
}

void
port_promote(struct port *p)
{
	vhost_close(&p->vhost);
	forget_notes(&p->notes);
	p->vhost = p->next;
	p->notes = p->next_notes;
	p->next = (struct vhost){.fd = -1};
	p->next_notes = (struct port_notes){.fd = -1};
}
