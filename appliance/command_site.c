/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the site as a whole: a declaration to apply, and questions to its switch. */
#include <stdlib.h>
#include <string.h>

#include "appliance/command_priv.h"
#include "appliance/live.h"
#include "config/text.h"

/* The switch answers within a second or so; a device that is added may take longer. */
#define SITE_TIMEOUT_S 60

static void
on_applied(void *arg, json_t *answer)
{
	command_finish(arg, answer);
}

/* An application goes on when nobody waits for it any more. */
static void
let_go(struct command *cmd)
{
	struct live *l = cmd->all->live;

	if (l && l->arg == cmd)
		l->answer = NULL;
}

static void
apply(struct command *cmd, const json_t *request)
{
	bool dry = strcmp(cmd->site_action->name, "diff") == 0;
	const char *file = json_string_value(json_object_get(request, "file"));

	if (!file || file[0] != '/') {
		command_fail(cmd, "invalid", "file is missing or not an absolute path");
		return;
	}
	if (!cmd->all->live) {
		command_fail(cmd, "conflict", "this site takes no changes");
		return;
	}
	cmd->gone = let_go;
	live_apply(cmd->all->live, file, dry, on_applied, cmd);
}

static const char *const apply_keys[] = {"file", NULL};
static const char *const switch_keys[] = {"op",   "port", "direction", "count", "lane",
					  "rule", "skip", "program",   NULL};

const struct site_action command_site_actions[] = {
	{"apply", apply_keys, apply, "the switch has not done it"},
	{"diff", apply_keys, apply, "it could not be compared"},
	{"switch", switch_keys, command_switch, "the switch has not answered"},
	{0},
};

static const struct site_action *
find(const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "action"));

	for (const struct site_action *a = command_site_actions; name && a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

bool
command_is_site(const json_t *request)
{
	return find(request) != NULL;
}

static json_t *
check_keys(const json_t *request, const struct site_action *a)
{
	char quoted[QUOTED_LEN];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)request, key, value)
	{
		bool known = strcmp(key, "action") == 0;

		for (const char *const *k = a->keys; *k; k++)
			known |= strcmp(key, *k) == 0;
		if (!known)
			return command_refusal("invalid", "key %s is not for this action",
					       text_quote(key, quoted));
	}
	return NULL;
}

struct command *
command_start_site(struct commands *c, const json_t *request, command_answer_fn *answer, void *arg)
{
	const struct site_action *a = find(request);
	json_t *early = check_keys(request, a);
	struct command *cmd = NULL;

	if (!early && c->n_running == COMMANDS_MAX)
		early = command_refusal("busy", "%d commands run already; try again", COMMANDS_MAX);
	if (!early)
		cmd = calloc(1, sizeof(*cmd));
	if (!cmd) {
		answer(arg, early ? early : command_refusal("failed", "no memory"));
		return NULL;
	}
	*cmd = (struct command){.all = c,
				.site_action = a,
				.answer = answer,
				.arg = arg,
				.timeout_s = SITE_TIMEOUT_S,
				.fd = c->fd,
				.next = c->running};
	c->fd = -1;
	c->running = cmd;
	c->n_running++;
	evloop_timer(c->env->loop, &cmd->patience, cmd->timeout_s * 1000, command_late, cmd);
	a->start(cmd, request);
	return command_alive(c, cmd);
}
