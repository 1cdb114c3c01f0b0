/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as control requests and as frames: no crash; one answer at least to each request, its text
 * one line; the switch is only asked for what was checked; a frame gets a verdict that exists.
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

static struct swport **
find(struct model *m, const char *name)
{
	for (int i = 0; i < 2; i++)
		if (m->slot[i] && strcmp(m->slot[i]->cfg.name, name) == 0)
			return &m->slot[i];
	return NULL;
}

static int
add(void *sw, const struct port_cfg *cfg, struct err *e)
{
	struct model *m = sw;
	struct err again;
	uint32_t at = m->slot[0] ? 1 : 0;

	require(ctl_check_port(cfg, &again) == 0, "only a checked port is added");
	if (find(m, cfg->name))
		return err_set(e, EEXIST, "taken");
	if (m->slot[at])
		return err_set(e, ENOSPC, "full");
	m->slot[at] = swport_make(cfg, 1u << SWITCH_SLOT_BITS | at, 1);
	require(m->slot[at] != NULL, "memory");
	m->slot[at]->domain = 1;
	if (fwd_add(&m->f, m->slot[at], e) < 0) {
		require(e->text[0] != '\0', "words");
		fwd_collect(&m->f);
		free(m->slot[at]);
		m->slot[at] = NULL;
		return -e->code;
	}
	return 0;
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
	fwd_remove(&m->f, gone);
	fwd_collect(&m->f);
	free(gone);
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
	struct pkt pkt = {.domain = 1, .len = (uint32_t)size}, *all = &pkt;
	uint8_t frame[2048] = {0};
	uint32_t verdict;
	uint64_t bytes;
	uint16_t each[PKT_BURST];

	if (!m->slot[0])
		return;
	memcpy(frame, data, MIN_OF(size, sizeof(frame)));
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ctl_ops ops = {.add = add,
					   .remove = remove_port,
					   .stats = stats,
					   .next = next};
	struct model m = {0};
	struct ctl c = {.ops = &ops, .sw = &m};
	struct switch_req req;

	require(mac_table_init(&m.f.mac, MAC_TABLE_MIN, 1, 3) == 0, "memory");
	m.lane.fwd = &m.f;
	while (size >= sizeof(req)) {
		memcpy(&req, data, sizeof(req));
		data += sizeof(req);
		size -= sizeof(req);
		m.replies = 0;
		ctl_handle(&c, &req, reply, &m);
		require(m.replies > 0, "every request is answered");
	}
	forward(&m, data, size);
	for (int i = 0; i < 2; i++) {
		if (m.slot[i])
			fwd_remove(&m.f, m.slot[i]);
		free(m.slot[i]);
	}
	fwd_collect(&m.f);
	mac_table_fini(&m.f.mac);
	return 0;
}
