/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, traces and mirrors as stages of a port's chain, on a lane that has no rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/switch_chain_world.h"
#include "vhost-user/filter_set.h"
#include "vhost-user/mirror.h"
#include "vhost-user/trace.h"

static void
deny_port(struct world *w, enum filter_direction d, uint16_t port)
{
	struct filter_rule rule = {.name = "no-web", .action = FILTER_DENY};
	struct filter_set *s, *old = watch_of(w->port)->filter[d];
	struct err e = {0};

	rule.target_port[0] = rule.target_port[1] = port;
	assert_int_equal(filter_set_make(&rule, 1, old, &s, &e), 0);
	w->port->watch->filter[d] = s;
	rechain(w);
	filter_set_put(old);
}

static void
test_filter(void **state)
{
	struct filter_count c;
	struct world w;

	world_up(&w);
	rechain(&w);
	assert_null(w.chain[CHAIN_IN]); /* nothing wanted, nothing paid */
	deny_port(&w, FILTER_FROM, 82);
	assert_non_null(w.chain[CHAIN_IN]);
	assert_true(w.chain[CHAIN_IN]->deep);
	assert_null(w.chain[CHAIN_OUT]);
	fill(&w, 5, 100);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0x1b);
	assert_int_equal(counter_get(&w.port->count[0].drops[DROP_FILTER]), 1);
	deny_port(&w, FILTER_FROM, 80);
	fill(&w, 5, 60);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0x1e);
	assert_int_equal(filter_set_counts(w.port->watch->filter[FILTER_FROM], 0, &c, 1), 1);
	assert_int_equal(c.packets, 2); /* the one of before is not forgotten */
	assert_int_equal(c.bytes, 160);
	deny_port(&w, FILTER_TO, 81);
	fill(&w, 5, 60);
	pass(&w, CHAIN_OUT);
	assert_int_equal(w.b.alive, 0x1d);
	/* layer 4 cannot be seen: nobody gets past a rule that way */
	fill(&w, 1, 200);
	memcpy(w.bytes[0] + 12, "\x86\xdd\x60\0\0\0\0\0\x3c", 9);
	for (uint32_t at = 54; at < 200; at += 8)
		memcpy(w.bytes[0] + at, "\x3c\0", 2);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0);
	world_down(&w);
}

static void
start_trace(struct world *w, uint64_t n)
{
	struct trace *old = watch_of(w->port)->trace;

	w->port->watch->trace = trace_make(n);
	assert_non_null(w->port->watch->trace);
	rechain(w);
	trace_put(old);
}

static void
test_trace(void **state)
{
	struct switch_trace t[16];
	struct world w;
	bool more;

	world_up(&w);
	deny_port(&w, FILTER_FROM, 81);
	start_trace(&w, 3);
	fill(&w, 2, 100);
	pass(&w, CHAIN_IN);
	assert_non_null(w.lane->trace);
	/* not before it is said what became of them */
	assert_true(trace_take(w.port->watch->trace, t, 1, &more) == 1 && more);
	assert_string_equal(t[0].what, "in");
	trace_say(w.lane, w.port, &w.pkt[0], "to %s", "b");
	trace_end(w.lane);
	assert_null(w.lane->trace);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 5);
	assert_true(more);
	assert_int_equal(t[0].frame, 2);
	assert_string_equal(t[0].port, "fw1/lan");
	assert_memory_equal(t[0].head, w.bytes[1], 64);
	assert_string_equal(t[1].what, "filter: no rule: allow");
	assert_int_equal(t[1].frame, 1);
	assert_string_equal(t[2].what, "filter no-web: deny");
	assert_int_equal(t[2].frame, 2);
	assert_string_equal(t[3].what, "dropped: filter");
	assert_int_equal(t[3].dropped, 1 + DROP_FILTER);
	assert_string_equal(t[4].what, "to b");
	/* one is left; the others of this burst are not told */
	fill(&w, 4, 100);
	pass(&w, CHAIN_IN);
	for (uint32_t i = 0; i < 4; i++)
		trace_say(w.lane, w.port, &w.pkt[i], "to %s", "c");
	trace_end(w.lane);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 3);
	assert_false(more);
	assert_int_equal(t[2].frame, 3);
	assert_string_equal(t[2].what, "to c");
	fill(&w, 1, 100);
	pass(&w, CHAIN_IN);
	assert_null(w.lane->trace);
	trace_end(w.lane);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 0);
	world_down(&w);
}

/* Nobody reads: frames pass, and how many were not told is told. */
static void
test_trace_slow(void **state)
{
	struct switch_trace t[16];
	uint64_t told = 0, n, missed = 0;
	struct world w;
	bool more;

	world_up(&w);
	start_trace(&w, 5000);
	for (int i = 0; i < 200; i++) {
		fill(&w, 32, 64);
		pass(&w, CHAIN_IN);
		trace_end(w.lane);
	}
	while ((n = trace_take(w.port->watch->trace, t, 16, &more)) > 0)
		for (uint64_t i = 0; i < n; i++) {
			told += t[i].frame != 0;
			if (t[i].frame == 0)
				missed = strtoull(t[i].what, NULL, 10);
		}
	assert_true(told > 1000 && told <= TRACE_ENTRIES);
	assert_int_equal(told + missed, 6400);
	assert_true(more);
	world_down(&w);
}

static void
test_mirror_loops(void **state)
{
	struct swport *slot[3] = {make_port("a", "b"), make_port("b", ""), NULL};
	struct port_cfg c = slot[1]->cfg;
	uint64_t changed = 0;
	struct err e = {0};

	assert_int_equal(mirror_check(slot, 3, &slot[0]->cfg, &e), 0);
	snprintf(c.mirror_to, sizeof(c.mirror_to), "a"); /* b to a */
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "port b"));
	snprintf(c.mirror_to, sizeof(c.mirror_to), "c"); /* b to c, a to b */
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	snprintf(c.mirror_to, sizeof(c.mirror_to), "b");
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "itself"));
	snprintf(c.name, sizeof(c.name), "d"); /* two to the same: fine */
	assert_int_equal(mirror_check(slot, 3, &c, &e), 0);

	slot[1]->ref = 7u << SWITCH_SLOT_BITS | 1;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 3);
	assert_int_equal(slot[0]->watch->mirror->target, slot[1]->ref);
	assert_true(slot[1]->watch->mirrored_to);
	changed = 0;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 0);
	/* b goes */
	watch_free(slot[1]);
	free(slot[1]);
	slot[1] = NULL;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(slot[0]->watch->mirror->target, 0);
	/* and a is mirrored no more */
	slot[0]->cfg.mirror_to[0] = '\0';
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 1);
	assert_null(slot[0]->watch->mirror);
	watch_free(slot[0]);
	free(slot[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_trace_slow),
		cmocka_unit_test(test_mirror_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
