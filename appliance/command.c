/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to an action that runs, and from its end to an answer. */
#include "appliance/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/command_priv.h"
#include "config/near.h"
#include "config/text.h"

static json_t *
refusal(const char *kind, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];
	json_t *j;

	vsnprintf(text, sizeof(text), fmt, ap);
	j = json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text);
	return j ? j : json_null();
}

json_t *
command_refusal(const char *kind, const char *fmt, ...)
{
	va_list ap;
	json_t *j;

	va_start(ap, fmt);
	j = refusal(kind, fmt, ap);
	va_end(ap);
	return j;
}

void
command_finish(struct command *cmd, json_t *answer)
{
	struct commands *c = cmd->all;

	if (cmd->vnf) {
		vnf_ctl_forget(cmd->vnf, &cmd->call);
		vnf_watch_del(cmd->vnf, &cmd->watch);
	}
	if (cmd->gone)
		cmd->gone(cmd);
	evloop_timer_off(c->env->loop, &cmd->patience);
	evloop_timer_off(c->env->loop, &cmd->poll);
	for (struct command **p = &c->running; *p; p = &(*p)->next)
		if (*p == cmd) {
			*p = cmd->next;
			c->n_running--;
			break;
		}
	if (cmd->answer)
		cmd->answer(cmd->arg, answer);
	else
		json_decref(answer);
	json_decref(cmd->json);
	if (cmd->fd >= 0)
		close(cmd->fd);
	free(cmd);
}

void
command_done(struct command *cmd)
{
	char text[2 * NAME_MAX_LEN];

	snprintf(text, sizeof(text), "vnf %s: %s", cmd->vnf->name, cmd->action->done);
	command_finish(cmd, json_pack("{s:b, s:s}", "ok", 1, "text", text));
}

void
command_fail(struct command *cmd, const char *kind, const char *fmt, ...)
{
	va_list ap;
	json_t *j;

	va_start(ap, fmt);
	j = refusal(kind, fmt, ap);
	va_end(ap);
	command_finish(cmd, j);
}

void
command_late(void *arg)
{
	struct command *cmd = arg;

	if (cmd->vnf)
		command_fail(cmd, "timeout", "vnf %s: %s within %u s", cmd->vnf->name,
			     cmd->action->late, cmd->timeout_s);
	else
		command_fail(cmd, "timeout", "%s within %u s", cmd->site_action->late,
			     cmd->timeout_s);
}

static void
refused(struct command *cmd, const struct vmm_reply *reply)
{
	command_take_back(cmd);
	command_fail(cmd, "conflict", "vnf %s: %s", cmd->vnf->name, reply->text);
}

static void
on_reply(void *arg, const struct vmm_reply *reply)
{
	struct command *cmd = arg;

	if (!reply)
		command_fail(cmd, "failed", "vnf %s: its VMM ended before it had answered",
			     cmd->vnf->name);
	else if (reply->error)
		refused(cmd, reply);
	else if (cmd->action->replied)
		cmd->action->replied(cmd, reply);
	else if (!cmd->action->saw)
		command_done(cmd);
}

static void
on_event(void *arg, const struct vmm_event *ev)
{
	struct command *cmd = arg;

	cmd->action->saw(cmd, ev);
}

bool
command_ask(struct command *cmd, enum vmm_op op, uint32_t index, uint64_t value)
{
	int r = vnf_ctl_call(cmd->vnf, op, index, value, &cmd->call);

	if (r == 0)
		return true;
	command_fail(cmd, "failed", "vnf %s: its VMM cannot be asked: %s", cmd->vnf->name,
		     strerror(-r));
	return false;
}

void
commands_init(struct commands *c, const struct run_env *env, struct vnf *vnf)
{
	*c = (struct commands){.env = env, .vnf = vnf, .fd = -1};
}

void
commands_fini(struct commands *c)
{
	while (c->running)
		command_fail(c->running, "failed", "%s%s%sthe site has ended",
			     c->running->vnf ? "vnf " : "",
			     c->running->vnf ? c->running->vnf->name : "",
			     c->running->vnf ? ": " : "");
}

void
command_forget(struct command *cmd)
{
	cmd->answer = NULL;
}

static const struct action *
find_action(const char *name, struct near *near)
{
	for (const struct action *a = command_actions; a->name; a++) {
		if (strcmp(a->name, name) == 0)
			return a;
		near_try(near, a->name);
	}
	for (const struct site_action *a = command_site_actions; a->name; a++)
		near_try(near, a->name);
	near_try(near, "list");
	return NULL;
}

static const char *const operand_key[] = {[OPERAND_NONE] = NULL,
					  [OPERAND_INTERFACE] = "interface",
					  [OPERAND_SIZE] = "size",
					  [OPERAND_DISK] = "disk"};

/* A key that means nothing here is refused, as in a declaration: nothing that is said is ignored. */
static json_t *
check_keys(const json_t *request, enum operand operand, bool list)
{
	const char *const keys[] = {"action", list ? NULL : "vnf", list ? NULL : "timeout",
				    operand_key[operand]};
	char quoted[QUOTED_LEN];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)request, key, value)
	{
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			known |= keys[i] && strcmp(key, keys[i]) == 0;
		if (!known)
			return command_refusal("invalid", "key %s is not for this action",
					       text_quote(key, quoted));
	}
	return NULL;
}

static struct vnf *
find_vnf(struct commands *c, const char *name, struct near *near)
{
	for (size_t i = 0; i < c->env->plan->n_vnfs; i++) {
		if (strcmp(c->vnf[i].name, name) == 0)
			return &c->vnf[i];
		near_try(near, c->vnf[i].name);
	}
	return NULL;
}

static json_t *
take_interface(struct command *cmd, const char *name)
{
	const struct site_vnf *v = cmd->all->env->plan->vnf[cmd->vnf->index].vnf;
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	for (size_t i = 0; i < v->n_interfaces; i++) {
		near_try(&near, v->interfaces[i].name);
		if (strcmp(v->interfaces[i].name, name) != 0)
			continue;
		cmd->index = (uint32_t)i;
		if (v->interfaces[i].kind == IF_SRIOV)
			return NULL;
		return command_refusal("invalid",
				       "vnf %s: interface %s is no virtual function (sriov): only "
				       "those can be taken out and put in",
				       v->name, name);
	}
	return command_refusal("unknown", "vnf %s: it has no interface %s%s", v->name,
			       text_quote(name, quoted), near_hint(&near, hint));
}

static json_t *
take_disk(struct command *cmd, const char *name)
{
	const struct site_vnf *v = cmd->all->env->plan->vnf[cmd->vnf->index].vnf;
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	for (size_t i = 0; i < v->n_disks; i++) {
		near_try(&near, v->disks[i].name);
		if (strcmp(v->disks[i].name, name) != 0)
			continue;
		cmd->index = (uint32_t)i;
		if (v->disks[i].kind == DISK_IMAGE)
			return NULL;
		return command_refusal("invalid", "vnf %s: disk %s is a seed and has no other size",
				       v->name, name);
	}
	return command_refusal("unknown", "vnf %s: it has no disk %s%s", v->name,
			       text_quote(name, quoted), near_hint(&near, hint));
}

static json_t *
take_size(struct command *cmd, const json_t *value)
{
	const struct site_memory *m = &cmd->all->env->plan->vnf[cmd->vnf->index].vnf->memory;
	json_int_t size = json_integer_value(value);

	if (!json_is_integer(value) || size <= 0)
		return command_refusal("invalid", "size is not a positive number of bytes");
	if (!m->balloon)
		return command_refusal("conflict",
				       "vnf %s: it has no balloon; say memory.balloon: true and "
				       "start it again",
				       cmd->vnf->name);
	if ((uint64_t)size > m->size)
		return command_refusal("invalid",
				       "vnf %s: size %lld is more than its memory.size of %llu",
				       cmd->vnf->name, (long long)size,
				       (unsigned long long)m->size);
	cmd->size = (uint64_t)size;
	return NULL;
}

static json_t *
take_operand(struct command *cmd, const json_t *request)
{
	const char *key = operand_key[cmd->action->operand];
	const json_t *value = key ? json_object_get(request, key) : NULL;
	const char *text = json_string_value(value);

	switch (cmd->action->operand) {
	case OPERAND_SIZE:
		return take_size(cmd, value);
	case OPERAND_INTERFACE:
		return text ? take_interface(cmd, text)
			    : command_refusal("invalid", "%s is missing or not a text", key);
	case OPERAND_DISK:
		return text ? take_disk(cmd, text)
			    : command_refusal("invalid", "%s is missing or not a text", key);
	case OPERAND_NONE:
		break;
	}
	return NULL;
}

static json_t *
take_timeout(struct command *cmd, const json_t *request)
{
	const json_t *value = json_object_get(request, "timeout");
	json_int_t s = json_integer_value(value);

	cmd->timeout_s = cmd->action->timeout_s;
	if (!value)
		return NULL;
	if (!json_is_integer(value) || s < 1 || s > COMMAND_TIMEOUT_S)
		return command_refusal("invalid", "timeout is not 1..%d seconds",
				       COMMAND_TIMEOUT_S);
	cmd->timeout_s = (unsigned int)s;
	return NULL;
}

/* To a VNF without a VMM. Never NULL. */
static json_t *
answer_idle(const struct vnf *v, const struct action *action)
{
	json_t *j;

	if (strcmp(action->name, "status") == 0) {
		j = json_pack("{s:b, s:o}", "ok", 1, "vnf", command_status(v, NULL));
		return j ? j : json_null();
	}
	if (v->result == VNF_RUNNING)
		return command_refusal("conflict", "vnf %s: it is being started again", v->name);
	return command_refusal("conflict", "vnf %s: it does not run (%s)", v->name,
			       vnf_result_name(v->result));
}

/* Fills in what the request says. false: *@ret_answer is the answer to it. */
static bool
take_request(struct command *cmd, const json_t *request, json_t **ret_answer)
{
	const char *name = json_string_value(json_object_get(request, "vnf"));
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};
	struct vnf *v = name ? find_vnf(cmd->all, name, &near) : NULL;

	if (!name)
		*ret_answer = command_refusal("invalid", "vnf is missing or not a text");
	else if (!v)
		*ret_answer = command_refusal("unknown", "there is no vnf %s%s",
					      text_quote(name, quoted), near_hint(&near, hint));
	if (!v)
		return false;
	cmd->vnf = v;
	*ret_answer = take_operand(cmd, request);
	if (!*ret_answer)
		*ret_answer = take_timeout(cmd, request);
	if (!*ret_answer && (v->result != VNF_RUNNING || v->child.pid <= 0))
		*ret_answer = answer_idle(v, cmd->action);
	return !*ret_answer;
}

struct command *
command_alive(const struct commands *c, struct command *cmd)
{
	struct command *first = c->running;

	while (first && first != cmd)
		first = first->next;
	return first;
}

static struct command *
begin(struct commands *c, struct command *cmd)
{
	cmd->call = (struct vnf_call){.answered = on_reply, .arg = cmd};
	cmd->watch = (struct vnf_watch){.saw = on_event, .arg = cmd};
	cmd->next = c->running;
	c->running = cmd;
	c->n_running++;
	if (cmd->action->saw)
		vnf_watch_add(cmd->vnf, &cmd->watch);
	evloop_timer(c->env->loop, &cmd->patience, cmd->timeout_s * 1000, command_late, cmd);
	cmd->action->start(cmd);
	return command_alive(c, cmd);
}

/* Which action is asked for. NULL: *@ret_answer is the answer, of which "list" has one at once. */
static const struct action *
take_action(const struct commands *c, const json_t *request, json_t **ret_answer)
{
	const char *name = json_string_value(json_object_get(request, "action"));
	bool list = name && strcmp(name, "list") == 0;
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};
	const struct action *action = name && !list ? find_action(name, &near) : NULL;

	if (!name)
		*ret_answer = command_refusal("invalid", "a request is an object with an action");
	else if (!list && !action)
		*ret_answer = command_refusal("invalid", "there is no action %s%s",
					      text_quote(name, quoted), near_hint(&near, hint));
	else
		*ret_answer = check_keys(request, action ? action->operand : OPERAND_NONE, list);
	if (*ret_answer)
		return NULL;
	if (list)
		*ret_answer = command_list(c);
	else if (c->n_running == COMMANDS_MAX)
		*ret_answer =
			command_refusal("busy", "%d commands run already; try again", COMMANDS_MAX);
	return *ret_answer ? NULL : action;
}

static struct command *
start_vnf(struct commands *c, const json_t *request, command_answer_fn *answer, void *arg)
{
	json_t *early = NULL;
	const struct action *action = take_action(c, request, &early);
	struct command *cmd = action ? calloc(1, sizeof(*cmd)) : NULL;

	if (cmd) {
		*cmd = (struct command){
			.all = c, .action = action, .answer = answer, .arg = arg, .fd = -1};
		if (take_request(cmd, request, &early))
			return begin(c, cmd);
		free(cmd);
	}
	answer(arg, early ? early : command_refusal("failed", "no memory"));
	return NULL;
}

struct command *
command_start(struct commands *c, const json_t *request, command_answer_fn *answer, void *arg)
{
	if (command_is_site(request))
		return command_start_site(c, request, answer, arg);
	return start_vnf(c, request, answer, arg);
}
