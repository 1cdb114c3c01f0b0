/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any requests and a frame: no crash; one answer at least to each request, its text one line; the
 * switch is only asked for what was checked; a port that changes or cannot leaves no trace in the
 * tables; a frame gets a verdict that exists.
 *
 * A request is a good one with up to 15 pieces of it overwritten, so that inputs outlive changes of
 * its layout: an operation, one of the patterns below, a number of pieces; of each two bytes of place,
 * one of length, and what is written there. Operation 0 ends them; the rest is the frame.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/ctl.h"
#include "vhost-user/flow.h"
#include "vhost-user/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_switch_ctl: %s\n", what);
	abort();
}

/* A switch with room for two ports, and a forwarding table. */
struct model {
	struct lane lane;
	struct fwd f;
	struct swport *slot[2];
	unsigned int replies;
};

static struct domains domains;

static struct swport **
find(struct model *m, const char *name)
{
	for (int i = 0; i < 2; i++)
		if (m->slot[i] && strcmp(m->slot[i]->cfg.name, name) == 0)
			return &m->slot[i];
	return NULL;
}

static void
forget(struct model *m, struct swport *p)
{
	fwd_remove(&m->f, p);
	fwd_collect(&m->f);
	domain_leave(&domains, &p->member);
	free(p);
}

static int
add(void *sw, const struct port_cfg *cfg, struct err *e)
{
	struct model *m = sw;
	struct err again;
	uint32_t at = m->slot[0] ? 1 : 0;
	struct swport *p;

	require(ctl_check_port(cfg, &again) == 0, "only a checked port is added");
	if (find(m, cfg->name))
		return err_set(e, EEXIST, "taken");
	if (m->slot[at])
		return err_set(e, ENOSPC, "full");
	p = swport_make(cfg, 1u << SWITCH_SLOT_BITS | at, 1);
	require(p != NULL, "memory");
	if (domain_join(&domains, cfg, NULL, &p->member, e) < 0) {
		free(p);
		return -e->code;
	}
	swport_refresh(p);
	if (fwd_add(&m->f, p, e) < 0) {
		require(e->text[0] != '\0', "words");
		forget(m, p);
		return -e->code;
	}
	m->slot[at] = p;
	return 0;
}

/* As switch_ports.c does it, without chains. */
static int
set(void *sw, const struct port_cfg *cfg, struct err *e)
{
	struct model *m = sw;
	struct swport **slot = find(m, cfg->name), *p;
	struct membership old, new;
	struct port_cfg was;

	require(ctl_check_port(cfg, &(struct err){0}) == 0, "only a checked port is set");
	if (!slot)
		return err_set(e, ENOENT, "no such port");
	p = *slot;
	was = p->cfg;
	old = p->member;
	if (domain_join(&domains, cfg, &old, &new, e) < 0)
		return -e->code;
	p->cfg = *cfg;
	p->member = new;
	swport_refresh(p);
	if (fwd_change(&m->f, p, &old, e) == 0) {
		fwd_collect(&m->f);
		domain_leave(&domains, &old);
		return 0;
	}
	p->cfg = was;
	p->member = old;
	swport_refresh(p);
	fwd_undo(&m->f, p, &new);
	fwd_collect(&m->f);
	domain_leave(&domains, &new);
	return -e->code;
}

static int
remove_port(void *sw, const char *name, struct err *e)
{
	struct model *m = sw;
	struct swport **p = find(m, name), *gone;

	require(strnlen(name, PORT_NAME_LEN) < PORT_NAME_LEN, "a name ends");
	if (!p)
		return err_set(e, ENOENT, "no such port");
	gone = *p;
	*p = NULL;
	forget(m, gone);
	return 0;
}

static int
stats(void *sw, const char *name, struct port_cfg *ret_cfg, struct port_stats *ret, struct err *e)
{
	struct swport **p = find(sw, name);

	if (!p)
		return err_set(e, ENOENT, "no such port");
	*ret_cfg = (*p)->cfg;
	swport_stats(*p, ret);
	return 0;
}

static bool
next(void *sw, uint32_t *at, struct port_cfg *ret_cfg, struct port_stats *ret)
{
	struct model *m = sw;

	for (; *at < 2; (*at)++) {
		if (!m->slot[*at])
			continue;
		*ret_cfg = m->slot[*at]->cfg;
		swport_stats(m->slot[(*at)++], ret);
		return true;
	}
	return false;
}

static bool
reply(void *client, const struct switch_reply *r)
{
	struct model *m = client;

	m->replies++;
	require(memchr(r->text, '\0', sizeof(r->text)) != NULL, "a text ends");
	require((r->error == 0) == (r->text[0] == '\0'), "words exactly with an error");
	for (const char *c = r->text; *c; c++)
		require((unsigned char)*c >= 0x20, "a text is one line");
	return true;
}

/* The rest of the input is one frame, from the first port. */
static void
forward(struct model *m, const uint8_t *data, size_t size)
{
	struct pkt pkt = {.len = (uint32_t)size}, *all = &pkt;
	uint8_t frame[2048] = {0};
	uint32_t verdict;
	uint64_t bytes;
	uint16_t each[PKT_BURST];

	if (!m->slot[0])
		return;
	memcpy(frame, data, MIN_OF(size, sizeof(frame)));
	pkt.domain = m->slot[0]->member.n ? m->slot[0]->member.id[0] : 0;
	pkt.head = frame;
	pkt.head_len = PKT_HEAD;
	for (int again = 0; again < 2; again++) {
		bool same = fwd_remembered(&m->lane, m->slot[0], &all, 1, &verdict, &bytes);

		fwd_decide(&m->lane, m->slot[0], &all, 1, each);
		require(each[0] < FWD_KINDS, "a verdict that exists");
		require(each[0] >= SWITCH_PORTS_MAX || (each[0] < 2 && m->slot[each[0]]),
			"a port that exists");
		require(!same || verdict == each[0], "what is remembered is what is decided");
	}
	if (size <= sizeof(frame))
		flow_hash(data, (uint32_t)size);
	fwd_tick(&m->f);
	fwd_age(&m->lane);
}

static void
good_port(struct port_cfg *c, uint8_t pattern)
{
	*c = (struct port_cfg){
		.name = "p", .network = "n", .queues = 1, .mtu = 1500, .mac_age_s = 300};
	c->name[0] = (char)('p' + (pattern >> 3 & 1));
	c->kind = pattern & 3;
	c->vlan_mode = (pattern >> 4) % PORT_VLAN_MODES;
	c->vlan = c->vlan_mode == PORT_TRUNK ? 0 : 5;
	c->native_vlan = c->vlan_mode == PORT_TRUNK ? 5 : 0;
	if (c->kind == PORT_VHOST) {
		c->socket[0] = '/';
		c->mac[0] = 2;
		c->any_mac = pattern >> 2 & 1;
	} else if (c->kind == PORT_VXLAN) {
		c->vxlan.udp_port = 4789;
		c->vxlan.over[0] = 'o';
		c->vxlan.local = (struct port_ip){4, 24, {192, 0, 2, 1}};
		c->vxlan.peer[0] = (struct port_ip){4, 32, {192, 0, 2, 2}};
	} else {
		c->device[0][0] = 'd';
	}
}

/* One request off the front of the input; false: there is none. */
static bool
next_request(const uint8_t **data, size_t *size, struct switch_req *ret)
{
	uint8_t pieces;

	if (*size < 3 || (*data)[0] == 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->op = (*data)[0];
	good_port(&ret->port, (*data)[1]);
	pieces = (*data)[2] & 15;
	*data += 3;
	*size -= 3;
	while (pieces-- && *size >= 3) {
		size_t at = ((size_t)(*data)[0] << 8 | (*data)[1]) % sizeof(*ret);
		size_t n = MIN_OF((size_t)(*data)[2], MIN_OF(*size - 3, sizeof(*ret) - at));

		memcpy((uint8_t *)ret + at, *data + 3, n);
		*data += 3 + n;
		*size -= 3 + n;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ctl_ops ops = {
		.add = add, .set = set, .remove = remove_port, .stats = stats, .next = next};
	static struct model m;
	struct ctl c = {.ops = &ops, .sw = &m};
	struct switch_req req;

	memset(&m, 0, sizeof(m));
	require(mac_table_init(&m.f.mac, MAC_TABLE_MIN, 1, 3) == 0, "memory");
	m.lane.fwd = &m.f;
	while (next_request(&data, &size, &req)) {
		m.replies = 0;
		ctl_handle(&c, &req, reply, &m);
		require(m.replies > 0, "every request is answered");
	}
	forward(&m, data, size);
	for (int i = 0; i < 2; i++)
		if (m.slot[i])
			forget(&m, m.slot[i]);
	for (int i = 0; i <= DOMAINS_MAX; i += 64)
		require(m.f.flood[i] == NULL && domains.d[i].ports == 0, "nothing is left");
	mac_table_fini(&m.f.mac);
	return 0;
}
