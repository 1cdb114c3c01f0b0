/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any frames through the stages of any two ports, from one to the other, and a change of the second in
 * between: nothing is read or written beyond, a frame's parts add up to its length, it is in a domain
 * of the port that it came from and leaves through one that carries it, and every frame that does not
 * go on is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/ctl.h"
#include "vhost-user/lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_switch_feat: %s\n", what);
	abort();
}

struct input {
	const uint8_t *at;
	size_t left;
};

static uint32_t
take(struct input *in, uint32_t below)
{
	uint32_t v = 0;

	for (uint32_t most = 1; most < below && in->left; most <<= 8, in->left--)
		v = v << 8 | *in->at++;
	return below ? v % below : 0;
}

static struct port_policer
take_rate(struct input *in)
{
	struct port_policer r = {0};

	if (take(in, 3))
		return r;
	r.rate = 1 + take(in, 1u << 24);
	r.burst = 1518 + take(in, 1u << 16);
	r.excess = take(in, 2) ? 0 : 1518 + take(in, 1u << 16);
	r.peak = r.excess && take(in, 2) ? r.rate + take(in, 1u << 24) : 0;
	return r;
}

static struct port_cfg
take_port(struct input *in, char name)
{
	struct port_cfg c = {.network = "n",
			     .socket = "/s",
			     .mac = {2},
			     .queues = 1,
			     .mtu = 1500,
			     .mac_age_s = 9};

	c.name[0] = name;
	c.vlan_mode = (uint8_t)take(in, PORT_VLAN_MODES);
	if (c.vlan_mode == PORT_TRUNK) {
		c.native_vlan = (uint16_t)take(in, 4);
		c.trunk[0] = take(in, 256) & ~1u;
		c.trunk[63] = take(in, 2) ? UINT64_C(1) << 62 : 0;
	} else {
		c.vlan = (uint16_t)take(in, 8);
	}
	for (uint32_t i = 0, n = take(in, 4); i < n; i++) {
		c.ip[i].family = take(in, 2) ? 4 : 6;
		c.ip[i].prefix = (uint8_t)take(in, c.ip[i].family == 4 ? 33 : 129);
		for (int k = 0; k < (c.ip[i].family == 4 ? 4 : 16); k++)
			c.ip[i].addr[k] = (uint8_t)take(in, 256);
	}
	c.any_ip = (uint8_t)take(in, 2);
	c.police_in = take_rate(in);
	c.police_out = take_rate(in);
	c.shape_out = take_rate(in);
	c.shape_out.peak = 0;
	c.strict = c.shape_out.rate && take(in, 2);
	return c;
}

struct side {
	struct swport *port;
	const struct chain *in, *out;
};

/* False: the switch would have refused it. */
static bool
begin(struct domains *ds, const struct port_cfg *cfg, struct side *ret)
{
	struct err e = {0};

	if (ctl_check_port(cfg, &e) < 0)
		return false;
	ret->port = swport_make(cfg, 1, 1);
	require(ret->port != NULL, "memory");
	if (domain_join(ds, cfg, NULL, &ret->port->member, &e) < 0) {
		free(ret->port);
		return false;
	}
	swport_refresh(ret->port);
	require(chain_make(ret->port, CHAIN_IN, NULL, &ret->in, &e) == 0, "a chain in");
	require(chain_make(ret->port, CHAIN_OUT, NULL, &ret->out, &e) == 0, "a chain out");
	return true;
}

static void
end(struct domains *ds, struct side *s)
{
	chain_free(s->in);
	chain_free(s->out);
	domain_leave(ds, &s->port->member);
	free(s->port);
}

/* The second port's rates and priorities are others from now on; what waits in it stays. */
static void
change(struct side *s, struct input *in)
{
	const struct chain *old = s->out;
	struct err e = {0};

	s->port->cfg.police_out = take_rate(in);
	s->port->cfg.shape_out = take_rate(in);
	s->port->cfg.shape_out.peak = 0;
	s->port->cfg.strict = (uint8_t)take(in, 2);
	if (ctl_check_port(&s->port->cfg, &e) < 0)
		s->port->cfg.strict = 0;
	require(chain_make(s->port, CHAIN_OUT, old, &s->out, &e) == 0, "another chain out");
	chain_free(old);
}

static uint64_t
drops(const struct swport *p)
{
	struct port_stats st;
	uint64_t n = 0;

	swport_stats(p, &st);
	for (int i = 0; i < DROP_CAUSES; i++)
		n += st.drops[i];
	return n;
}

static uint32_t
parts(const struct pkt *p)
{
	return p->head_len + p->body_len;
}

/* An empty burst of @port as a lane has it in hand. */
static struct burst
make_burst(struct lane *lane, struct lane_scratch *s, struct swport *port)
{
	struct burst b = {.lane = lane, .port = port, .pkt = s->all};

	for (uint32_t i = 0; i < PKT_BURST; i++)
		s->all[i] = &s->pkt[i];
	return b;
}

static void
add_frame(struct lane_scratch *s, struct burst *b, const uint8_t *frame, uint32_t len,
	  uint32_t want, const struct pkt *like)
{
	uint32_t i = b->n++;
	uint32_t head = MIN_OF(len, want);

	s->pkt[i] = *like;
	s->pkt[i].head = s->head[i] + PKT_HEADROOM;
	memcpy(s->pkt[i].head, frame, head);
	s->pkt[i].head_len = (uint16_t)head;
	s->pkt[i].body = frame + head;
	s->pkt[i].body_len = len - head;
	s->pkt[i].len = len;
	s->pkt[i].more = NULL;
	s->pkt[i].n_more = 0;
	b->alive |= UINT64_C(1) << i;
}

static void
leave(struct lane *lane, struct side *to, const struct pkt *pkt)
{
	struct lane_scratch *s = &lane->out[0];
	uint32_t want = to->out && to->out->deep ? PKT_DEEP : PKT_HEAD;
	struct burst b = make_burst(lane, s, to->port);
	uint8_t *frame = malloc(pkt->len ? pkt->len : 1);

	require(frame != NULL, "memory");
	pkt_copy(pkt, frame);
	add_frame(s, &b, frame, pkt->len, want, pkt);
	if (to->out)
		chain_run(to->out, &b);
	if (b.alive) {
		require(parts(&s->pkt[0]) == s->pkt[0].len, "what leaves adds up");
		require(s->pkt[0].len == pkt->len || s->pkt[0].len == pkt->len + 4,
			"a tag at most");
		require(s->pkt[0].head >= s->head[0] + PKT_HEADROOM - 4, "a head in its room");
	}
	free(frame);
}

static void
cross(struct lane *lane, struct side *from, struct side *to, struct input *in)
{
	struct burst b = make_burst(lane, &lane->in, from->port);
	uint32_t said = take(in, 512), len = MIN_OF(said, (uint32_t)in->left);
	const uint32_t want = PKT_DEEP + 8;
	uint64_t before = drops(from->port);
	uint8_t *frame = malloc(len ? len : 1);
	struct pkt like = {.domain = from->port->member.untagged};

	require(frame != NULL, "memory");
	memcpy(frame, in->at, len);
	in->at += len;
	in->left -= len;
	like.flags = take(in, 4) == 1 ? PKT_OFFLOAD : 0;
	like.off.flags = (uint8_t)take(in, 2);
	like.off.csum_start = (uint16_t)take(in, len + 1);
	like.off.hdr_len = (uint16_t)take(in, len + 1);
	like.off.gso_type = (uint8_t)take(in, 2);
	add_frame(&lane->in, &b, frame, len, want, &like);
	if (from->in)
		chain_run(from->in, &b);
	require((b.alive == 0) == (drops(from->port) == before + 1), "a drop is counted once");
	if (b.alive) {
		const struct pkt *p = &lane->in.pkt[0];

		require(parts(p) == p->len && (p->len == len || p->len + 4 == len), "parts add up");
		require(p->head_len >= MIN_OF(p->len, PKT_HEAD), "a head is long enough");
		if (from->in && from->port->cfg.vlan_mode != PORT_ACCESS)
			require(domain_is_member(&from->port->member, p->domain), "its domain");
		if (domain_is_member(&to->port->member, p->domain))
			leave(lane, to, p);
	}
	free(frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct domains ds;
	static struct lane lane;
	struct input in = {data, size};
	struct port_cfg a = take_port(&in, 'a'), b = take_port(&in, 'b');
	struct side from, to;

	lane.tsc_hz = 1000000000;
	lane.now = 1000000000;
	lane.lanes = 1;
	lane.domains = &ds;
	if (!begin(&ds, &a, &from))
		return 0;
	if (!begin(&ds, &b, &to)) {
		end(&ds, &from);
		return 0;
	}
	while (in.left) {
		cross(&lane, &from, &to, &in);
		lane.now += take(&in, 1u << 24);
		for (uint32_t i = 0; to.out && i < to.out->n; i++)
			if (to.out->stage[i].feature->round)
				to.out->stage[i].feature->round(&lane, to.port,
								to.out->stage[i].state);
		if (take(&in, 16) == 1)
			change(&to, &in);
	}
	end(&ds, &to);
	end(&ds, &from);
	return 0;
}
