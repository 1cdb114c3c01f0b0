/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a decision as ports come, go and change. Control thread only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/forward.h"

#define STEP 64 /* buckets that are looked at before others may have the lock */

static void
publish(struct fwd *f, uint16_t domain, struct flood_list *list)
{
	/* release: pairs with the acquire in flood.c */
	struct flood_list *old =
		atomic_exchange_explicit(&f->flood[domain], list, memory_order_acq_rel);

	if (old) {
		old->next = f->garbage;
		f->garbage = old;
	}
}

static int
join(struct fwd *f, uint16_t domain, struct swport *p)
{
	struct flood_list *old = f->flood[domain];
	uint32_t n = old ? old->n : 0;
	struct flood_list *list = malloc(sizeof(*list) + (n + 1) * sizeof(list->port[0]));

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		list->port[i] = old->port[i];
	list->port[n] = p;
	list->n = n + 1;
	publish(f, domain, list);
	return 0;
}

/* Without memory for a new list, its place in the old one stays empty. */
static void
leave(struct fwd *f, uint16_t domain, const struct swport *p)
{
	struct flood_list *old = f->flood[domain], *list;
	uint32_t at = 0;

	while (old && at < old->n && old->port[at] != p)
		at++;
	if (!old || at == old->n)
		return;
	if (old->n == 1) {
		publish(f, domain, NULL);
		return;
	}
	list = malloc(sizeof(*list) + old->n * sizeof(list->port[0]));
	if (!list) {
		old->port[at] = NULL;
		return;
	}
	list->n = 0;
	for (uint32_t i = 0; i < old->n; i++)
		if (i != at)
			list->port[list->n++] = old->port[i];
	publish(f, domain, list);
}

/* The addresses that @p has for ever: of a port with one domain; elsewhere they are learnt. */
static uint32_t
declared(const struct swport *p, uint64_t key[PORT_MACS_MAX + 1])
{
	uint32_t n = 0;

	if (p->member.n != 1)
		return 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(p->own) && p->own[i]; i++) {
		/* its own address may move away when it may use others: a pair of routers does so */
		if (i == 0 && (p->flags & SWPORT_ANY_MAC))
			continue;
		key[n++] = mac_key(p->own[i], p->member.id[0]);
	}
	return n;
}

static struct swport *
port_of(const struct fwd *f, uint32_t ref)
{
	struct swport *p = f->slot[ref & SWITCH_SLOT_MASK];

	return p && p->ref == ref ? p : NULL;
}

static int
refuse(struct err *e, const struct swport *p, const struct swport *other, uint64_t key, int r)
{
	uint8_t mac[8];

	memcpy(mac, &key, sizeof(mac));
	if (r == -EEXIST)
		return err_set(e, EEXIST,
			       "port %s: address %02x:%02x:%02x:%02x:%02x:%02x already belongs to "
			       "port %s in the same network and VLAN",
			       p->cfg.name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
			       other->cfg.name);
	return err_set(e, ENOSPC,
		       "port %s: no place for its addresses in the address table; start the switch "
		       "with a larger --mac-table",
		       p->cfg.name);
}

static int
declare_one(struct fwd *f, struct swport *p, uint64_t key, struct err *e)
{
	struct swport *was;
	uint32_t old = 0;
	int r;

	mac_lock(&f->mac);
	r = mac_declare(&f->mac, key, p->ref, &old);
	was = port_of(f, old);
	if (r == -EEXIST && !was) { /* of a port that is gone */
		mac_forget(&f->mac, key);
		r = mac_declare(&f->mac, key, p->ref, &old);
	} else if (r == 0 && was) {
		was->macs--;
	}
	mac_unlock(&f->mac);
	return r < 0 ? refuse(e, p, was, key, r) : 0;
}

struct sieve {
	struct fwd *f;
	struct swport *p;
	const uint64_t *keep;
	uint32_t n_keep;
	bool learnt; /* those too */
};

static bool
is_stale(void *arg, uint64_t key, uint32_t ref, uint32_t until)
{
	const struct sieve *s = arg;

	if ((ref & ~MAC_DECLARED) != s->p->ref || (!(ref & MAC_DECLARED) && !s->learnt))
		return false;
	for (uint32_t i = 0; i < s->n_keep; i++)
		if (s->keep[i] == key)
			return false;
	if (!(ref & MAC_DECLARED))
		s->p->macs--;
	return true;
}

/* What is declared for @p goes, but for @keep, and with @learnt what it was seen to have too. */
static void
forget(struct fwd *f, struct swport *p, const uint64_t *keep, uint32_t n_keep, bool learnt)
{
	struct sieve s = {.f = f, .p = p, .keep = keep, .n_keep = n_keep, .learnt = learnt};

	uint32_t at = 0; /* not the table's own: a lane sweeps meanwhile, for something else */

	for (uint64_t n = 0; n <= f->mac.mask; n += STEP) {
		mac_lock(&f->mac);
		mac_sweep(&f->mac, &at, STEP, is_stale, &s);
		mac_unlock(&f->mac);
	}
}

static int
declare(struct fwd *f, struct swport *p, struct err *e)
{
	uint64_t key[PORT_MACS_MAX + 1];
	uint32_t n = declared(p, key);

	for (uint32_t i = 0; i < n; i++) {
		int r = declare_one(f, p, key[i], e);

		if (r < 0)
			return r;
	}
	p->declared = n;
	return 0;
}

static void
set_slot(struct fwd *f, const struct swport *p, struct swport *value)
{
	uint32_t slot = p->ref & SWITCH_SLOT_MASK;

	f->slot[slot] = value;
	f->ref[slot] = value ? value->ref : 0;
	mac_changed(&f->mac);
}

int
fwd_add(struct fwd *f, struct swport *p, struct err *e)
{
	uint32_t n;
	int r = 0;

	set_slot(f, p, p);
	for (n = 0; n < p->member.n && r == 0; n++)
		r = join(f, p->member.id[n], p);
	if (r < 0)
		r = err_sys(e, ENOMEM, "port %s: broadcast domains", p->cfg.name);
	else
		r = declare(f, p, e);
	if (r < 0)
		fwd_remove(f, p);
	return r;
}

void
fwd_remove(struct fwd *f, struct swport *p)
{
	uint64_t key[PORT_MACS_MAX + 1];
	uint32_t n = declared(p, key);

	for (uint32_t i = 0; i < p->member.n; i++)
		leave(f, p->member.id[i], p);
	/* what was learnt is no longer believed, and swept; what was declared may be wanted at once */
	mac_lock(&f->mac);
	for (uint32_t i = 0; i < n; i++) {
		struct mac_found found = mac_find(&f->mac, key[i]);

		if (found.ref == (p->ref | MAC_DECLARED))
			mac_forget(&f->mac, key[i]);
	}
	mac_unlock(&f->mac);
	set_slot(f, p, NULL);
}

/* @p is no longer in the domains of @m that are none of its own. */
static void
leave_others(struct fwd *f, struct swport *p, const struct membership *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (!domain_is_member(&p->member, m->id[i]))
			leave(f, m->id[i], p);
}

static bool
same_domains(const struct membership *a, const struct membership *b)
{
	return a->n == b->n && memcmp(a->id, b->id, a->n * sizeof(a->id[0])) == 0;
}

int
fwd_change(struct fwd *f, struct swport *p, const struct membership *old, struct err *e)
{
	uint64_t key[PORT_MACS_MAX + 1];
	int r;

	for (uint32_t i = 0; i < p->member.n; i++) {
		if (domain_is_member(old, p->member.id[i]))
			continue;
		if (join(f, p->member.id[i], p) < 0)
			return err_sys(e, ENOMEM, "port %s: broadcast domains", p->cfg.name);
	}
	r = declare(f, p, e);
	if (r < 0)
		return r;
	leave_others(f, p, old);
	forget(f, p, key, declared(p, key),
	       !same_domains(&p->member, old) || !(p->flags & SWPORT_ANY_MAC));
	mac_changed(&f->mac);
	return 0;
}

void
fwd_undo(struct fwd *f, struct swport *p, const struct membership *tried)
{
	uint64_t key[PORT_MACS_MAX + 1];

	leave_others(f, p, tried);
	/* none of its own addresses was withdrawn: fwd_change() does so last */
	p->declared = declared(p, key);
	forget(f, p, key, p->declared, false);
	mac_changed(&f->mac);
}

void
fwd_collect(struct fwd *f)
{
	while (f->garbage) {
		struct flood_list *list = f->garbage;

		f->garbage = list->next;
		free(list);
	}
}
