/* SPDX-License-Identifier: Apache-2.0 */
/* The switch is replaced by another one, with programs that do it, refuse, or die on the way. */
#include "tests/unit/appliance_world.h"

#include <errno.h>
#include <signal.h>

#include "appliance/switchd_upgrade.h"

struct seen {
	struct world *w;
	struct switchd s;
	int ready, failed, listed, stopped, done;
	bool ok;
	char words[300];
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
	fail_msg("%s", why);
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
on_upgraded(void *arg, bool ok, unsigned int ports, const char *words)
{
	assert_ptr_equal(arg, &seen);
	(void)ports;
	seen.done++;
	seen.ok = ok;
	snprintf(seen.words, sizeof(seen.words), "%s", words);
	evloop_stop(&seen.w->loop);
}

static void
begin(struct world *w)
{
	struct err e = {0};

	memset(&seen, 0, sizeof(seen));
	seen.w = w;
	unsetenv("FAKE_SWITCH");
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	seen.s.ready = on_ready;
	seen.s.failed = on_failed;
	seen.s.listed = on_listed;
	seen.s.stopped = on_stopped;
	assert_int_equal(switchd_start(&seen.s, &e), 0);
	world_run(w);
	assert_int_equal(seen.ready, 1);
}

static void
upgrade(struct world *w)
{
	struct err e = {0};

	assert_int_equal(switchd_upgrade(&seen.s, NULL, NULL, on_upgraded, &seen, &e), 0);
	assert_int_equal(seen.s.state, SWITCHD_UPGRADING);
	/* one at a time */
	assert_int_equal(switchd_upgrade(&seen.s, NULL, NULL, on_upgraded, &seen, &e), -EBUSY);
	world_run(w);
	assert_int_equal(seen.done, 1);
	assert_null(seen.s.upgrade);
}

static void
list_both(struct world *w)
{
	switchd_list(&seen.s);
	world_run(w);
	assert_int_equal(seen.listed, 1);
	for (int i = 0; i < 2; i++)
		assert_true(seen.s.ports.port[i].has_stats);
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

/* A fake that behaves is told how by an environment that only programs started from now on see. */
static void
the_new_one_is_the_switch(void **state)
{
	struct world *w = *state;
	int fds = world_fds();
	pid_t old;

	begin(w);
	old = seen.s.child.pid;
	setenv("FAKE_SWITCH", "hand-words", 1);
	upgrade(w);
	assert_true(seen.ok);
	assert_string_equal(seen.words, "one port is late");
	assert_true(seen.s.child.pid > 0 && seen.s.child.pid != old);
	assert_int_equal(kill(old, 0), -1);
	assert_int_equal(seen.s.state, SWITCHD_READY);
	assert_int_equal(seen.s.starts, 2);
	assert_int_equal(seen.ready, 1);
	list_both(w);
	seen.done = 0;
	unsetenv("FAKE_SWITCH");
	upgrade(w); /* and once more */
	assert_true(seen.ok);
	end(w);
	assert_int_equal(world_fds(), fds);
}

/* @how: of the new one. The old one goes on. */
static void
stays(struct world *w, const char *how, const char *words)
{
	int fds = world_fds();
	pid_t old;

	begin(w);
	old = seen.s.child.pid;
	setenv("FAKE_SWITCH", how, 1);
	upgrade(w);
	assert_false(seen.ok);
	if (!strstr(seen.words, words))
		fail_msg("%s", seen.words);
	assert_int_equal(seen.s.child.pid, old);
	assert_int_equal(seen.s.state, SWITCHD_READY);
	list_both(w);
	end(w);
	assert_int_equal(world_fds(), fds);
}

static void
a_new_one_that_dies(void **state)
{
	stays(*state, "take-die", "the new switch ended");
}

static void
a_new_one_that_refuses_its_ports(void **state)
{
	stays(*state, "refuse", "there is a port of that name");
}

static void
a_new_one_that_does_not_start(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	pid_t old;

	begin(w);
	old = seen.s.child.pid;
	assert_int_equal(switchd_upgrade(&seen.s, NULL, "/nonexistent", on_upgraded, &seen, &e),
			 -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent"));
	assert_int_equal(seen.done, 0);
	assert_int_equal(seen.s.state, SWITCHD_READY);
	assert_int_equal(seen.s.child.pid, old);
	list_both(w);
	end(w);
}

static void
an_old_one_that_will_not(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	pid_t old;

	memset(&seen, 0, sizeof(seen));
	seen.w = w;
	setenv("FAKE_SWITCH", "hand-refuse", 1);
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	seen.s.ready = on_ready;
	seen.s.failed = on_failed;
	seen.s.listed = on_listed;
	seen.s.stopped = on_stopped;
	assert_int_equal(switchd_start(&seen.s, &e), 0);
	world_run(w);
	old = seen.s.child.pid;
	upgrade(w);
	assert_false(seen.ok);
	/* whose answer comes first is no matter */
	assert_true(strcmp(seen.words, "will not") == 0 ||
		    strcmp(seen.words, "it did not come") == 0);
	assert_int_equal(seen.s.child.pid, old);
	list_both(w);
	end(w);
}

static void
wait_for_another(struct world *w, unsigned int starts)
{
	while (seen.s.state != SWITCHD_READY || seen.s.starts < starts) {
		struct evtimer t = {0};

		evloop_timer(&w->loop, &t, 20, on_ready, w);
		world_run(w);
	}
}

/* It handed over to one that then does not serve: a third is started as after any end. */
static void
a_new_one_that_fails_too_late(void **state)
{
	struct world *w = *state;

	begin(w);
	setenv("FAKE_SWITCH", "take-refuse", 1);
	upgrade(w);
	assert_false(seen.ok);
	assert_string_equal(seen.words, "it did not come");
	unsetenv("FAKE_SWITCH");
	wait_for_another(w, 2);
	list_both(w);
	end(w);
}

static void
an_old_one_that_dies(void **state)
{
	struct world *w = *state;
	struct err e = {0};

	memset(&seen, 0, sizeof(seen));
	seen.w = w;
	setenv("FAKE_SWITCH", "hand-die", 1);
	assert_int_equal(switchd_init(&seen.s, &w->env, &e), 0);
	seen.s.ready = on_ready;
	seen.s.failed = on_failed;
	seen.s.listed = on_listed;
	seen.s.stopped = on_stopped;
	assert_int_equal(switchd_start(&seen.s, &e), 0);
	world_run(w);
	upgrade(w);
	assert_false(seen.ok);
	unsetenv("FAKE_SWITCH");
	wait_for_another(w, 2);
	list_both(w);
	end(w);
}

static void
a_stop_in_the_middle(void **state)
{
	struct world *w = *state;
	int fds = world_fds();
	struct err e = {0};

	begin(w);
	setenv("FAKE_SWITCH", "silent", 1);
	assert_int_equal(switchd_upgrade(&seen.s, NULL, NULL, on_upgraded, &seen, &e), 0);
	switchd_stop(&seen.s, 1000);
	assert_int_equal(seen.done, 1);
	assert_false(seen.ok);
	seen.stopped = 0;
	world_run(w);
	assert_int_equal(seen.stopped, 1);
	switchd_fini(&seen.s);
	assert_int_equal(world_fds(), fds);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_new_one_is_the_switch),
		TEST(a_new_one_that_dies),
		TEST(a_new_one_that_refuses_its_ports),
		TEST(a_new_one_that_does_not_start),
		TEST(an_old_one_that_will_not),
		TEST(a_new_one_that_fails_too_late),
		TEST(an_old_one_that_dies),
		TEST(a_stop_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
