/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/snoop_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/*
 * Lists, searched from end to end: messages are few (lanes limit them), the lists are bounded, and a
 * whole search costs some microseconds of a thread that has time.
 */
struct member {
	uint32_t ref, until;
	uint16_t domain;
	uint8_t family;
	uint8_t group[16];
};

struct router {
	uint32_t ref, until;
	uint16_t domain;
};

struct snoop_groups {
	uint32_t n_members, n_routers;
	uint64_t refused;
	struct member member[SNOOP_MEMBERS_MAX];
	struct router router[SNOOP_ROUTERS_MAX];
};

struct snoop_groups *
snoop_groups_make(void)
{
	return calloc(1, sizeof(struct snoop_groups));
}

void
snoop_groups_free(struct snoop_groups *g)
{
	free(g);
}

uint64_t
snoop_groups_refused(const struct snoop_groups *g)
{
	return g->refused;
}

static bool
hear_router(struct snoop_groups *g, uint32_t ref, uint16_t domain, uint32_t now)
{
	for (uint32_t i = 0; i < g->n_routers; i++) {
		struct router *r = &g->router[i];

		if (r->ref != ref || r->domain != domain)
			continue;
		r->until = now + SNOOP_ROUTER_S;
		return false;
	}
	if (g->n_routers == SNOOP_ROUTERS_MAX) {
		g->refused++;
		return false;
	}
	g->router[g->n_routers++] =
		(struct router){.ref = ref, .until = now + SNOOP_ROUTER_S, .domain = domain};
	return true;
}

/* *ret_port: groups of the same port. */
static struct member *
find_member(struct snoop_groups *g, const struct member *want, uint32_t *ret_port)
{
	*ret_port = 0;
	for (uint32_t i = 0; i < g->n_members; i++) {
		struct member *m = &g->member[i];

		if (m->ref != want->ref)
			continue;
		++*ret_port;
		if (m->domain == want->domain && m->family == want->family &&
		    memcmp(m->group, want->group, sizeof(m->group)) == 0)
			return m;
	}
	return NULL;
}

static bool
join(struct snoop_groups *g, const struct member *want)
{
	uint32_t of_port;
	struct member *m = find_member(g, want, &of_port);

	if (m) {
		m->until = want->until;
		return false;
	}
	if (g->n_members == SNOOP_MEMBERS_MAX || of_port == SNOOP_PORT_MAX) {
		g->refused++;
		return false;
	}
	g->member[g->n_members++] = *want;
	return true;
}

/* Others behind the same port may still want it: they have time to say so when the router asks. */
static void
leave(struct snoop_groups *g, const struct member *want, uint32_t now)
{
	uint32_t of_port;
	struct member *m = find_member(g, want, &of_port);

	if (m)
		m->until = MIN_OF(m->until, now + SNOOP_LEAVE_S);
}

bool
snoop_groups_hear(struct snoop_groups *g, uint32_t ref, uint16_t domain, const struct snoop_msg *m,
		  uint32_t now)
{
	bool changed = false;

	if (m->kind == SNOOP_QUERY || m->kind == SNOOP_HELLO)
		return hear_router(g, ref, domain, now);
	if (m->kind != SNOOP_REPORT)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		struct member want = {.ref = ref,
				      .until = now + SNOOP_MEMBER_S,
				      .domain = domain,
				      .family = m->family};

		memcpy(want.group, m->record[i].group, sizeof(want.group));
		if (m->record[i].member)
			changed |= join(g, &want);
		else
			leave(g, &want, now);
	}
	return changed;
}

bool
snoop_groups_age(struct snoop_groups *g, uint32_t now)
{
	uint32_t was = g->n_members + g->n_routers, n = 0;

	for (uint32_t i = 0; i < g->n_members; i++)
		if ((int32_t)(g->member[i].until - now) > 0)
			g->member[n++] = g->member[i];
	g->n_members = n;
	n = 0;
	for (uint32_t i = 0; i < g->n_routers; i++)
		if ((int32_t)(g->router[i].until - now) > 0)
			g->router[n++] = g->router[i];
	g->n_routers = n;
	return g->n_members + g->n_routers != was;
}

bool
snoop_groups_forget(struct snoop_groups *g, uint32_t ref)
{
	uint32_t was = g->n_members + g->n_routers, n = 0;

	for (uint32_t i = 0; i < g->n_members; i++)
		if (g->member[i].ref != ref)
			g->member[n++] = g->member[i];
	g->n_members = n;
	n = 0;
	for (uint32_t i = 0; i < g->n_routers; i++)
		if (g->router[i].ref != ref)
			g->router[n++] = g->router[i];
	g->n_routers = n;
	return g->n_members + g->n_routers != was;
}

/* One port of one list, before the lists are put together. */
struct pair {
	uint64_t key;
	uint32_t ref;
};

static uint64_t
key_of(uint16_t domain, const uint8_t mac[6])
{
	uint64_t k = 0;

	memcpy(&k, mac, 6);
	return k | (uint64_t)domain << 48;
}

static int
by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->ref > y->ref) - (x->ref < y->ref);
}

static uint32_t
count_routers(const struct snoop_groups *g, uint16_t domain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_routers; i++)
		n += g->router[i].domain == domain;
	return n;
}

/* Another group's address may be the same as one of the link's, which everybody gets: RFC 4541, 2.1.2. */
static bool
is_everybodys(const uint8_t mac[6])
{
	static const uint8_t link4[5] = {0x01, 0x00, 0x5e}, nodes6[6] = {0x33, 0x33, 0, 0, 0, 1};

	return memcmp(mac, link4, sizeof(link4)) == 0 || memcmp(mac, nodes6, sizeof(nodes6)) == 0;
}

/* Every member, and every router once for itself and once for each member's group. */
static uint32_t
collect(const struct snoop_groups *g, struct pair *pair, uint32_t room)
{
	static const uint8_t none[6];
	uint8_t mac[6];
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_routers && n < room; i++)
		pair[n++] = (struct pair){key_of(g->router[i].domain, none), g->router[i].ref};
	for (uint32_t i = 0; i < g->n_members && n < room; i++) {
		const struct member *m = &g->member[i];

		snoop_group_mac(m->family, m->group, mac);
		if (is_everybodys(mac) || count_routers(g, m->domain) == 0)
			continue;
		pair[n++] = (struct pair){key_of(m->domain, mac), m->ref};
	}
	qsort(pair, n, sizeof(*pair), by_key);
	return n;
}

static uint32_t
slot_of(const struct snoop_table *t, uint64_t key)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t at = (uint32_t)(h >> 32) & t->mask;

	while (t->entry[at].key && t->entry[at].key != key)
		at = (at + 1) & t->mask;
	return at;
}

/* @ref joins an ascending list. */
static void
add_ref(struct snoop_ports *p, uint32_t ref)
{
	uint32_t at = 0;

	while (at < p->n && p->ref[at] < ref)
		at++;
	if (at < p->n && p->ref[at] == ref)
		return;
	memmove(&p->ref[at + 1], &p->ref[at], (p->n - at) * sizeof(p->ref[0]));
	p->ref[at] = ref;
	p->n++;
}

/* The list of one key: pair[0..n). Its routers too, which get everything. Returns words used. */
static uint32_t
put_list(struct snoop_table *t, const struct snoop_groups *g, const struct pair *pair, uint32_t n,
	 uint32_t at)
{
	struct snoop_ports *p = (struct snoop_ports *)(void *)(t->words + at);
	struct snoop_entry *e = &t->entry[slot_of(t, pair->key)];

	e->key = pair->key;
	e->ports = at;
	p->n = 0;
	for (uint32_t i = 0; i < n; i++)
		add_ref(p, pair[i].ref);
	for (uint32_t i = 0; i < g->n_routers; i++)
		if (g->router[i].domain == pair->key >> 48)
			add_ref(p, g->router[i].ref);
	return 1 + p->n;
}

static struct snoop_table *
build(const struct snoop_groups *g, const struct pair *pair, uint32_t n)
{
	uint32_t slots = 16, lists = 0, words = 0, at = 0, run;
	struct snoop_table *t;

	for (uint32_t i = 0; i < n; i++)
		lists += i == 0 || pair[i].key != pair[i - 1].key;
	while (slots < 2 * lists)
		slots *= 2;
	t = calloc(1, sizeof(*t) + slots * sizeof(t->entry[0]));
	if (!t)
		return NULL;
	t->mask = slots - 1;
	for (uint32_t i = 0; i < n; i += run) {
		for (run = 1; i + run < n && pair[i + run].key == pair[i].key;)
			run++;
		words += 1 + run + count_routers(g, (uint16_t)(pair[i].key >> 48));
	}
	t->words = calloc(words + 1, sizeof(*t->words));
	if (!t->words) {
		free(t);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i += run) {
		for (run = 1; i + run < n && pair[i + run].key == pair[i].key;)
			run++;
		at += put_list(t, g, pair + i, run, at);
	}
	return t;
}

struct snoop_table *
snoop_table_make(const struct snoop_groups *g, bool *ret_empty)
{
	uint32_t room = g->n_members + g->n_routers;
	struct snoop_table *t;
	struct pair *pair;

	*ret_empty = g->n_routers == 0;
	if (*ret_empty)
		return NULL;
	pair = calloc(room, sizeof(*pair));
	if (!pair)
		return NULL;
	t = build(g, pair, collect(g, pair, room));
	free(pair);
	return t;
}

void
snoop_table_free(const struct snoop_table *t)
{
	if (t)
		free(t->words);
	free((void *)t);
}

const struct snoop_ports *
snoop_table_find(const struct snoop_table *t, uint16_t domain, const uint8_t mac[6])
{
	const struct snoop_entry *e = &t->entry[slot_of(t, key_of(domain, mac))];

	return e->key ? (const struct snoop_ports *)(const void *)(t->words + e->ports) : NULL;
}
