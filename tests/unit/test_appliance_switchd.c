/* SPDX-License-Identifier: Apache-2.0 */
/* The switch's life with a program that answers, refuses, is silent, talks nonsense or dies. */
#include "tests/unit/appliance_world.h"

#include <errno.h>

#include "appliance/switchd.h"

struct seen {
	struct world *w;
	struct switchd s;
	int ready, failed, listed, stopped;
	char why[256];
};

static struct seen seen;

static void
on_ready(void *arg)
{
	(void)arg;
	seen.ready++;
	evloop_stop(&seen.w->loop);
}

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	seen.failed++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
	evloop_stop(&seen.w->loop);
}

static void
on_listed(void *arg)
{
	(void)arg;
	seen.listed++;
	evloop_stop(&seen.w->loop);
}

static void
on_stopped(void *arg)
{
	(void)arg;
	seen.stopped++;
	evloop_stop(&seen.w->loop);
}

static void
begin(struct world *w, const char *how)
{
	struct err e = {0};

	memset(&seen, 0, sizeof(seen));
	seen.w = w;
	if (how)
		setenv("FAKE_SWITCH", how, 1);
	else
		unsetenv("FAKE_SWITCH");
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	seen.s.ready = on_ready;
	seen.s.failed = on_failed;
	seen.s.listed = on_listed;
	seen.s.stopped = on_stopped;
	assert_int_equal(switchd_start(&seen.s, &e), 0);
	world_run(w);
}

static void
end(struct world *w)
{
	switchd_stop(&seen.s, 1000);
	if (!seen.stopped)
		world_run(w);
	assert_int_equal(seen.stopped, 1);
	switchd_fini(&seen.s);
}

static void
adds_ports_lists_and_stops(void **state)
{
	struct world *w = *state;
	int fds = world_fds();

	begin(w, NULL);
	assert_int_equal(seen.ready, 1);
	assert_non_null(strstr(seen.s.ports.port[1].cfg.socket, "/run/fw2.lan.sock"));
	switchd_list(&seen.s);
	world_run(w);
	assert_int_equal(seen.listed, 1);
	for (int i = 0; i < 2; i++) {
		assert_true(seen.s.ports.port[i].has_stats);
		assert_int_equal(seen.s.ports.port[i].stats.rx_packets, 43);
	}
	end(w);
	assert_int_equal(seen.failed, 0);
	assert_int_equal(world_fds(), fds);
}

static void
a_refused_port_is_told_by_name(void **state)
{
	struct world *w = *state;

	begin(w, "refuse");
	assert_int_equal(seen.ready, 0);
	assert_int_equal(seen.failed, 1);
	assert_string_equal(seen.why, "port fw1/lan: there is a port of that name");
	end(w);
}

static void
one_that_never_comes_up_is_not_tried_again(void **state)
{
	struct world *w = *state;

	begin(w, "die-early");
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.s.starts, 1);
	assert_non_null(strstr(seen.why, "status 4"));
	end(w);
}

/* Killed for its nonsense, tried again, then given up. */
static void
nonsense_is_given_up_in_the_end(void **state)
{
	struct world *w = *state;

	begin(w, "nonsense");
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.ready, 0);
	assert_int_equal(seen.s.starts, 6);
	assert_non_null(strstr(seen.why, "Killed"));
	end(w);
}

static void
wait_until_ready(struct world *w)
{
	while (seen.s.state != SWITCHD_READY) {
		struct evtimer t = {0};

		evloop_timer(&w->loop, &t, 20, on_ready, w);
		world_run(w);
	}
}

static void
one_that_dies_is_started_again_with_its_ports(void **state)
{
	struct world *w = *state;
	char once[96];

	snprintf(once, sizeof(once), "%s/once", w->base);
	setenv("FAKE_ONCE", once, 1);
	begin(w, "die-late");
	assert_int_equal(seen.ready, 1);
	switchd_list(&seen.s);
	world_run(w); /* it dies instead of answering: the list ends without counters */
	assert_int_equal(seen.listed, 1);
	assert_false(seen.s.ports.port[0].has_stats);
	wait_until_ready(w);
	assert_int_equal(seen.s.starts, 2);
	switchd_list(&seen.s);
	world_run(w);
	assert_true(seen.s.ports.port[0].has_stats);
	assert_true(seen.s.ports.port[1].has_stats);
	unlink(once);
	end(w);
	assert_int_equal(seen.failed, 0);
}

/* It comes up each time, and dies soon: no wait at first, then they grow. */
static void
one_that_dies_again_and_again_is_waited_for(void **state)
{
	struct world *w = *state;

	begin(w, "die-always");
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t ns = evloop_now(), wait;

		wait_until_ready(w);
		switchd_list(&seen.s);
		world_run(w);
		assert_int_equal(seen.s.state, SWITCHD_WAITING);
		/* since before it died: never less than the wait */
		wait = i == 0 ? 0 : 100000000ull << (i - 1);
		assert_in_range(seen.s.timer.at_ns, ns + wait, evloop_now() + wait);
	}
	assert_int_equal(seen.s.failures, 1);
	wait_until_ready(w);
	seen.s.ready_ns -= 11000000000ull; /* for eleven seconds, say */
	switchd_list(&seen.s);
	world_run(w);
	assert_true(seen.s.timer.at_ns <= evloop_now());
	setenv("FAKE_SWITCH", "none", 1);
	wait_until_ready(w);
	end(w);
	assert_int_equal(seen.failed, 0);
}

static char change_why[300];

static void
on_changed(void *arg, const char *why)
{
	(void)arg;
	snprintf(change_why, sizeof(change_why), "%s", why);
	seen.ready++;
	evloop_stop(&seen.w->loop);
}

/* What the switch has been told at last. */
static void
assert_port(const char *name, unsigned int vlan)
{
	const struct switchd_port *p = switchd_find(&seen.s.ports, name);

	assert_non_null(p);
	assert_int_equal(p->cfg.vlan, vlan);
}

/* One port goes, one comes, one gets another VLAN and rules: what is refused leaves all as it was. */
static void
changes_are_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct site_rule rules[3] = {{.direction = FILTER_TO},
				     {.direction = FILTER_TO},
				     {.direction = FILTER_FROM}};
	struct plan_port ports[2] = {w->port[0], w->port[1]};
	struct plan next = w->plan;
	struct err e = {0};

	begin(w, NULL);
	ports[0].cfg.vlan = 7;
	ports[0].rule = rules;
	ports[0].n_rules = 3;
	ports[1] = (struct plan_port){.vnf = PLAN_UPLINK,
				      .cfg = {.name = "lan0", .kind = PORT_ETHDEV, .vlan = 666}};
	next.port = ports;
	assert_int_equal(switchd_change(&seen.s, &next, on_changed, NULL, &e), 0);
	assert_int_equal(switchd_change(&seen.s, &next, on_changed, NULL, &e), -EBUSY);
	world_run(w);
	assert_string_equal(change_why, "port: not this VLAN");
	assert_int_equal(seen.s.state, SWITCHD_READY);
	assert_port("fw1/lan", 0);
	assert_port("fw2/lan", 0);
	ports[1].cfg.vlan = 0;
	assert_int_equal(switchd_change(&seen.s, &next, on_changed, NULL, &e), 0);
	world_run(w);
	assert_string_equal(change_why, "");
	assert_port("fw1/lan", 7);
	assert_port("lan0", 0);
	assert_null(switchd_find(&seen.s.ports, "fw2/lan"));
	assert_int_equal(seen.s.ports.port[0].n_rules[FILTER_TO], 2);
	assert_int_equal(seen.s.ports.port[0].n_rules[FILTER_FROM], 1);
	/* Nothing differs: done at once. */
	seen.ready = 0;
	assert_int_equal(switchd_change(&seen.s, &next, on_changed, NULL, &e), 0);
	assert_int_equal(seen.ready, 1);
	switchd_list(&seen.s);
	world_run(w);
	assert_true(switchd_find(&seen.s.ports, "lan0")->has_stats);
	end(w);
	assert_int_equal(seen.failed, 0);
}

static void
a_stop_does_not_wait_for_one_that_is_silent(void **state)
{
	struct world *w = *state;
	struct err e = {0};

	memset(&seen, 0, sizeof(seen));
	seen.w = w;
	setenv("FAKE_SWITCH", "silent", 1);
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	seen.s.stopped = on_stopped;
	assert_int_equal(switchd_start(&seen.s, &e), 0);
	switchd_stop(&seen.s, 200);
	world_run(w);
	assert_int_equal(seen.stopped, 1);
	switchd_fini(&seen.s);
}

static void
a_missing_program_is_an_error_at_once(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	int fds = world_fds();

	memset(&seen, 0, sizeof(seen));
	snprintf(w->programs.switch_program, sizeof(w->programs.switch_program), "/nonexistent");
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	assert_int_equal(switchd_start(&seen.s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "switch: /nonexistent"));
	switchd_fini(&seen.s);
	assert_int_equal(world_fds(), fds);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adds_ports_lists_and_stops),
		TEST(a_refused_port_is_told_by_name),
		TEST(one_that_never_comes_up_is_not_tried_again),
		TEST(nonsense_is_given_up_in_the_end),
		TEST(one_that_dies_is_started_again_with_its_ports),
		TEST(one_that_dies_again_and_again_is_waited_for),
		TEST(changes_are_all_or_nothing),
		TEST(a_stop_does_not_wait_for_one_that_is_silent),
		TEST(a_missing_program_is_an_error_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
