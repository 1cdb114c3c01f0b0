/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about addresses and forwarding threads, and a port's move to another one. */
#include <errno.h>
#include <string.h>

#include "vhost-user/switch.h"

struct asked {
	struct lane_switch *sw;
	const struct swport *only; /* NULL: of all ports */
	ctl_reply_fn reply;
	void *client;
	bool gone; /* the client is */
	struct switch_reply r;
};

static void
send_macs(struct asked *a, bool more)
{
	a->r.more = more;
	if (!a->gone)
		a->gone = !a->reply(a->client, &a->r);
	a->r.n = 0;
	memset(a->r.mac, 0, sizeof(a->r.mac));
}

static void
each_mac(void *arg, uint64_t key, uint32_t ref, uint32_t until)
{
	struct asked *a = arg;
	const struct fwd *f = &a->sw->fwd;
	uint32_t owner = ref & ~MAC_DECLARED, now = f->now;
	const struct swport *p = f->slot[owner & SWITCH_SLOT_MASK];
	struct switch_mac *m;
	uint32_t age;

	if (a->gone || !p || p->ref != owner || (a->only && p != a->only))
		return;
	/* an address is refreshed to be believed for its port's time from then on */
	age = now + p->mac_age_s - until;
	if (!(ref & MAC_DECLARED) && until < now)
		return;
	if (a->r.n == SWITCH_MACS_A_REPLY)
		send_macs(a, true);
	m = &a->r.mac[a->r.n++];
	memcpy(m->port, p->cfg.name, sizeof(m->port));
	memcpy(m->mac, &key, sizeof(m->mac));
	m->vlan = (uint16_t)(domain_tag(&a->sw->domains, (uint16_t)(key >> 48)) & 0xffff);
	m->kind = ref & MAC_DECLARED ? MAC_STATIC : MAC_LEARNT;
	m->age_s = m->kind == MAC_LEARNT && age <= p->mac_age_s ? age : 0;
}

static void
macs(struct lane_switch *sw, const struct switch_req *req, const struct swport *only,
     ctl_reply_fn reply, void *client)
{
	struct asked a = {.sw = sw, .only = only, .reply = reply, .client = client};

	a.r = ctl_make_reply(req);
	mac_walk(&sw->fwd.mac, each_mac, &a);
	send_macs(&a, false);
}

static uint64_t
ns_of(const struct lane *lane, uint64_t ticks)
{
	return (uint64_t)((double)ticks * 1e9 / (double)lane->tsc_hz);
}

static void
lanes(const struct lane_switch *sw, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	for (uint32_t i = 0; i < sw->n_lanes; i++) {
		const struct lane *l = &sw->lane[i];
		struct switch_reply r = ctl_make_reply(req);

		r.more = i + 1 < sw->n_lanes;
		r.n = 1;
		r.lane = (struct switch_lane){
			.number = i,
			.cpu = (uint32_t)l->cpu,
			.node = l->node,
			.frames = counter_get(&l->count.frames),
			.rounds = counter_get(&l->count.rounds),
			.busy = counter_get(&l->count.busy),
			.busy_ns = ns_of(l, counter_get(&l->count.busy_tsc)),
			.idle_ns = ns_of(l, counter_get(&l->count.idle_tsc)),
			.sleeps = counter_get(&l->count.sleeps),
			.slept_ns = ns_of(l, counter_get(&l->count.slept_tsc)),
			.handed_over = counter_get(&l->count.handed_over),
		};
		for (uint32_t k = 0; k < SWITCH_PORTS_MAX; k++)
			r.lane.ports += sw->fwd.slot[k] && sw->fwd.slot[k]->lane == i;
		if (!reply(client, &r))
			return;
	}
}

static int
move(struct lane_switch *sw, struct swport *p, uint32_t lane, struct err *e)
{
	if (lane >= sw->n_lanes)
		return err_set(e, EINVAL,
			       "port %s: there is no forwarding thread %u; the switch has %u, "
			       "numbered from 0",
			       p->cfg.name, lane, sw->n_lanes);
	if (switch_move(sw, p, lane) < 0)
		return err_sys(e, ENOMEM, "port %s: move", p->cfg.name);
	p->pinned = true;
	return 0;
}

void
switch_ask(void *arg, const struct switch_req *req, ctl_reply_fn reply, void *client)
{
	struct lane_switch *sw = arg;
	struct switch_reply r = ctl_make_reply(req);
	struct swport *p = NULL;
	struct err e = {0};

	if (req->op == SWITCH_OP_LANES) {
		lanes(sw, req, reply, client);
		return;
	}
	if (req->port.name[0] != '\0')
		p = switch_find(sw, req->port.name);
	if (req->op == SWITCH_OP_MACS && (p || req->port.name[0] == '\0')) {
		macs(sw, req, p, reply, client);
		return;
	}
	if (!p)
		err_set(&e, ENOENT, "port %s: no such port", req->port.name);
	else
		move(sw, p, req->arg, &e);
	ctl_answer(&r, &e, reply, client);
}
