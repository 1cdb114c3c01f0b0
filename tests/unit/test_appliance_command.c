/* SPDX-License-Identifier: Apache-2.0 */
/* What a running site does when it is told to, with VMMs that obey, or do not. */
#include "tests/unit/appliance_world.h"

#include <errno.h>

#include "appliance/command.h"

static struct vnf vnf[2];
static struct commands commands;
static json_t *answer;
static int ended;

static void
on_end(void *arg, struct vnf *v)
{
	(void)arg;
	(void)v;
	ended++;
}

static void
on_answer(void *arg, json_t *j)
{
	struct world *w = arg;

	assert_null(answer);
	assert_non_null(j);
	answer = j;
	evloop_stop(&w->loop);
}

/* VNF 0 with a VMM that does @what; VNF 1 is declared, but does not run. */
static void
begin(struct world *w, const char *what)
{
	struct err e = {0};

	ended = 0;
	snprintf(w->vnf[0].boot.args, sizeof(w->vnf[0].boot.args), "%s", what);
	for (size_t i = 0; i < 2; i++)
		vnf_init(&vnf[i], &w->env, i, on_end, w);
	if (vnf_prepare(&vnf[0], &e) < 0 || vnf_start(&vnf[0], &e) < 0)
		fail_msg("%s", e.text);
	/* Made so only now: there is no device to open. */
	w->nic[0].kind = IF_SRIOV;
	commands_init(&commands, &w->env, vnf);
}

static void
end(struct world *w)
{
	commands_fini(&commands);
	for (size_t i = 0; i < 2; i++)
		vnf_fini(&vnf[i]);
	w->nic[0].kind = IF_SWITCH;
}

/* Asks, waits for the answer, and compares it: @want is part of its text when it is done, else of its error. */
static void
expect(struct world *w, bool ok, const char *want, const char *request)
{
	json_t *j = json_loads(request, 0, NULL);
	char *text;

	assert_non_null(j);
	answer = NULL;
	command_start(&commands, j, on_answer, w);
	json_decref(j);
	if (!answer)
		world_run(w);
	text = json_dumps(answer, JSON_COMPACT);
	if (json_is_true(json_object_get(answer, "ok")) != ok || !strstr(text, want))
		fail_msg("%s: %s, wanted %s", request, text, want);
	if (!ok)
		assert_non_null(json_string_value(json_object_get(answer, "kind")));
	free(text);
	json_decref(answer);
}

#define CMD(action)            "{\"action\": \"" action "\", \"vnf\": \"fw1\"}"
#define CMD_WITH(action, more) "{\"action\": \"" action "\", \"vnf\": \"fw1\", " more "}"

static void
requests_are_checked(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	expect(w, false, "an object with an action", "{}");
	expect(w, false, "an object with an action", "{\"action\": 5}");
	expect(w, false, "there is no action statsu; did you mean status?",
	       "{\"action\": \"statsu\"}");
	expect(w, false, "there is no action \\\\x0a\\\\x1b[2J", "{\"action\": \"\\n\\u001b[2J\"}");
	expect(w, false, "vnf is missing", "{\"action\": \"status\"}");
	expect(w, false, "vnf is missing", "{\"action\": \"status\", \"vnf\": [\"fw1\"]}");
	expect(w, false, "there is no vnf fw3; did you mean fw1?",
	       "{\"action\": \"status\", \"vnf\": \"fw3\"}");
	expect(w, false, "vnf fw2: it does not run (not started)",
	       "{\"action\": \"stop\", \"vnf\": \"fw2\"}");
	expect(w, false, "key vnf is not for this action", CMD("list"));
	expect(w, false, "key disk is not for this action", CMD_WITH("pause", "\"disk\": \"a\""));
	expect(w, false, "key \\\"\\\" is not", CMD_WITH("pause", "\"\": 1"));
	expect(w, false, "interface is missing", CMD("detach"));
	expect(w, false, "interface is missing", CMD_WITH("attach", "\"interface\": 1"));
	expect(w, false, "it has no interface la; did you mean lan?",
	       CMD_WITH("attach", "\"interface\": \"la\""));
	expect(w, false, "disk is missing", CMD("resize"));
	expect(w, false, "it has no disk a", CMD_WITH("resize", "\"disk\": \"a\""));
	expect(w, false, "size is not a positive number", CMD_WITH("balloon", "\"size\": \"1Gi\""));
	expect(w, false, "size is not a positive number", CMD_WITH("balloon", "\"size\": -1"));
	expect(w, false, "it has no balloon", CMD_WITH("balloon", "\"size\": 4096"));
	expect(w, false, "timeout is not 1..3600", CMD_WITH("pause", "\"timeout\": 0"));
	expect(w, false, "timeout is not 1..3600", CMD_WITH("pause", "\"timeout\": 1e9"));
	w->nic[0].kind = IF_SWITCH;
	expect(w, false, "interface lan is no virtual function",
	       CMD_WITH("detach", "\"interface\": \"lan\""));
	assert_null(commands.running);
	assert_int_equal(commands.n_running, 0);
	end(w);
}

static void
tells_what_runs(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	expect(w, true, "{\"name\":\"fw1\",\"state\":\"running\"", "{\"action\": \"list\"}");
	expect(w, true, "{\"name\":\"fw2\",\"state\":\"not started\",\"pid\":0,\"restarts\":0}",
	       "{\"action\": \"list\"}");
	expect(w, true, "\"panics\":3", CMD("status"));
	expect(w, true, "\"kind\":\"sriov\",\"attached\":true", CMD("status"));
	expect(w, true, "\"balloon\":null", CMD("status"));
	expect(w, true, "\"state\":\"not started\"", "{\"action\": \"status\", \"vnf\": \"fw2\"}");
	end(w);
}

static void
pauses_and_resumes(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	expect(w, true, "vnf fw1: paused", CMD("pause"));
	expect(w, true, "\"state\":\"paused\"", CMD("status"));
	expect(w, false, "vnf fw1: cannot pause: it is paused", CMD("pause"));
	expect(w, true, "vnf fw1: resumed", CMD("resume"));
	expect(w, true, "\"state\":\"running\"", CMD("status"));
	end(w);
}

static void
powers_off(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	expect(w, true, "vnf fw1: powered off", CMD("poweroff"));
	assert_int_equal(vnf[0].result, VNF_POWERED_OFF);
	assert_int_equal(ended, 1);
	expect(w, false, "it does not run (powered off)", CMD("poweroff"));
	expect(w, true, "\"state\":\"powered off\"", CMD("status"));
	end(w);
}

/* A VMM that says no has changed nothing: an ordinary power-off later is one. */
static void
refusals_leave_nothing_behind(void **state)
{
	struct world *w = *state;

	begin(w, "refuse");
	expect(w, false, "vnf fw1: not now", CMD("reboot"));
	assert_false(vnf[0].reboot);
	expect(w, false, "vnf fw1: not now", CMD("reset"));
	assert_false(vnf[0].ordered);
	expect(w, true, "vnf fw1: stopped", CMD("stop"));
	end(w);
}

/* Also many times in a row: only a guest's own resets are a bad sign. */
static void
reboots_and_resets(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	for (unsigned int i = 0; i < 8; i++) {
		expect(w, true, i % 2 ? "vnf fw1: rebooted" : "vnf fw1: reset",
		       i % 2 ? CMD("reboot") : CMD("reset"));
		assert_int_equal(vnf[0].resets, i + 1);
	}
	assert_int_equal(vnf[0].result, VNF_RUNNING);
	assert_int_equal(ended, 0);
	expect(w, true, "vnf fw1: stopped", CMD("stop"));
	assert_int_equal(vnf[0].result, VNF_STOPPED);
	assert_int_equal(ended, 1);
	end(w);
}

static void
detaches_and_attaches(void **state)
{
	struct world *w = *state;

	begin(w, "obey");
	expect(w, false, "interface lan is not detached",
	       CMD_WITH("attach", "\"interface\": \"lan\""));
	expect(w, true, "vnf fw1: detached", CMD_WITH("detach", "\"interface\": \"lan\""));
	assert_true(vnf[0].detached[0]);
	expect(w, true, "\"attached\":false", CMD("status"));
	expect(w, false, "interface lan is detached already",
	       CMD_WITH("detach", "\"interface\": \"lan\""));
	/* There is no such device here: in words, and all is as before. */
	expect(w, false, "\"kind\":\"failed\"", CMD_WITH("attach", "\"interface\": \"lan\""));
	assert_true(vnf[0].detached[0]);
	/* A new life begins with all interfaces; the fake has no VF to be given again. */
	w->nic[0].kind = IF_SWITCH;
	expect(w, true, "vnf fw1: reset", CMD("reset"));
	assert_false(vnf[0].detached[0]);
	end(w);
}

static void
fills_the_balloon_and_resizes(void **state)
{
	struct world *w = *state;
	struct site_disk disk[2] = {{.name = "root", .kind = DISK_IMAGE},
				    {.name = "seed", .kind = DISK_CLOUD_INIT}};

	begin(w, "obey");
	w->vnf[0].memory.balloon = true;
	w->vnf[0].disks = disk;
	w->vnf[0].n_disks = 2;
	expect(w, true, "vnf fw1: balloon set", CMD_WITH("balloon", "\"size\": 1048576"));
	expect(w, true, "\"target\":1048576,\"actual\":1048576", CMD("status"));
	expect(w, false, "is more than its memory.size", CMD_WITH("balloon", "\"size\": 4194304"));
	expect(w, true, "vnf fw1: disk resized", CMD_WITH("resize", "\"disk\": \"root\""));
	expect(w, false, "disk seed is a seed", CMD_WITH("resize", "\"disk\": \"seed\""));
	w->vnf[0].n_disks = 0;
	end(w);
}

/* A guest that does nothing: every wait ends. */
static void
waits_are_bounded(void **state)
{
	struct world *w = *state;
	uint64_t before = evloop_now();

	begin(w, "stubborn");
	w->vnf[0].memory.balloon = true;
	expect(w, false, "it will be started again when it has",
	       CMD_WITH("reboot", "\"timeout\": 1"));
	assert_true(vnf[0].reboot);
	expect(w, false, "the guest has not powered off within 1 s",
	       CMD_WITH("poweroff", "\"timeout\": 1"));
	assert_false(vnf[0].reboot); /* when it does in the end, it stays off */
	expect(w, false, "it has not started again within 1 s",
	       CMD_WITH("reset", "\"timeout\": 1"));
	expect(w, false, "has not let go of the interface within 1 s",
	       CMD_WITH("detach", "\"interface\": \"lan\", \"timeout\": 1"));
	expect(w, false, "has not given back as much within 1 s",
	       CMD_WITH("balloon", "\"size\": 1048576, \"timeout\": 1"));
	assert_true(evloop_now() - before >= 4000000000u);
	assert_null(commands.running);
	end(w);
}

/* A VMM that hangs does not hold up others, nor does one that talks nonsense. */
static void
vmms_that_are_broken(void **state)
{
	struct world *w = *state;
	int fds;

	begin(w, "hang");
	expect(w, false, "its VMM has not answered within 1 s",
	       CMD_WITH("status", "\"timeout\": 1"));
	expect(w, true, "vnf fw1: stopped", CMD("stop")); /* killed in the end */
	end(w);
	fds = world_fds();
	begin(w, "lie");
	expect(w, false, "its VMM ended before it had answered", CMD("status"));
	expect(w, false, "its VMM cannot be asked: No such process", CMD("status"));
	expect(w, false, "its VMM cannot be asked", CMD("reboot"));
	assert_false(vnf[0].reboot);
	expect(w, false, "its VMM cannot be asked", CMD("reset"));
	assert_false(vnf[0].ordered);
	end(w);
	assert_int_equal(world_fds(), fds);
	begin(w, "killed");
	expect(w, false, "vnf fw1: it", CMD("poweroff"));
	end(w);
}

static void
not_too_many_at_once(void **state)
{
	struct world *w = *state;
	json_t *j = json_loads(CMD_WITH("detach", "\"interface\": \"lan\""), 0, NULL);

	begin(w, "stubborn");
	answer = NULL;
	for (int i = 0; i < COMMANDS_MAX; i++) {
		struct command *cmd = command_start(&commands, j, on_answer, w);

		assert_non_null(cmd);
		assert_null(answer);
		command_forget(cmd); /* its answer goes nowhere */
	}
	json_decref(j);
	expect(w, false, "16 commands run already", CMD("status"));
	expect(w, true, "fw1", "{\"action\": \"list\"}");
	end(w);
	assert_null(commands.running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_checked),
		TEST(tells_what_runs),
		TEST(pauses_and_resumes),
		TEST(powers_off),
		TEST(reboots_and_resets),
		TEST(refusals_leave_nothing_behind),
		TEST(detaches_and_attaches),
		TEST(waits_are_bounded),
		TEST(fills_the_balloon_and_resizes),
		TEST(vmms_that_are_broken),
		TEST(not_too_many_at_once),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
