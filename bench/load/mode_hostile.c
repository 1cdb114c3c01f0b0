/* SPDX-License-Identifier: Apache-2.0 */
/*
 * garbage: a guest that writes junk into its rings, descriptors and headers, as fast as it can.
 * messages: a front end that talks nonsense over the socket, with and without descriptors.
 * Afterwards every connection is closed and taken up again: a back end that survived comes back, and
 * the next window shows whether it still forwards. Same seed, same junk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/memfd.h>

#include "base/util.h"
#include "bench/load/load.h"

/*
 * A device stops at the first thing it refuses. So most of what is written is right, and one in @rude
 * is not: much in some stretches of time, little in others, so that the junk also gets far inside.
 */
struct junk {
	uint64_t state;
	uint64_t rude;
};

/* xorshift64* (Vigna): good enough to be rude with, and the same everywhere. */
static uint64_t
junk64(struct junk *j)
{
	j->state ^= j->state >> 12;
	j->state ^= j->state << 25;
	j->state ^= j->state >> 27;
	return j->state * 2685821657736338717ull;
}

static uint64_t
junk_below(struct junk *j, uint64_t n)
{
	return junk64(j) % n;
}

static bool
now_rude(struct junk *j)
{
	return junk_below(j, j->rude) == 0;
}

static uint64_t
junk_address(struct junk *j, const struct port *p, const struct ring *r)
{
	uint64_t end = r->buf_gpa - (uint64_t)(r->buf - p->mem) + p->mem_size;

	if (!now_rude(j))
		return r->buf_gpa + junk_below(j, r->size) * r->stride;
	switch (junk_below(j, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - junk_below(j, 4096);
	case 2:
		return (uintptr_t)p->mem; /* an address of this process, not of the guest */
	case 3:
		return end - junk_below(j, 64);
	case 4:
		return junk64(j);
	default:
		return end - 1 - junk_below(j, p->mem_size); /* anywhere, the rings too */
	}
}

static uint32_t
junk_length(struct junk *j)
{
	static const uint32_t odd[] = {0, 1, 11, 12, 13, 26, 65535, 65536, INT32_MAX, UINT32_MAX};

	if (!now_rude(j))
		return 26 + (uint32_t)junk_below(j, 1500);
	if (junk_below(j, 3) == 0)
		return (uint32_t)junk64(j);
	return odd[junk_below(j, ARRAY_SIZE(odd))];
}

static uint16_t
junk_flags(struct junk *j, const struct ring *r)
{
	if (!now_rude(j))
		return r->receive ? VRING_DESC_F_WRITE : 0;
	return (uint16_t)(junk_below(j, 2) ? junk_below(j, 8) : junk64(j));
}

static void
spoil_split(struct junk *j, const struct port *p, struct ring *r)
{
	uint16_t at = (uint16_t)junk_below(j, r->size);
	struct vring_desc *d = &r->vr.desc[at];

	d->addr = junk_address(j, p, r);
	d->len = junk_length(j);
	d->flags = junk_flags(j, r);
	d->next = (uint16_t)(now_rude(j) ? junk64(j) : junk_below(j, r->size)); /* loops too */
	r->vr.avail->ring[r->avail % r->size] = now_rude(j) ? (uint16_t)junk64(j) : at;
	if (now_rude(j))
		r->vr.used->idx = (uint16_t)junk64(j);
	r->avail = (uint16_t)(junk_below(j, j->rude * j->rude) ? r->avail + 1u : junk64(j));
	__atomic_store_n(&r->vr.avail->idx, r->avail, __ATOMIC_RELEASE);
	r->vr.avail->flags = (uint16_t)junk_below(j, 2);
}

static void
spoil_packed(struct junk *j, const struct port *p, struct ring *r)
{
	uint16_t at = now_rude(j) ? (uint16_t)junk_below(j, r->size) : r->avail;
	struct vring_packed_desc *d = &r->desc[at];
	uint16_t flags = junk_flags(j, r);

	d->addr = junk_address(j, p, r);
	d->len = junk_length(j);
	d->id = (uint16_t)(now_rude(j) ? junk64(j) : at);
	flags |= (uint16_t)(r->avail_wrap ? 1u << VRING_PACKED_DESC_F_AVAIL
					  : 1u << VRING_PACKED_DESC_F_USED);
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	if (at == r->avail && ++r->avail == r->size) {
		r->avail = 0;
		r->avail_wrap = !r->avail_wrap;
	}
	r->driver->flags = (uint16_t)junk64(j);
	r->driver->off_wrap = (uint16_t)junk64(j);
}

static void
spoil_ring(struct junk *j, const struct port *p, struct ring *r)
{
	uint8_t *header = r->buf + junk_below(j, r->size) * r->stride;
	uint64_t v;

	/* The virtio-net header (checksum offsets, segmentation, number of buffers), the addresses. */
	for (size_t at = 0; at < 32 && now_rude(j); at += sizeof(v)) {
		v = junk64(j);
		memcpy(header + at, &v, sizeof(v));
	}
	if (r->packed)
		spoil_packed(j, p, r);
	else
		spoil_split(j, p, r);
	ring_kick(r);
}

/* Everything again from the beginning, over new connections. */
static int
take_up_again(struct load *l, struct err *e)
{
	for (unsigned int i = 0; i < l->n_ports; i++)
		vhost_close(&l->port[i].vhost);
	for (unsigned int i = 0; i < l->n_ports; i++) {
		int r = port_attach(&l->port[i], 5000, e);

		if (r < 0)
			return r;
	}
	l->built.size = 0; /* the frames were spoilt too */
	return 0;
}

int
mode_garbage(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	struct junk j = {.state = w->seed * 2654435761u + 88172645463325252ull};
	uint64_t start = load_tsc(), writes = 0;
	unsigned int closed = 0;
	int r;

	while (load_tsc() - start < load_ticks(l, w->seconds)) {
		struct port *p = &l->port[junk_below(&j, w->busy)];

		if (writes++ % 65536 == 0)
			j.rude = 2ull << junk_below(&j, 13);
		spoil_ring(&j, p, &p->ring[junk_below(&j, p->opts.queues * 2ull)]);
		if (junk_below(&j, 64) == 0) /* time to digest it */
			for (unsigned int i = 0; i < 200; i++)
				__builtin_ia32_pause();
	}
	for (unsigned int i = 0; i < l->n_ports; i++)
		closed += vhost_gone(&l->port[i].vhost);
	r = take_up_again(l, e);
	fprintf(out, "\"writes\": %" PRIu64 ", \"closed\": %u, \"back\": %s, ", writes, closed,
		r == 0 ? "true" : "false");
	return r;
}

/* A descriptor to send along: an eventfd's like, a short memfd, or the socket itself. */
static int
junk_fd(struct junk *j, const struct port *p)
{
	switch (junk_below(j, 4)) {
	case 0:
		return p->ring[0].kick_fd;
	case 1:
		return p->mem_fd;
	case 2:
		return p->vhost.fd;
	default:
		return -1;
	}
}

/* One message that has a plausible head and an implausible body; sometimes only a part of it. */
static int
send_nonsense(struct junk *j, struct port *p)
{
	struct vhost *v = &p->vhost;
	struct vhost_msg m;
	uint64_t word;

	for (size_t at = 0; at + sizeof(word) <= sizeof(m); at += sizeof(word)) {
		word = junk_below(j, 3) ? junk_below(j, 9) : junk64(j);
		memcpy((uint8_t *)&m + at, &word, sizeof(word));
	}
	m.request = (uint32_t)(junk_below(j, 8) ? junk_below(j, 45) : junk64(j));
	m.size = (uint32_t)junk_below(j, sizeof(m) - VHOST_HEAD_BYTES + 1);
	if (junk_below(j, 16) == 0) {
		struct vhost_msg cut = {.request = m.request, .flags = 1, .size = UINT32_MAX};

		return send(v->fd, &cut, 1 + junk_below(j, VHOST_HEAD_BYTES),
			    MSG_NOSIGNAL | MSG_DONTWAIT) < 0
			       ? -errno
			       : 0;
	}
	v->reply_ack = false; /* nobody waits for an answer */
	return vhost_send(v, &m, junk_fd(j, p));
}

int
mode_messages(struct load *l, const struct window *w, FILE *out, struct err *e)
{
	struct junk j = {.state = w->seed * 2654435761u + 88172645463325252ull};
	uint64_t start = load_tsc(), messages = 0, refused = 0;
	const struct timespec pause = {.tv_nsec = 100000};
	int r = 0;

	while (r == 0 && load_tsc() - start < load_ticks(l, w->seconds)) {
		struct port *p = &l->port[junk_below(&j, w->busy)];
		uint64_t left = 1 + junk_below(&j, 40);

		while (left-- > 0 && !vhost_gone(&p->vhost) && send_nonsense(&j, p) == 0) {
			messages++;
			nanosleep(&pause, NULL);
		}
		refused += vhost_gone(&p->vhost);
		r = port_attach(p, 5000, e);
	}
	if (r == 0)
		r = take_up_again(l, e);
	fprintf(out, "\"messages\": %" PRIu64 ", \"closed\": %" PRIu64 ", \"back\": %s, ", messages,
		refused, r == 0 ? "true" : "false");
	return r;
}
