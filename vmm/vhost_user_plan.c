/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a back end is told things, and what its answers mean. The order is the one that
 * QEMU keeps, since back ends are tested with it.
 */
#include "vmm/vhost_user_plan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/event.h"
#include "vmm/vhost_resume.h"

#define F_MTU (1ull << 3)

enum greeting { G_FEATURES, G_PROTOCOL, G_SET_PROTOCOL, G_QUEUE_NUM, G_OWNER, G_DONE };

static void
msg(struct vu_msg *m, uint32_t request, uint32_t size)
{
	memset(m, 0, sizeof(*m));
	m->head = (struct vu_head){request, VU_VERSION, size};
}

static bool
msg_u64(struct vu_msg *m, uint32_t request, uint64_t v)
{
	msg(m, request, 8);
	m->body.u64 = v;
	return true;
}

static bool
msg_state(struct vu_msg *m, uint32_t request, uint32_t index, uint32_t num)
{
	msg(m, request, sizeof(struct vu_state));
	m->body.state = (struct vu_state){index, num};
	return true;
}

static bool
msg_fd(struct vu_msg *m, uint32_t request, uint32_t index, int fd)
{
	msg_u64(m, request, index);
	m->fds[0] = fd;
	m->n_fds = 1;
	return true;
}

/* --- getting to know each other --- */

/* One message of the greeting; false: this back end needs none here. */
static bool
greeting(const struct vhost_user *vu, enum greeting step, struct vu_msg *m)
{
	bool protocol = vu->features & VU_F_PROTOCOL_FEATURES;

	switch (step) {
	case G_SET_PROTOCOL:
		return protocol && msg_u64(m, VU_SET_PROTOCOL_FEATURES, vu->protocol);
	case G_PROTOCOL:
		msg(m, VU_GET_PROTOCOL_FEATURES, 0);
		return protocol;
	case G_QUEUE_NUM:
		msg(m, VU_GET_QUEUE_NUM, 0);
		return vu->protocol & VU_PF_MQ;
	default:
		msg(m, step == G_FEATURES ? VU_GET_FEATURES : VU_SET_OWNER, 0);
		return true;
	}
}

static bool
greet(struct vhost_user *vu, struct vu_msg *m)
{
	while (vu->greeting < G_DONE)
		if (greeting(vu, (enum greeting)vu->greeting++, m))
			return true;
	return false;
}

/* --- features, memory, notes --- */

static bool
tell_features(struct vhost_user *vu, struct vu_msg *m)
{
	vu->told_features = true;
	return msg_u64(m, VU_SET_FEATURES,
		       (vu->want_features | VU_F_PROTOCOL_FEATURES) & vu->features);
}

static bool
tell_memory(struct vhost_user *vu, struct vu_msg *m)
{
	const struct mem *mem = vu->mem;

	vu->told_memory = true;
	msg(m, VU_SET_MEM_TABLE, (uint32_t)(8 + mem->n * sizeof(struct vu_region)));
	m->body.memory.n = mem->n;
	for (unsigned int i = 0; i < mem->n; i++) {
		const struct mem_region *r = &mem->region[i];

		m->body.memory.region[i] = (struct vu_region){
			.gpa = r->gpa,
			.size = r->size,
			.user = (uintptr_t)r->hva,
			.mmap_offset = r->fd_offset,
		};
		m->fds[m->n_fds++] = r->fd;
	}
	return true;
}

static bool
any_ring(const struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->n_rings; i++)
		if (vu->ring[i].wanted)
			return true;
	return false;
}

/*
 * The first back end makes the region, we keep it, and every later one gets it back. What is in it is
 * the back ends' affair. A driver may enable a larger ring later: there is room for any.
 */
static bool
tell_inflight(struct vhost_user *vu, struct vu_msg *m)
{
	if (vu->inflight_fd < 0) {
		msg(m, VU_GET_INFLIGHT_FD, sizeof(struct vu_inflight));
		m->body.inflight.queues = (uint16_t)vu->n_rings;
		m->body.inflight.queue_size = VU_RING_SIZE_MAX;
		return true;
	}
	vu->told_inflight = true;
	msg(m, VU_SET_INFLIGHT_FD, sizeof(struct vu_inflight));
	m->body.inflight = vu->inflight;
	m->fds[0] = vu->inflight_fd;
	m->n_fds = 1;
	return true;
}

/* --- rings --- */

static bool
tell_base(struct vhost_user *vu, struct vu_msg *m, unsigned int i)
{
	struct vu_ring *r = &vu->ring[i];

	/* With notes the back end knows itself which descriptors are open: not to be tampered with. */
	if (!r->base_known)
		r->base = vhost_resume_base(&r->want, vu->packed,
					    !vu->second && !(vu->noted && vu->told_inflight));
	r->base_known = true;
	return msg_state(m, VU_SET_VRING_BASE, i, r->base);
}

static bool
tell_addr(struct vhost_user *vu, struct vu_msg *m, unsigned int i)
{
	const struct vhost_user_ring *w = &vu->ring[i].want;

	msg(m, VU_SET_VRING_ADDR, sizeof(struct vu_addr));
	m->body.addr = (struct vu_addr){
		.index = i,
		.desc = (uintptr_t)w->desc,
		.used = (uintptr_t)w->device,
		.avail = (uintptr_t)w->driver,
	};
	return true;
}

/* From here on the back end works on the ring, and only it knows how far it is. */
static bool
tell_kick(struct vhost_user *vu, struct vu_msg *m, unsigned int i)
{
	struct vu_ring *r = &vu->ring[i];

	r->base_known = false;
	/* Notes of another back end say nothing about what this one does without them. */
	if (!vu->told_inflight)
		vhost_user_forget_notes(vu);
	vu->noted = vu->told_inflight;
	/* What a dead back end had not seen or not said: both sides look again. */
	event_signal(r->want.kick);
	event_signal(r->want.call);
	return msg_fd(m, VU_SET_VRING_KICK, i, r->want.kick);
}

static bool
tell_ring(struct vhost_user *vu, struct vu_msg *m, unsigned int i)
{
	struct vu_ring *r = &vu->ring[i];

	if (!r->wanted)
		return false;
	if (r->step == VU_RING_SET && r->call != r->want.call) {
		r->call = r->want.call;
		return msg_fd(m, VU_SET_VRING_CALL, i, r->call);
	}
	if (r->step == VU_RING_SET) {
		/* Without protocol features a ring works from its kick on. */
		if (r->enabled == r->want.enabled || !(vu->features & VU_F_PROTOCOL_FEATURES))
			return false;
		r->enabled = r->want.enabled;
		return msg_state(m, VU_SET_VRING_ENABLE, i, r->enabled);
	}
	switch (r->step++) {
	case 0:
		return msg_state(m, VU_SET_VRING_NUM, i, r->want.size);
	case 1:
		return tell_base(vu, m, i);
	case 2:
		return tell_addr(vu, m, i);
	case 3:
		return msg_fd(m, VU_SET_VRING_ERR, i, vu->err);
	case 4:
		r->call = r->want.call;
		return msg_fd(m, VU_SET_VRING_CALL, i, r->call);
	default:
		return tell_kick(vu, m, i);
	}
}

bool
vu_next(struct vhost_user *vu, struct vu_msg *m)
{
	if (vu->greeting < G_DONE && greet(vu, m))
		return true;
	if (!vu->up || !vu->running)
		return false;
	if (!vu->told_features)
		return tell_features(vu, m);
	if (!vu->told_mtu && vu->protocol & VU_PF_MTU && vu->want_features & F_MTU) {
		vu->told_mtu = true;
		return msg_u64(m, VU_NET_SET_MTU, vu->mtu);
	}
	if (!vu->told_memory)
		return tell_memory(vu, m);
	if (!vu->told_inflight && vu->protocol & VU_PF_INFLIGHT && any_ring(vu))
		return tell_inflight(vu, m);
	for (unsigned int i = 0; i < vu->n_rings; i++)
		if (tell_ring(vu, m, i))
			return true;
	return false;
}

/* --- answers --- */

bool
vu_has_reply(uint32_t request)
{
	return request == VU_GET_FEATURES || request == VU_GET_PROTOCOL_FEATURES ||
	       request == VU_GET_QUEUE_NUM || request == VU_GET_VRING_BASE ||
	       request == VU_GET_INFLIGHT_FD;
}

static int
answer_u64(struct vhost_user *vu, uint32_t request, uint64_t v)
{
	switch (request) {
	case VU_GET_FEATURES:
		vu->features = v;
		return 0;
	case VU_GET_PROTOCOL_FEATURES:
		vu->protocol = v & (VU_PF_MQ | VU_PF_REPLY_ACK | VU_PF_MTU | VU_PF_INFLIGHT);
		return 0;
	case VU_GET_QUEUE_NUM:
		vu->queue_max = v;
		return v ? 0 : -EPROTO;
	default:
		return v ? -EREMOTEIO : 0; /* REPLY_ACK: it could not do it */
	}
}

static int
answer_base(struct vhost_user *vu, const struct vu_msg *m)
{
	struct vu_state s = m->body.state;
	struct vu_ring *r;

	if (m->head.size != sizeof(s) || s.index != vu->sent.body.state.index)
		return -EPROTO;
	r = &vu->ring[s.index];
	/*
	 * A packed ring has two positions, and DPDK tells only one: nothing is in flight in a ring
	 * that it stopped, so the other is the same.
	 */
	if (vu->packed && s.num >> 16 == 0)
		s.num |= s.num << 16;
	r->base = s.num;
	r->base_known = true;
	r->step = 0;
	r->enabled = false;
	return 0;
}

/* The region stays closed to us: it is only handed on, so it is only checked for being there. */
static int
answer_inflight(struct vhost_user *vu, struct vu_msg *m)
{
	const struct vu_inflight in = m->body.inflight;
	uint64_t end;
	struct stat st;

	if (m->head.size < 20 || m->n_fds != 1)
		return -EPROTO;
	if (in.mmap_size == 0 || in.mmap_size > VU_INFLIGHT_MAX ||
	    __builtin_add_overflow(in.mmap_size, in.mmap_offset, &end))
		return -EPROTO;
	if (fstat(m->fds[0], &st) < 0 || st.st_size < 0 || (uint64_t)st.st_size < end)
		return -EPROTO;
	vu->inflight = in;
	vu->inflight_fd = m->fds[0];
	m->n_fds = 0;
	return 0;
}

int
vu_answer(struct vhost_user *vu, struct vu_msg *m)
{
	uint32_t request = vu->sent.head.request;
	int r = -EPROTO;

	if (vu->waiting && m->head.request == request && m->head.flags & VU_REPLY &&
	    (m->head.flags & VU_VERSION_MASK) == VU_VERSION) {
		if (request == VU_GET_VRING_BASE)
			r = answer_base(vu, m);
		else if (request == VU_GET_INFLIGHT_FD)
			r = answer_inflight(vu, m);
		else if (m->head.size == 8 && m->n_fds == 0)
			r = answer_u64(vu, request, m->body.u64);
	}
	vu_close_fds(m);
	return r;
}
