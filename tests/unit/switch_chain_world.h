/* SPDX-License-Identifier: Apache-2.0 */
/* A port with its chains and a lane without rings, for tests of stages. After cmocka.h. */
#ifndef CORELANE_TESTS_SWITCH_CHAIN_WORLD_H
#define CORELANE_TESTS_SWITCH_CHAIN_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/lane.h"
#include "vhost-user/watch.h"

struct world {
	struct lane *lane;
	struct swport *port;
	const struct chain *chain[CHAIN_SIDES];
	struct pkt pkt[PKT_BURST], *all[PKT_BURST];
	uint8_t bytes[PKT_BURST][2048];
	struct burst b;
};

static inline struct swport *
make_port(const char *name, const char *mirror_to)
{
	struct port_cfg cfg = {.queues = 1, .mtu = 1500, .mac_age_s = 300, .any_mac = 1};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	snprintf(cfg.network, sizeof(cfg.network), "net");
	snprintf(cfg.mirror_to, sizeof(cfg.mirror_to), "%s", mirror_to);
	cfg.mirror_in = mirror_to[0] != '\0';
	return swport_make(&cfg, 1u << SWITCH_SLOT_BITS, 1);
}

static inline void
world_up(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->lane = aligned_alloc(64, align_up(sizeof(*w->lane), 64));
	assert_non_null(w->lane);
	memset(w->lane, 0, sizeof(*w->lane));
	w->lane->domains = calloc(1, sizeof(struct domains));
	w->port = make_port("fw1/lan", "");
	assert_non_null(w->port);
}

static inline void
world_down(struct world *w)
{
	for (int i = 0; i < CHAIN_SIDES; i++)
		chain_free(w->chain[i]);
	watch_free(w->port);
	free(w->port);
	free(w->lane->domains);
	free(w->lane);
}

/* As the control thread does it. */
static inline void
rechain(struct world *w)
{
	for (int i = 0; i < CHAIN_SIDES; i++) {
		const struct chain *old = w->chain[i];
		struct err e = {0};

		assert_int_equal(chain_make(w->port, (enum chain_side)i, old, &w->chain[i], &e), 0);
		chain_free(old);
	}
}

/* @n frames of TCP to port 80, 81, ...; their heads are deep, the rest is body. */
static inline void
fill(struct world *w, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *f = w->bytes[i];

		for (uint32_t k = 0; k < len; k++)
			f[k] = (uint8_t)(k * 7 + i);
		memcpy(f, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45", 15);
		f[20] = f[21] = 0;
		f[23] = 6;
		memcpy(f + 26, "\x0a\0\0\1\x0a\0\0\2\x04\0\0", 11);
		f[37] = (uint8_t)(80 + i);
		w->pkt[i] = (struct pkt){.head = f,
					 .head_len = (uint16_t)MIN_OF(len, (uint32_t)PKT_DEEP),
					 .len = len,
					 .domain = 1};
		w->pkt[i].body = f + w->pkt[i].head_len;
		w->pkt[i].body_len = len - w->pkt[i].head_len;
		w->all[i] = &w->pkt[i];
	}
	w->b = (struct burst){.lane = w->lane,
			      .port = w->port,
			      .pkt = w->all,
			      .n = n,
			      .alive = (UINT64_C(1) << n) - 1};
}

static inline void
pass(struct world *w, enum chain_side side)
{
	if (w->chain[side])
		chain_run(w->chain[side], &w->b);
}

#endif
