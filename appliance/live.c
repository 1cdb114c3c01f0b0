/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/command.h"
#include "appliance/judge.h"
#include "base/log.h"
#include "config/load.h"

#define VALUE_TOLD 200 /* bytes of it */

void
live_init(struct live *l, const struct run_env *env, const struct topo *topo, struct plan *plan,
	  struct switchd *sw)
{
	*l = (struct live){.env = env, .topo = topo, .plan = plan, .site = plan->site, .sw = sw};
}

/*
 * The words come from a file, so they need not be UTF-8 (anything else is shown as "?"), and they may be
 * all of a guest's user data: an answer has room for the beginning.
 */
static json_t *
text_json(const char *text)
{
	char copy[VALUE_TOLD + 4];
	size_t len = text ? strlen(text) : 0;
	json_t *j;

	if (!text)
		return json_null();
	snprintf(copy, sizeof(copy), "%.*s%s", VALUE_TOLD, text, len > VALUE_TOLD ? "..." : "");
	j = json_string(copy);
	if (j)
		return j;
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

static void
drop(struct live *l)
{
	plan_free(l->next);
	site_free(l->coming);
	json_decref(l->changes);
	l->next = NULL;
	l->coming = NULL;
	l->changes = NULL;
}

/* Ends an application. Takes @answer over, and the list of changes into it. */
static void
finish(struct live *l, json_t *answer)
{
	live_answer_fn *fn = l->answer;

	if (l->changes && json_is_object(answer))
		json_object_set(answer, "changes", l->changes);
	drop(l);
	l->busy = false;
	l->answer = NULL;
	if (fn)
		fn(l->arg, answer);
	else
		json_decref(answer);
}

void
live_fini(struct live *l)
{
	if (l->busy)
		finish(l, command_refusal("failed", "the site has ended"));
	site_free(l->own);
	l->own = NULL;
}

/* Every problem of the file, as "validate" would print them. */
static json_t *
invalid(const char *file, const struct config_problems *p)
{
	json_t *list = json_array(),
	       *answer = command_refusal("invalid",
					 "%s: not valid: %zu problem%s; nothing was changed", file,
					 p->total, p->total == 1 ? "" : "s");

	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, text_json(p->item[i].text));
	if (json_is_object(answer))
		json_object_set_new(answer, "problems", list);
	else
		json_decref(list);
	return answer;
}

static json_t *
changes_json(const struct judged *j)
{
	json_t *list = json_array();

	for (size_t i = 0; i < j->n && json_array_size(list) < CHANGES_TOLD; i++) {
		const struct config_change *c = &j->change[i];

		/* Those that stand in the way are told first. */
		if (j->n_refused && !j->needs[i])
			continue;
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "who",
						      text_json(c->who), "path", text_json(c->path),
						      "before", text_json(c->before), "after",
						      text_json(c->after), "needs",
						      text_json(j->needs[i])));
	}
	return list;
}

/* The ports of the new plan in the numbers of the one that runs. The VNFs are the same. */
static void
renumber(const struct plan *from, struct plan *next)
{
	for (size_t i = 0; i < next->n_ports; i++) {
		struct plan_port *p = &next->port[i];
		size_t v = 0;

		if (p->vnf == PLAN_UPLINK)
			continue;
		while (strcmp(from->vnf[v].vnf->name, next->vnf[p->vnf].vnf->name) != 0)
			v++;
		p->vnf = v;
	}
}

static json_t *
success(const struct live *l, const char *verb)
{
	size_t n = l->n_changes;

	if (n == 0)
		return json_pack("{s:b, s:s}", "ok", 1, "text", "nothing differs");
	return json_pack("{s:b, s:o}", "ok", 1, "text",
			 json_sprintf("%zu change%s %s", n, n == 1 ? "" : "s", verb));
}

/* The switch has done it: what was coming is what is. */
static void
take_over(struct live *l)
{
	struct plan_port *port = l->plan->port;
	size_t n = l->plan->n_ports;

	l->plan->port = l->next->port;
	l->plan->n_ports = l->next->n_ports;
	l->next->port = port;
	l->next->n_ports = n;
	/* The rules of the old ports are the old declaration's: both go. */
	site_free(l->own);
	l->own = l->coming;
	l->site = l->own;
	l->coming = NULL;
}

static void
on_changed(void *arg, const char *why)
{
	struct live *l = arg;
	json_t *answer;

	if (why[0]) {
		finish(l, command_refusal("refused", "%s; nothing was changed", why));
		return;
	}
	answer = success(l, "applied");
	take_over(l);
	log_info("applied: %s", json_string_value(json_object_get(answer, "text")));
	finish(l, answer);
}

static void
carry_out(struct live *l)
{
	struct err e = {0};

	if (!l->sw) {
		on_changed(l, "");
		return;
	}
	renumber(l->plan, l->next);
	if (switchd_change(l->sw, l->next, on_changed, l, &e) < 0)
		finish(l, command_refusal("busy", "%s", e.text));
}

/* Fills l->changes. Whether it may go on; else it has ended. */
static bool
compare(struct live *l)
{
	struct judged j;
	size_t n = 0;

	if (judge(l->site, l->coming, &j) < 0) {
		finish(l, command_refusal("failed", "no memory"));
		return false;
	}
	l->changes = changes_json(&j);
	l->n_changes = j.n;
	n = j.n_refused;
	judged_free(&j);
	if (n == 0)
		return true;
	finish(l,
	       command_refusal("refused",
			       "%zu of the changes cannot be made while the site runs; nothing was "
			       "changed",
			       n));
	return false;
}

void
live_apply(struct live *l, const char *file, bool dry, live_answer_fn *answer, void *arg)
{
	struct config_problems problems = {0};
	struct err e = {0};
	json_t *refusal;
	int r;

	if (l->busy) {
		answer(arg, command_refusal("busy", "another declaration is being applied"));
		return;
	}
	l->busy = true;
	l->answer = answer;
	l->arg = arg;
	r = config_load(file, &l->coming, &problems);
	refusal = r < 0 ? invalid(file, &problems) : NULL;
	config_problems_free(&problems);
	if (refusal) {
		finish(l, refusal);
		return;
	}
	if (!compare(l))
		return;
	if (plan_make(l->coming, l->topo, &l->next, &e) < 0)
		finish(l, command_refusal("refused", "%s; nothing was changed", e.text));
	else if (dry)
		finish(l, success(l, "would be applied while everything runs"));
	else
		carry_out(l);
}

/* Nobody waits for the answer: it is logged. */
static void
log_answer(void *arg, json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *item;
	size_t i;

	(void)arg;
	if (error)
		log_err("%s", error);
	json_array_foreach(json_object_get(answer, "problems"), i, item)
		log_err("%s", json_string_value(item));
	json_array_foreach(json_object_get(answer, "changes"), i, item)
	{
		const char *needs = json_string_value(json_object_get(item, "needs"));

		if (needs)
			log_err("%s: %s: %s", json_string_value(json_object_get(item, "who")),
				json_string_value(json_object_get(item, "path")), needs);
	}
	json_decref(answer);
}

void
live_reread(struct live *l, const char *file)
{
	if (strcmp(file, "-") == 0) {
		log_err("the declaration came from standard input and cannot be read again; use "
			"corelane apply");
		return;
	}
	log_info("reading %s again", file);
	live_apply(l, file, false, log_answer, l);
}
