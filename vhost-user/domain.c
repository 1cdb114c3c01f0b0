/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/domain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VLAN_IDS 4096

/* How a domain's frames look on a member. */
enum role { ROLE_TAGGED, ROLE_PLAIN, ROLE_SERVICE };

const char *
domain_segment(const struct port_cfg *cfg)
{
	return cfg->segment[0] ? cfg->segment : cfg->network;
}

/* The index, or -errno. A new one has no domain yet and is free again until it gets one. */
static int
segment_get(struct domains *ds, const char *name)
{
	int unused = -1;

	for (int i = 0; i < SEGMENTS_MAX; i++) {
		const struct segment *s = &ds->segment[i];

		if (s->domains && strncmp(s->name, name, sizeof(s->name)) == 0)
			return i;
		if (!s->domains && unused < 0)
			unused = i;
	}
	if (unused < 0)
		return -ENOSPC;
	if (!ds->segment[unused].id)
		ds->segment[unused].id = calloc(VLAN_IDS, sizeof(uint16_t));
	if (!ds->segment[unused].id)
		return -ENOMEM;
	memset(ds->segment[unused].name, 0, NAME_MAX_LEN);
	memcpy(ds->segment[unused].name, name, strnlen(name, NAME_MAX_LEN - 1));
	return unused;
}

static int
new_id(struct domains *ds)
{
	for (int i = 0; i < DOMAINS_MAX; i++) {
		ds->last = (uint16_t)(ds->last % DOMAINS_MAX + 1);
		if (ds->d[ds->last].ports == 0)
			return ds->last;
	}
	return -ENOSPC;
}

static void
tell_tag(struct domains *ds, int id)
{
	const struct domain *d = &ds->d[id];
	uint32_t tpid = d->service ? TPID_SERVICE : TPID_CUSTOMER;

	atomic_store_explicit(&ds->tag[id], d->vlan ? tpid << 16 | d->vlan : 0,
			      memory_order_relaxed);
}

static int
join_one(struct domains *ds, const char *segment, uint16_t vlan, enum role role)
{
	int s = segment_get(ds, segment), id;
	struct domain *d;

	if (s < 0)
		return s;
	id = ds->segment[s].id[vlan];
	if (id == 0) {
		id = new_id(ds);
		if (id < 0)
			return id;
		ds->d[id] = (struct domain){.segment = (uint16_t)s, .vlan = vlan};
		ds->segment[s].id[vlan] = (uint16_t)id;
		ds->segment[s].domains++;
	}
	d = &ds->d[id];
	d->ports++;
	d->plain += role == ROLE_PLAIN;
	d->service += role == ROLE_SERVICE;
	tell_tag(ds, id);
	return id;
}

static void
leave_one(struct domains *ds, int id, enum role role)
{
	struct domain *d = &ds->d[id];
	struct segment *s = &ds->segment[d->segment];

	assert(id >= 1 && id <= DOMAINS_MAX && d->ports > 0);
	d->ports--;
	d->plain -= role == ROLE_PLAIN;
	d->service -= role == ROLE_SERVICE;
	tell_tag(ds, id);
	if (d->ports)
		return;
	s->id[d->vlan] = 0;
	if (--s->domains)
		return;
	free(s->id);
	s->id = NULL;
}

static enum role
untagged_role(bool service)
{
	return service ? ROLE_SERVICE : ROLE_PLAIN;
}

/* A VLAN whose frames are tagged with an S-tag on trunks cannot be untagged at an access port. */
static int
check_role(const struct domains *ds, const struct port_cfg *cfg, const struct membership *old,
	   const struct membership *new, struct err *e)
{
	const struct domain *d = &ds->d[new->untagged];
	bool mine = old && old->untagged == new->untagged;
	uint16_t plain = (uint16_t)(d->plain - (mine && !old->service));
	uint16_t service = (uint16_t)(d->service - (mine && old->service));

	if (new->untagged == 0 || plain == 0 || service == 0)
		return 0;
	return err_set(e, EBUSY,
		       "port %s: vlan %u of segment %s is a service VLAN (qinq) at one port and "
		       "untagged at another; give one of them another vlan",
		       cfg->name, d->vlan, domain_segment(cfg));
}

static int
by_id(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool
trunk_has(const struct port_cfg *cfg, uint32_t vlan)
{
	return cfg->trunk[vlan / 64] >> vlan % 64 & 1;
}

static int
join_untagged(struct domains *ds, const struct port_cfg *cfg, struct membership *m)
{
	uint16_t vlan = cfg->vlan_mode == PORT_TRUNK ? cfg->native_vlan : cfg->vlan;
	int id;

	if (cfg->vlan_mode == PORT_TRUNK && vlan == VLAN_NONE)
		return 0;
	m->service = cfg->vlan_mode == PORT_QINQ;
	id = join_one(ds, domain_segment(cfg), vlan, untagged_role(m->service));
	if (id < 0)
		return id;
	m->untagged = (uint16_t)id;
	m->id[m->n++] = (uint16_t)id;
	return 0;
}

static int
join_trunk(struct domains *ds, const struct port_cfg *cfg, struct membership *m)
{
	for (uint16_t vlan = 1; vlan <= VLAN_MAX; vlan++) {
		int id;

		if (!trunk_has(cfg, vlan))
			continue;
		if (vlan == cfg->native_vlan) {
			m->of[vlan] = m->untagged;
			continue;
		}
		id = join_one(ds, domain_segment(cfg), vlan, ROLE_TAGGED);
		if (id < 0)
			return id;
		m->of[vlan] = (uint16_t)id;
		m->id[m->n++] = (uint16_t)id;
	}
	return 0;
}

int
domain_join(struct domains *ds, const struct port_cfg *cfg, const struct membership *old,
	    struct membership *ret, struct err *e)
{
	bool trunk = cfg->vlan_mode == PORT_TRUNK;
	struct membership m = {.id = calloc(trunk ? VLAN_IDS : 1, sizeof(*m.id)),
			       .of = trunk ? calloc(VLAN_IDS, sizeof(*m.of)) : NULL};
	int r = -ENOMEM;

	if (!m.id || (trunk && !m.of))
		goto words;
	r = join_untagged(ds, cfg, &m);
	if (r == 0 && trunk)
		r = join_trunk(ds, cfg, &m);
	if (r < 0)
		goto words;
	r = check_role(ds, cfg, old, &m, e);
	if (r < 0)
		goto leave;
	qsort(m.id, m.n, sizeof(*m.id), by_id);
	*ret = m;
	return 0;

words:
	if (r == -ENOSPC)
		err_set(e, ENOSPC,
			"port %s: all %d broadcast domains of %d segments are in use; carry fewer "
			"VLANs on trunks",
			cfg->name, DOMAINS_MAX, SEGMENTS_MAX);
	else
		err_sys(e, -r, "port %s: its broadcast domains", cfg->name);
leave:
	domain_leave(ds, &m);
	return r;
}

void
domain_leave(struct domains *ds, struct membership *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		leave_one(ds, m->id[i],
			  m->id[i] == m->untagged ? untagged_role(m->service) : ROLE_TAGGED);
	free(m->id);
	free(m->of);
	*m = (struct membership){0};
}

bool
domain_is_member(const struct membership *m, uint16_t id)
{
	return m->n && bsearch(&id, m->id, m->n, sizeof(*m->id), by_id);
}

void
domains_fini(struct domains *ds)
{
	for (int i = 0; i < SEGMENTS_MAX; i++)
		free(ds->segment[i].id);
	memset(ds->segment, 0, sizeof(ds->segment));
}

int
domain_get(struct domains *ds, const char *segment, uint16_t vlan)
{
	return join_one(ds, segment, vlan, ROLE_PLAIN);
}

void
domain_put(struct domains *ds, int id)
{
	leave_one(ds, id, ROLE_PLAIN);
}
