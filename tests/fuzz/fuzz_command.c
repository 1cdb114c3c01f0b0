/* fuzz-libs: appliance */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a running site. Whatever they are, each is answered once, with words that are safe to
 * show; what was begun ends with the site.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/command.h"
#include "appliance/switchd.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static void
on_answer(void *arg, json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "error"));

	++*(int *)arg;
	require(json_is_boolean(json_object_get(answer, "ok")), "an answer says ok or not");
	require(json_is_true(json_object_get(answer, "ok")) || text, "a refusal has words");
	for (; text && *text; text++)
		require((unsigned char)*text >= 0x20, "an answer is one line of text");
	json_decref(answer);
}

static void
on_end(void *arg, struct vnf *v)
{
	(void)arg;
	(void)v;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site_interface nic[2] = {{.name = "wan", .kind = IF_SRIOV}, {.name = "lan"}};
	struct site_disk disk[2] = {{.name = "root"}, {.name = "seed", .kind = DISK_CLOUD_INIT}};
	struct site site = {.host.name = "edge"};
	struct site_vnf vnfs[2] = {{.name = "fw1",
				    .cpu.vcpus = 1,
				    .memory = {.size = 1 << 20, .balloon = true},
				    .interfaces = nic,
				    .n_interfaces = 2,
				    .disks = disk,
				    .n_disks = 2},
				   {.name = "fw2", .cpu.vcpus = 1}};
	struct plan_vnf planned[2] = {{.vnf = &vnfs[0]}, {.vnf = &vnfs[1]}};
	struct plan plan = {.site = &site, .vnf = planned, .n_vnfs = 2};
	struct evloop loop = {.epfd = -1};
	const struct run_env env = {.loop = &loop, .plan = &plan};
	static struct vnf vnf[2];
	struct switchd_port port[2] = {{.cfg.name = "fw1/lan"}, {.cfg.name = "up"}};
	struct switchd sw = {.env = &env, .link = SWITCH_LINK_CLOSED, .ports = {port, 2}};
	struct commands commands;
	struct command *cmd;
	int answers = 0;
	json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	log_init("fuzz", LOG_LVL_ERR);
	for (size_t i = 0; i < 2; i++)
		vnf_init(&vnf[i], &env, i, on_end, NULL);
	/* The first one seems to run, but its VMM cannot be asked. */
	vnf[0].result = VNF_RUNNING;
	vnf[0].child.pid = INT_MAX;
	commands_init(&commands, &env, vnf);
	commands.sw = &sw; /* one that is being started again */
	cmd = json_is_object(request) ? command_start(&commands, request, on_answer, &answers)
				      : NULL;
	require(answers == (json_is_object(request) && !cmd), "answered at once, or going on");
	commands_fini(&commands);
	require(answers == json_is_object(request), "each is answered once");
	require(!commands.running && !loop.timers, "nothing is left");
	json_decref(request);
	return 0;
}
