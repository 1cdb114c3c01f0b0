/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#include "base/util.h"
#include "vhost-user/stats_sum.h"

#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define dict_u64 rte_tel_data_add_dict_uint
#else
#define dict_u64 rte_tel_data_add_dict_u64
#endif

/* A reply has 16 KiB: names in one. (Lists of objects, 22.11 cannot make.) */
#define NAMES_MAX 96

/* DPDK's callbacks carry nothing of ours. The lock: RCU knows one reader. */
static struct {
	pthread_mutex_t lock;
	struct lane_switch *sw;
	uint32_t reader;
} tel = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* NULL: the switch is ending. Between these two no port goes away. */
static struct lane_switch *
begin(void)
{
	pthread_mutex_lock(&tel.lock);
	if (tel.sw)
		rcu_online(tel.sw->rcu, tel.reader);
	return tel.sw;
}

static void
end(void)
{
	if (tel.sw)
		rcu_offline(tel.sw->rcu, tel.reader);
	pthread_mutex_unlock(&tel.lock);
}

static void
add_stats(struct rte_tel_data *d, const struct port_stats *s)
{
	dict_u64(d, "rx_packets", s->rx_packets);
	dict_u64(d, "rx_bytes", s->rx_bytes);
	dict_u64(d, "tx_packets", s->tx_packets);
	dict_u64(d, "tx_bytes", s->tx_bytes);
	dict_u64(d, "flooded", s->flooded);
	dict_u64(d, "learned", s->learned);
	dict_u64(d, "moved", s->moved);
	dict_u64(d, "aged", s->aged);
	dict_u64(d, "not_learned", s->not_learned);
	dict_u64(d, "macs", s->macs);
	dict_u64(d, "connected", s->connected);
	dict_u64(d, "connects", s->connects);
	dict_u64(d, "bad_guest", s->bad_guest);
}

/* Names of counters may hold letters, digits, _ and / only. */
static void
add_drops(struct rte_tel_data *d, const struct port_stats *s)
{
	for (int i = 0; i < DROP_CAUSES; i++) {
		char name[40] = "drop_";

		strncat(name, switch_drop_name((enum switch_drop)i), sizeof(name) - 6);
		for (char *c = name; *c; c++)
			if (*c == '-' || *c == ' ')
				*c = '_';
		dict_u64(d, name, s->drops[i]);
	}
}

/* /corelane/ports[,FROM]: names; the rest of more than NAMES_MAX is asked for by their number. */
static int
ports(const char *cmd, const char *params, struct rte_tel_data *d)
{
	unsigned long from = params ? strtoul(params, NULL, 10) : 0, n = 0;
	struct lane_switch *sw = begin();

	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; sw && i < SWITCH_PORTS_MAX && n < from + NAMES_MAX; i++) {
		const struct swport *p = sw->fwd.slot[i];

		if (p && n++ >= from)
			rte_tel_data_add_array_string(d, p->cfg.name);
	}
	end();
	return 0;
}

static int
port(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct lane_switch *sw = begin();
	const struct swport *p = sw && params ? switch_find(sw, params) : NULL;
	struct port_stats s;

	if (p) {
		swport_stats(p, &s);
		rte_tel_data_start_dict(d);
		rte_tel_data_add_dict_string(d, "network", p->cfg.network);
		dict_u64(d, "vlan", p->cfg.vlan);
		dict_u64(d, "lane", p->lane);
		add_stats(d, &s);
		add_drops(d, &s);
	}
	end();
	return p ? 0 : -ENOENT;
}

/* /corelane/networks[,FROM]: names, as with ports. */
static int
networks(const char *cmd, const char *params, struct rte_tel_data *d)
{
	unsigned long from = params ? strtoul(params, NULL, 10) : 0, n = 0;
	struct lane_switch *sw = begin();
	struct stats_sum sum;

	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; sw && i < SWITCH_PORTS_MAX && n < from + NAMES_MAX; i++)
		if (stats_sum_network(&sw->fwd, i, &sum) && n++ >= from)
			rte_tel_data_add_array_string(d, sum.network);
	end();
	return 0;
}

static int
network(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct lane_switch *sw = begin();
	struct stats_sum sum;
	bool found = false;

	for (uint32_t i = 0; sw && params && !found && i < SWITCH_PORTS_MAX; i++)
		found = stats_sum_network(&sw->fwd, i, &sum) && strcmp(sum.network, params) == 0;
	end();
	if (!found)
		return -ENOENT;
	rte_tel_data_start_dict(d);
	dict_u64(d, "ports", sum.ports);
	add_stats(d, &sum.stats);
	add_drops(d, &sum.stats);
	return 0;
}

static int
lanes(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct lane_switch *sw = begin();

	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	for (uint32_t i = 0; sw && i < sw->n_lanes; i++)
		rte_tel_data_add_array_int(d, (int)i);
	end();
	return 0;
}

static int
lane(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct lane_switch *sw = begin();
	unsigned long number = params ? strtoul(params, NULL, 10) : LANES_MAX;
	const struct lane *l = sw && number < sw->n_lanes ? &sw->lane[number] : NULL;

	if (l) {
		rte_tel_data_start_dict(d);
		rte_tel_data_add_dict_int(d, "cpu", l->cpu);
		rte_tel_data_add_dict_int(d, "node", l->node);
		dict_u64(d, "frames", counter_get(&l->count.frames));
		dict_u64(d, "rounds", counter_get(&l->count.rounds));
		dict_u64(d, "busy_rounds", counter_get(&l->count.busy));
		dict_u64(d, "busy_tsc", counter_get(&l->count.busy_tsc));
		dict_u64(d, "idle_tsc", counter_get(&l->count.idle_tsc));
		dict_u64(d, "sleeps", counter_get(&l->count.sleeps));
		dict_u64(d, "tsc_hz", l->tsc_hz);
	}
	end();
	return l ? 0 : -ENOENT;
}

int
telemetry_open(struct lane_switch *sw, uint32_t reader)
{
	static const struct {
		const char *name, *help;
		telemetry_cb fn;
	} command[] = {
		{"/corelane/ports", "Names of ports. Parameter: number of the first", ports},
		{"/corelane/port", "Counters of a port. Parameter: its name", port},
		{"/corelane/networks", "Names of networks. Parameter: number of the first",
		 networks},
		{"/corelane/network", "Counters of a network. Parameter: its name", network},
		{"/corelane/lanes", "Numbers of forwarding threads", lanes},
		{"/corelane/lane", "What a forwarding thread does. Parameter: its number", lane},
	};
	int r = 0;

	pthread_mutex_lock(&tel.lock);
	tel.sw = sw;
	tel.reader = reader;
	pthread_mutex_unlock(&tel.lock);
	for (size_t i = 0; i < ARRAY_SIZE(command) && r == 0; i++)
		r = rte_telemetry_register_cmd(command[i].name, command[i].fn, command[i].help);
	return r;
}

void
telemetry_close(void)
{
	pthread_mutex_lock(&tel.lock);
	tel.sw = NULL;
	pthread_mutex_unlock(&tel.lock);
}
