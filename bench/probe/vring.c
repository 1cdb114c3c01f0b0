/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/vring.h"

#include "bench/probe/str.h"

/* Split: avail is {flags, idx, ring[size]}, used is {flags, idx, {u32 id, u32 len}[size]}. */
#define AVAIL_IDX   1
#define AVAIL_RING  2
#define USED_IDX    1
#define USED_RING   2 /* in uint16_t */
#define NO_NOTIFY   1 /* used->flags */
#define EVENT_OFF   1 /* packed: flags of an event suppression structure, its second word */
#define EVENT_FLAGS 1

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static size_t
driver_bytes(uint16_t size, bool packed)
{
	return align64(packed ? 4 : 6 + 2 * (size_t)size);
}

static size_t
device_bytes(uint16_t size, bool packed)
{
	return align64(packed ? 4 : 6 + 8 * (size_t)size);
}

size_t
vring_bytes(uint16_t size, bool packed, bool indirect)
{
	return align64(16 * (size_t)size) + driver_bytes(size, packed) +
	       device_bytes(size, packed) +
	       (indirect ? sizeof(struct vdesc) * VRING_SEGS_MAX * size : 0);
}

void
vring_init(struct vring *v, void *mem, uint16_t size, bool packed, bool indirect)
{
	char *m = mem;

	memset(v, 0, sizeof(*v));
	v->packed = packed;
	v->indirect = indirect;
	v->size = v->n_free = v->n_ids = size;
	v->next_wrap = v->used_wrap = true;
	v->desc = m;
	m += align64(16 * (size_t)size);
	v->driver = (uint16_t *)m;
	m += driver_bytes(size, packed);
	v->device = (uint16_t *)m;
	m += device_bytes(size, packed);
	v->tables = m;
	/* Handed out from the end: the first buffer gets id 0. */
	for (uint16_t i = 0; i < size; i++)
		v->free_id[i] = (uint16_t)(size - 1 - i);
	vring_interrupts(v, false);
}

void
vring_interrupts(struct vring *v, bool on)
{
	volatile uint16_t *flags = &v->driver[v->packed ? EVENT_FLAGS : 0];

	*flags = on ? 0 : 1; /* NO_INTERRUPT of one, RING_EVENT_FLAGS_DISABLE of the other */
}

static uint16_t
seg_flags(const struct vseg *s, bool last)
{
	return (uint16_t)((s->write ? VDESC_WRITE : 0) | (last ? 0 : VDESC_NEXT));
}

/*
 * Replaces a chain by one descriptor that points to @id's table. In packed tables the order says what
 * is next (2.8.7), so VDESC_NEXT and the id are left out.
 */
static struct vseg
fill_table(struct vring *v, uint16_t id, const struct vseg *segs, unsigned int n)
{
	char *t = (char *)v->tables + (size_t)id * VRING_SEGS_MAX * sizeof(struct vdesc);
	struct vdesc_packed *p = (struct vdesc_packed *)t;
	struct vdesc *s = (struct vdesc *)t;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = seg_flags(&segs[i], i + 1 == n);

		if (v->packed)
			p[i] = (struct vdesc_packed){segs[i].addr, segs[i].len, 0,
						     flags & VDESC_WRITE};
		else
			s[i] = (struct vdesc){segs[i].addr, segs[i].len, flags, (uint16_t)(i + 1)};
	}
	return (struct vseg){(uintptr_t)t, (uint32_t)(n * sizeof(*s)), false};
}

static void
put_split(struct vring *v, uint16_t id, const struct vseg *segs, unsigned int n, uint16_t extra)
{
	struct vdesc *d = v->desc;
	uint16_t at = id;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t next = 0;

		if (i + 1 < n)
			next = v->chain[at] = v->free_id[--v->n_ids];
		d[at] = (struct vdesc){segs[i].addr, segs[i].len,
				       (uint16_t)(seg_flags(&segs[i], i + 1 == n) | extra), next};
		at = next;
	}
	v->driver[AVAIL_RING + (v->next & (v->size - 1))] = id;
	v->next++;
}

/* The first descriptor's flags go last: they make the whole chain available (2.8.21). */
static void
put_packed(struct vring *v, uint16_t id, const struct vseg *segs, unsigned int n, uint16_t extra)
{
	struct vdesc_packed *d = v->desc, *first = &d[v->next];
	uint16_t first_flags = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)(seg_flags(&segs[i], i + 1 == n) | extra);

		flags |= v->next_wrap ? VDESC_AVAIL : VDESC_USED;
		d[v->next].addr = segs[i].addr;
		d[v->next].len = segs[i].len;
		d[v->next].id = id;
		if (i)
			d[v->next].flags = flags;
		else
			first_flags = flags;
		if (++v->next == v->size) {
			v->next = 0;
			v->next_wrap = !v->next_wrap;
		}
	}
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

int
vring_add(struct vring *v, const struct vseg *segs, unsigned int n)
{
	uint32_t writable = 0;
	uint16_t id, extra = 0;
	struct vseg table;

	if (v->broken || !n || n > VRING_SEGS_MAX || v->n_free < (v->indirect ? 1 : n))
		return -1;
	for (unsigned int i = 0; i < n; i++)
		writable += segs[i].write ? segs[i].len : 0;
	id = v->free_id[--v->n_ids];
	if (v->indirect) {
		table = fill_table(v, id, segs, n);
		segs = &table;
		n = 1;
		extra = VDESC_INDIRECT;
	}
	v->writable[id] = writable;
	v->n_desc[id] = (uint16_t)n;
	v->n_free = (uint16_t)(v->n_free - n);
	v->n_out++;
	v->unshown++;
	if (v->packed)
		put_packed(v, id, segs, n, extra);
	else
		put_split(v, id, segs, n, extra);
	return id;
}

void
vring_publish(struct vring *v)
{
	if (!v->packed && v->unshown)
		__atomic_store_n(&v->driver[AVAIL_IDX], v->next, __ATOMIC_RELEASE);
	v->unshown = 0;
}

bool
vring_wants_kick(const struct vring *v)
{
	/* What was published must be visible before the device's wish is read (2.7.21, 2.8.22). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (v->packed)
		return (__atomic_load_n(&v->device[EVENT_FLAGS], __ATOMIC_RELAXED) & 3) !=
		       EVENT_OFF;
	return !(__atomic_load_n(&v->device[0], __ATOMIC_RELAXED) & NO_NOTIFY);
}

static bool
offence(struct vring *v, const char *what)
{
	v->broken = what;
	return false;
}

/* Takes the buffer back after checking that the device had it. */
static bool
take(struct vring *v, uint32_t id, uint32_t len)
{
	if (id >= v->size || !v->n_desc[id])
		return offence(v, "the device returned a buffer that it did not have");
	if (len > v->writable[id])
		return offence(v, "the device says it wrote more than the buffer holds");
	v->n_free = (uint16_t)(v->n_free + v->n_desc[id]);
	v->n_out--;
	if (v->packed) {
		v->free_id[v->n_ids++] = (uint16_t)id;
	} else {
		uint16_t at = (uint16_t)id;

		for (uint16_t i = 0; i < v->n_desc[id]; i++) {
			v->free_id[v->n_ids++] = at;
			at = v->chain[at];
		}
	}
	return true;
}

static bool
get_split(struct vring *v, uint16_t *ret_id, uint32_t *ret_len)
{
	uint16_t idx = __atomic_load_n(&v->device[USED_IDX], __ATOMIC_ACQUIRE);
	volatile uint32_t *elem;
	uint32_t id, len;

	if (idx == v->last_used)
		return false;
	if ((uint16_t)(idx - v->last_used) > v->n_out)
		return offence(v, "the used index runs ahead of the available index");
	elem = (volatile uint32_t *)&v->device[USED_RING] +
	       (size_t)2 * (v->last_used & (v->size - 1));
	id = elem[0];
	len = elem[1];
	if (!take(v, id, len))
		return false;
	v->n_desc[id] = 0;
	v->last_used++;
	*ret_id = (uint16_t)id;
	*ret_len = len;
	return true;
}

static bool
get_packed(struct vring *v, uint16_t *ret_id, uint32_t *ret_len)
{
	volatile struct vdesc_packed *d = (struct vdesc_packed *)v->desc + v->last_used;
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE), id;
	uint32_t len;

	if (!!(flags & VDESC_AVAIL) != v->used_wrap || !!(flags & VDESC_USED) != v->used_wrap)
		return false;
	id = d->id;
	/*
	 * Without VDESC_WRITE len would have no meaning (2.8.5), but QEMU 7.2 writes buffers without
	 * setting it; so what we gave decides whether len is looked at.
	 */
	len = id < v->size && v->writable[id] ? d->len : 0;
	if (!take(v, id, len))
		return false;
	v->last_used = (uint16_t)(v->last_used + v->n_desc[id]);
	if (v->last_used >= v->size) {
		v->last_used = (uint16_t)(v->last_used - v->size);
		v->used_wrap = !v->used_wrap;
	}
	v->n_desc[id] = 0;
	*ret_id = id;
	*ret_len = len;
	return true;
}

bool
vring_get(struct vring *v, uint16_t *ret_id, uint32_t *ret_len)
{
	if (v->broken)
		return false;
	return v->packed ? get_packed(v, ret_id, ret_len) : get_split(v, ret_id, ret_len);
}
