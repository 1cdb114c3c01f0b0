/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/handover_switch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "vhost-user/handover.h"
#include "vhost-user/vhost.h"
#include "vhost-user/vhost_attach.h"

/* NOLINTNEXTLINE(misc-redundant-expression): so that they stay so */
_Static_assert(HANDOVER_RINGS_MAX == VHOST_RINGS, "one number for the rings of a port");
_Static_assert(HANDOVER_PORTS_MAX == SWITCH_PORTS_MAX, "one number of ports");

#define STAGE_MS 5000 /* for front ends to set the new connections up */

static struct swport *
port_in(const struct lane_switch *sw, uint32_t slot)
{
	return atomic_load_explicit(&sw->fwd.slot[slot], memory_order_relaxed);
}

/* --- the old switch --- */

static int
halt(void *arg, struct err *e)
{
	struct handover *h = arg;

	(void)e;
	h->lanes.stop(h->lanes.arg);
	/* Shapers: for their senders these frames are sent. What finds no room is counted. */
	for (uint32_t i = 0; i < h->sw->n_lanes; i++)
		lane_empty(&h->sw->lane[i]);
	return 0;
}

static void
go_on(void *arg)
{
	struct handover *h = arg;
	struct err e = {0};

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if (port_in(h->sw, i) && port_in(h->sw, i)->cfg.kind == PORT_VHOST)
			attach_give_up(port_in(h->sw, i));
	if (h->lanes.start(h->lanes.arg, &e) < 0)
		log_err("%s", e.text);
}

static void
give(void *arg, struct handover_port *port)
{
	struct handover *h = arg;
	struct swport *p = switch_find(h->sw, port->name);
	uint32_t rings;
	bool packed;

	if (!p || p->cfg.kind != PORT_VHOST)
		return;
	rings = attach_give(p, &packed, port->base);
	port->taken = rings && rings == port->rings && packed == (port->packed != 0);
	swport_stats(p, &port->stats);
}

struct mac_list {
	const struct lane_switch *sw;
	const struct handover_state *own;
	struct handover_mac *ret;
	uint32_t n, max;
	uint32_t now;
	uint32_t index[SWITCH_PORTS_MAX]; /* by slot: in own->port[], + 1 */
};

static void
list_mac(void *arg, uint64_t key, uint32_t ref, uint32_t until)
{
	struct mac_list *l = arg;
	uint32_t slot = ref & SWITCH_SLOT_MASK, index = l->index[slot], age;
	const struct swport *p = port_in(l->sw, slot);
	struct handover_mac *m = &l->ret[l->n];

	if ((ref & MAC_DECLARED) || !p || p->ref != ref || !index || l->n == l->max ||
	    until < l->now)
		return;
	age = p->mac_age_s;
	*m = (struct handover_mac){
		.port = index - 1,
		.vlan = l->sw->domains.d[key >> 48].vlan,
		.age_s = until - l->now < age ? age - (until - l->now) : 0,
	};
	for (int i = 0; i < 6; i++)
		m->mac[i] = (uint8_t)(key >> 8 * i);
	l->n++;
}

static uint32_t
macs(void *arg, const struct handover_state *own, struct handover_mac *ret, uint32_t max)
{
	struct handover *h = arg;
	struct mac_list l = {.sw = h->sw, .own = own, .ret = ret, .max = max};

	l.now = atomic_load_explicit(&h->sw->fwd.now, memory_order_relaxed);
	for (uint32_t i = 0; i < own->n_ports; i++) {
		const struct swport *p = switch_find(h->sw, own->port[i].name);

		if (p)
			l.index[p->ref & SWITCH_SLOT_MASK] = i + 1;
	}
	mac_walk(&h->sw->fwd.mac, list_mac, &l);
	return l.n;
}

/* --- the new switch --- */

static uint32_t
ports(void *arg, struct handover_port *ret, uint32_t max)
{
	struct handover *h = arg;
	uint32_t n = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX && n < max; i++) {
		struct swport *p = port_in(h->sw, i);
		uint32_t rings;
		bool packed;

		if (!p || p->cfg.kind != PORT_VHOST)
			continue;
		rings = attach_staged(p, &packed);
		ret[n] = (struct handover_port){.rings = rings, .packed = packed};
		memcpy(ret[n].name, p->cfg.name, sizeof(ret[n].name));
		n++;
	}
	return n;
}

static uint16_t
domain_of_vlan(const struct lane_switch *sw, const struct swport *p, uint16_t vlan)
{
	for (uint32_t i = 0; i < p->member.n; i++)
		if (sw->domains.d[p->member.id[i]].vlan == vlan)
			return p->member.id[i];
	return 0;
}

static void
learn(void *arg, const struct handover_port *port, const struct handover_mac *m)
{
	struct handover *h = arg;
	struct swport *p = switch_find(h->sw, port->name);
	struct fwd *f = &h->sw->fwd;
	uint16_t domain;
	uint32_t age, old = 0;
	enum mac_learn r;

	domain = p ? domain_of_vlan(h->sw, p, m->vlan) : 0;
	if (!domain || (m->mac[0] & 1) || !(p->flags & SWPORT_ANY_MAC) ||
	    (p->mac_limit && p->macs >= p->mac_limit))
		return;
	age = m->age_s < p->mac_age_s ? p->mac_age_s - m->age_s : 0;
	mac_lock(&f->mac);
	r = mac_learn(&f->mac, mac_key_of(m->mac, domain), p->ref,
		      atomic_load_explicit(&f->now, memory_order_relaxed) + age, &old);
	/* nobody else learns yet, and an address has one port: it does not move */
	if (r == MAC_NEW)
		p->macs++;
	mac_unlock(&f->mac);
}

static void
take(void *arg, const struct handover_port *port)
{
	struct handover *h = arg;
	struct swport *p = switch_find(h->sw, port->name);
	struct err e = {0};

	if (!p)
		return;
	swport_count_on(p, &port->stats);
	if (port->taken && attach_take(p, port->rings, port->base))
		return;
	/* A front end that has one back end at a time, or has not come this far: it connects anew. */
	vhost_close(p);
	if (vhost_open(p, &e) < 0)
		log_err("%s", e.text);
}

static int
begin(void *arg, struct err *e)
{
	struct handover *h = arg;

	h->waiting = false;
	return h->lanes.start(h->lanes.arg, e);
}

static const struct handover_ops ops = {
	.halt = halt,
	.go_on = go_on,
	.give = give,
	.macs = macs,
	.ports = ports,
	.learn = learn,
	.take = take,
	.begin = begin,
};

/* --- the request --- */

/* How many ports have no connection that could be taken over, and the first of them. */
static uint32_t
unstaged(struct handover *h, const char **ret_first)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct swport *p = port_in(h->sw, i);
		bool packed;

		if (!p || p->cfg.kind != PORT_VHOST || attach_staged(p, &packed))
			continue;
		if (n++ == 0)
			*ret_first = p->cfg.name;
	}
	return n;
}

/* Waits until all ports are set up, or no longer; the answer says which are not. */
static void
stage(struct handover *h, struct switch_reply *r)
{
	const struct timespec step = {.tv_nsec = 1000000};
	uint64_t end = clock_now_ns() + STAGE_MS * 1000000ull;
	const char *first = "";
	uint32_t left;

	while ((left = unstaged(h, &first)) > 0 && clock_now_ns() < end)
		nanosleep(&step, NULL);
	r->n = left;
	if (left)
		snprintf(r->text, sizeof(r->text),
			 "%u ports have no front end, or one that takes no second back end: these "
			 "connect anew and lose frames (first: %.120s)",
			 left, first);
}

static void
finish(struct switch_reply *r, int result, uint32_t n, const struct err *e)
{
	r->n = n;
	r->text[0] = '\0';
	if (result == 0)
		return;
	r->error = e->code ? e->code : -result;
	snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, e->text);
}

static void
take_over(struct handover *h, struct switch_reply *r, int sock, ctl_reply_fn reply, void *client)
{
	struct err e = {0};
	uint32_t n = 0;
	uint64_t us = 0;
	int result;

	stage(h, r);
	r->more = 1;
	if (!reply(client, r))
		return;
	r->more = 0;
	attach_stage(false); /* who connects from now on does so for good */
	result = handover_take(&ops, h, sock, &n, &us, &e);
	if (result == 0)
		log_info("took over %u ports from the switch before; nothing was served for %llu "
			 "us",
			 n, (unsigned long long)us);
	else
		log_err("%s", e.text);
	finish(r, result, n, &e);
	reply(client, r);
}

bool
handover_handle(void *arg, const struct switch_req *req, int sock, ctl_reply_fn reply, void *client)
{
	struct handover *h = arg;
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};
	uint32_t n = 0;
	int result;

	if (sock < 0)
		err_set(&e, EINVAL, "hand-over: no socket to the other switch came along");
	else if (h->library)
		err_set(&e, ENOTSUP, "hand-over: not with --rings library");
	if (e.code) {
		ctl_answer(&r, &e, reply, client);
		return false;
	}
	if (h->waiting) {
		take_over(h, &r, sock, reply, client);
		return false;
	}
	result = handover_give(&ops, h, sock, &n, &e);
	if (result == 0)
		log_info("handed %u ports over to another switch", n);
	else
		log_warn("%s; going on", e.text);
	finish(&r, result, n, &e);
	reply(client, &r);
	return result == 0;
}
