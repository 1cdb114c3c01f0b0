/* SPDX-License-Identifier: Apache-2.0 */
/* The switch's control protocol without sockets, and the hand-shake with the poller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/ctl.h"

#define FAKE_PORTS 3

/* A switch that remembers what it was asked. */
struct fake {
	struct port_cfg added;
	char removed[PORT_NAME_LEN];
	int result;
	unsigned int n_ports;
};

static int
fake_add(void *sw, const struct port_cfg *cfg, struct err *e)
{
	struct fake *f = sw;

	f->added = *cfg;
	return f->result ? err_set(e, f->result, "fake words") : 0;
}

static int
fake_remove(void *sw, const char *name, struct err *e)
{
	struct fake *f = sw;

	snprintf(f->removed, sizeof(f->removed), "%s", name);
	return f->result ? err_set(e, f->result, "fake words") : 0;
}

static int
fake_stats(void *sw, const char *name, struct port_cfg *ret_cfg, struct port_stats *ret_stats,
	   struct err *e)
{
	struct fake *f = sw;

	if (f->result)
		return err_set(e, f->result, "fake words");
	memset(ret_cfg, 0, sizeof(*ret_cfg));
	memset(ret_stats, 0, sizeof(*ret_stats));
	snprintf(ret_cfg->name, sizeof(ret_cfg->name), "%s", name);
	ret_stats->rx_packets = 42;
	return 0;
}

static bool
fake_next(void *sw, uint32_t *at, struct port_cfg *ret_cfg, struct port_stats *ret_stats)
{
	struct fake *f = sw;

	if (*at >= f->n_ports)
		return false;
	snprintf(ret_cfg->name, sizeof(ret_cfg->name), "p%u", (*at)++);
	return true;
}

static const struct ctl_ops fake_ops = {.add = fake_add,
					.remove = fake_remove,
					.stats = fake_stats,
					.next = fake_next};

struct client {
	struct switch_reply reply[FAKE_PORTS + 1];
	unsigned int n, deaf_after;
};

static bool
collect(void *arg, const struct switch_reply *r)
{
	struct client *c = arg;

	if (c->deaf_after && c->n >= c->deaf_after)
		return false;
	assert_true(c->n < ARRAY_SIZE(c->reply));
	assert_int_equal(r->head.magic, SWITCH_REPLY_MAGIC);
	assert_int_equal(r->head.version, SWITCH_MSG_VERSION);
	assert_int_equal(r->head.size, sizeof(*r));
	assert_int_equal(r->head.seq, 9);
	c->reply[c->n++] = *r;
	return true;
}

static struct switch_req
good(uint32_t op)
{
	struct switch_req q = {.head = {.seq = 9}, .op = op};

	strcpy(q.port.name, "fw1/lan");
	strcpy(q.port.network, "svc-a");
	strcpy(q.port.socket, "/run/corelane/fw1.sock");
	q.port.mac[0] = 2;
	q.port.vlan = 200;
	q.port.queues = 2;
	q.port.mtu = 1500;
	q.port.mac_age_s = 300;
	return q;
}

static void
test_add(void **state)
{
	struct fake f = {0};
	struct ctl c = {.ops = &fake_ops, .sw = &f};
	struct client cl = {0};
	struct switch_req q = good(SWITCH_OP_ADD);

	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.n, 1);
	assert_int_equal(cl.reply[0].error, 0);
	assert_int_equal(cl.reply[0].more, 0);
	assert_memory_equal(&f.added, &q.port, sizeof(q.port));
	f.result = EEXIST;
	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.reply[1].error, EEXIST);
	assert_string_equal(cl.reply[1].text, "fake words");
	assert_false(c.stop);
}

/* Each of these is refused with words, before the switch sees it. */
static void
expect_refused(const struct switch_req *q, const char *word)
{
	struct fake f = {0};
	struct ctl c = {.ops = &fake_ops, .sw = &f};
	struct client cl = {0};

	ctl_handle(&c, q, collect, &cl);
	assert_int_equal(cl.n, 1);
	assert_int_equal(cl.reply[0].error, EINVAL);
	if (!strstr(cl.reply[0].text, word))
		fail_msg("\"%s\" does not say \"%s\"", cl.reply[0].text, word);
	assert_int_equal(f.added.name[0], 0);
}

static void
test_add_refuses(void **state)
{
	struct switch_req q;

#define REFUSED(change, word)                                                                      \
	do {                                                                                       \
		q = good(SWITCH_OP_ADD);                                                           \
		change;                                                                            \
		expect_refused(&q, word);                                                          \
	} while (0)
	REFUSED(q.port.name[0] = '\0', "name");
	REFUSED(memset(q.port.name, 'x', sizeof(q.port.name)), "name");
	REFUSED(strcpy(q.port.name, "a b"), "name");
	REFUSED(strcpy(q.port.name, "a\nb"), "name");
	REFUSED(strcpy(q.port.name, "\xff"), "name");
	REFUSED(q.port.network[0] = '\0', "network");
	REFUSED(memset(q.port.network, 'x', sizeof(q.port.network)), "network");
	REFUSED(q.port.socket[0] = '\0', "socket");
	REFUSED(q.port.socket[0] = 'x', "socket");
	REFUSED(memset(q.port.socket, '/', sizeof(q.port.socket)), "socket");
	REFUSED(q.port.vlan = 4095, "vlan 4095");
	REFUSED(q.port.vlan = 0xffff, "vlan 65535");
	REFUSED(q.port.queues = 0, "queue pairs");
	REFUSED(q.port.queues = PORT_QUEUES_MAX + 1, "queue pairs");
	REFUSED(q.port.mtu = MTU_MIN - 1, "mtu 67");
	REFUSED(q.port.mtu = MTU_MAX + 1, "mtu 9001");
	REFUSED(q.port.mac_age_s = 0, "age 0");
	REFUSED(q.port.mac_age_s = UINT32_MAX, "age 4294967295");
	REFUSED(q.port.mac[0] = 3, "group");
	REFUSED(q.port.mac[0] = 0, "zero");
	REFUSED(q.op = 0, "operation: 0");
	REFUSED(q.op = UINT32_MAX, "operation: 4294967295");
	REFUSED(q.op = SWITCH_OP_REMOVE; q.port.name[0] = '\0', "name");
	REFUSED(q.op = SWITCH_OP_STATS; memset(q.port.name, 'x', sizeof(q.port.name)), "name");
}

static void
test_remove_stats_stop(void **state)
{
	struct fake f = {0};
	struct ctl c = {.ops = &fake_ops, .sw = &f};
	struct client cl = {0};
	struct switch_req q = good(SWITCH_OP_REMOVE);

	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.reply[0].error, 0);
	assert_string_equal(f.removed, "fw1/lan");
	q = good(SWITCH_OP_STATS);
	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.reply[1].has_port, 1);
	assert_int_equal(cl.reply[1].stats.rx_packets, 42);
	assert_string_equal(cl.reply[1].port.name, "fw1/lan");
	f.result = ENOENT;
	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.reply[2].error, ENOENT);
	assert_int_equal(cl.reply[2].has_port, 0);
	q = good(SWITCH_OP_STOP);
	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.reply[3].error, 0);
	assert_true(c.stop);
}

static void
test_list(void **state)
{
	struct fake f = {.n_ports = FAKE_PORTS};
	struct ctl c = {.ops = &fake_ops, .sw = &f};
	struct client cl = {0};
	struct switch_req q = good(SWITCH_OP_LIST);

	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.n, FAKE_PORTS + 1);
	for (unsigned int i = 0; i < FAKE_PORTS; i++) {
		assert_int_equal(cl.reply[i].more, 1);
		assert_int_equal(cl.reply[i].has_port, 1);
	}
	assert_string_equal(cl.reply[2].port.name, "p2");
	assert_int_equal(cl.reply[FAKE_PORTS].more, 0);
	assert_int_equal(cl.reply[FAKE_PORTS].has_port, 0);
	/* a client that goes away in the middle ends it */
	cl = (struct client){.deaf_after = 1};
	ctl_handle(&c, &q, collect, &cl);
	assert_int_equal(cl.n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_add_refuses),
		cmocka_unit_test(test_remove_stats_stop),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
