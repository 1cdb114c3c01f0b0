/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/watch_ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "vhost-user/capture.h"
#include "vhost-user/filter_set.h"
#include "vhost-user/mirror.h"
#include "vhost-user/pcap.h"
#include "vhost-user/snoop.h"
#include "vhost-user/stats_sum.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

#define CAPTURES_MAX 8 /* at once: 4 MiB each */

/* One request and whom to answer. */
struct ask {
	struct lane_switch *sw;
	const struct switch_req *req;
	int *fd;
	ctl_reply_fn reply;
	void *client;
	struct swport *port;
};

static void
answer(const struct ask *a, struct switch_reply *r, const struct err *e)
{
	if (e->code) {
		r->error = e->code;
		snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, e->text);
	}
	a->reply(a->client, r);
}

static int
need_fd(const struct ask *a, const char *what, struct err *e)
{
	if (a->fd)
		return 0;
	return err_set(e, EBADF, "port %s: no file came with the request for %s", a->port->cfg.name,
		       what);
}

/* A copy that nobody else can change. *ret is the caller's. */
static int
read_rules(const struct ask *a, struct filter_rule **ret, struct err *e)
{
	const char *name = a->port->cfg.name;
	uint64_t n = a->req->count;
	struct filter_rule *rules;
	struct stat st;
	size_t size;

	if (n > FILTER_RULES_MAX)
		return err_set(e, E2BIG, "port %s: %llu rules; a port has at most %d a direction",
			       name, (unsigned long long)n, FILTER_RULES_MAX);
	size = n * sizeof(*rules);
	if (fstat(*a->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "port %s: rules do not come in a file", name);
	if ((uint64_t)st.st_size != size)
		return err_set(e, EINVAL,
			       "port %s: a file of %lld bytes does not hold %llu rules of %zu",
			       name, (long long)st.st_size, (unsigned long long)n, sizeof(*rules));
	rules = malloc(size);
	if (!rules)
		return err_sys(e, ENOMEM, "port %s: rules", name);
	if (pread(*a->fd, rules, size, 0) != (ssize_t)size) {
		free(rules);
		return err_set(e, EIO, "port %s: the file of rules cannot be read", name);
	}
	*ret = rules;
	return 0;
}

/* The set that is asked for; NULL: none, everything is allowed. */
static int
make_set(const struct ask *a, const struct filter_set *old, struct filter_set **ret, struct err *e)
{
	struct filter_rule *rules = NULL;
	int r;

	*ret = NULL;
	if (a->req->count == 0)
		return 0;
	r = need_fd(a, "rules", e);
	if (r == 0)
		r = read_rules(a, &rules, e);
	if (r == 0) {
		r = filter_set_make(rules, (uint32_t)a->req->count, old, ret, e);
		if (r < 0)
			err_prefix(e, "port %s", a->port->cfg.name);
	}
	free(rules);
	return r;
}

static int
check_direction(const struct ask *a, struct err *e)
{
	if (a->req->arg < FILTER_DIRECTIONS)
		return 0;
	return err_set(e, EINVAL, "port %s: direction %u is neither from (0) nor to the guest (1)",
		       a->port->cfg.name, a->req->arg);
}

static int
rules(const struct ask *a, struct err *e)
{
	struct watch *w = watch_of(a->port);
	struct filter_set *old, *new;
	int r = check_direction(a, e);

	if (r < 0)
		return r;
	if (!w)
		return err_sys(e, ENOMEM, "port %s: rules", a->port->cfg.name);
	old = w->filter[a->req->arg];
	r = make_set(a, old, &new, e);
	if (r < 0)
		return r;
	w->filter[a->req->arg] = new;
	r = switch_rechain(a->sw, a->port, e);
	if (r < 0) {
		w->filter[a->req->arg] = old;
		old = new;
	}
	filter_set_put(old);
	return r;
}

static void
counts(const struct ask *a)
{
	struct switch_reply r = ctl_make_reply(a->req);
	const struct filter_set *s = NULL;
	struct err e = {0};
	uint32_t at = 0;

	if (check_direction(a, &e) == 0 && a->port->watch)
		s = a->port->watch->filter[a->req->arg];
	for (;;) {
		struct filter_count next;

		r.n = s ? filter_set_counts(s, at, r.rule_count, SWITCH_COUNTS_A_REPLY) : 0;
		at += r.n;
		r.more = s && filter_set_counts(s, at, &next, 1) == 1;
		if (!r.more)
			break;
		if (!a->reply(a->client, &r))
			return;
	}
	answer(a, &r, &e);
}

static int
trace(const struct ask *a, struct err *e)
{
	struct watch *w = watch_of(a->port);
	struct trace *old = w ? w->trace : NULL, *new = NULL;
	int r;

	if (a->req->count > TRACE_FRAMES_MAX)
		return err_set(e, EINVAL, "port %s: %llu frames to trace; 1..%d are possible",
			       a->port->cfg.name, (unsigned long long)a->req->count,
			       TRACE_FRAMES_MAX);
	if (a->req->count > 0 && w)
		new = trace_make(a->req->count);
	if (!w || (a->req->count > 0 && !new))
		return err_sys(e, ENOMEM, "port %s: trace", a->port->cfg.name);
	w->trace = new;
	r = switch_rechain(a->sw, a->port, e);
	if (r < 0) {
		w->trace = old;
		old = new;
	}
	trace_put(old);
	return r;
}

static void
traced(const struct ask *a)
{
	struct trace *t = a->port->watch ? a->port->watch->trace : NULL;
	struct switch_reply r = ctl_make_reply(a->req);
	struct err e = {0};
	uint32_t left = TRACE_ENTRIES; /* of a trace that goes on: one answer ends */
	bool more = false;

	if (!t)
		err_set(&e, ENOENT, "port %s: is not traced", a->port->cfg.name);
	while (t) {
		r.n = trace_take(t, r.trace, SWITCH_TRACES_A_REPLY, &more);
		left -= MIN_OF(left, r.n);
		r.more = r.n == SWITCH_TRACES_A_REPLY && left > 0;
		if (!r.more)
			break;
		if (!a->reply(a->client, &r))
			return;
	}
	r.more_later = more;
	answer(a, &r, &e);
}

static uint32_t
count_captures(const struct lane_switch *sw)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		const struct swport *p = sw->fwd.slot[i];

		n += p && p->watch && p->watch->capture;
	}
	return n;
}

static int
check_capture(const struct ask *a, struct err *e)
{
	const char *name = a->port->cfg.name;
	int r = need_fd(a, "a capture", e);

	if (r < 0)
		return r;
	if (a->port->watch && a->port->watch->capture)
		return err_set(e, EBUSY, "port %s: is being captured; release that capture first",
			       name);
	if (count_captures(a->sw) >= CAPTURES_MAX)
		return err_set(e, EBUSY, "port %s: %d captures run; release one of them first",
			       name, CAPTURES_MAX);
	r = filter_check(&a->req->rule, 0, e);
	return r < 0 ? err_prefix(e, "port %s: capture", name) : 0;
}

static int
capture(const struct ask *a, struct err *e)
{
	const struct capture_want want = {.rule = a->req->rule,
					  .frames = a->req->count,
					  .snap = a->req->arg ? a->req->arg : PCAP_SNAP_MAX};
	int r = check_capture(a, e);
	struct capture *c;
	struct watch *w;

	if (r < 0)
		return r;
	w = watch_of(a->port);
	if (!w)
		return err_sys(e, ENOMEM, "port %s: capture", a->port->cfg.name);
	r = capture_start(*a->fd, &want, &c, e);
	if (r < 0)
		return err_prefix(e, "port %s", a->port->cfg.name);
	*a->fd = -1;
	w->capture = c;
	r = switch_rechain(a->sw, a->port, e);
	if (r < 0) {
		w->capture = NULL;
		capture_stop(c);
		capture_put(c);
	}
	return r;
}

static void
say_result(struct switch_reply *r, const struct capture_result *res)
{
	r->n = 2;
	r->rule_count[0] = (struct filter_count){.name = "captured",
						 .packets = res->frames,
						 .bytes = res->bytes};
	r->rule_count[1] = (struct filter_count){.name = "lost", .packets = res->lost};
}

/* Ends the capture. When its file takes long it stays, and can be asked for again. */
static int
end_capture(const struct ask *a, struct capture_result *res, struct err *e)
{
	struct watch *w = a->port->watch;
	struct capture *c = w->capture;
	int r;

	w->capture = NULL;
	r = switch_rechain(a->sw, a->port, e);
	if (r < 0) {
		w->capture = c;
		return r;
	}
	r = capture_finish(c, res, e);
	if (r == -EAGAIN) {
		w->capture = c;
		return switch_rechain(a->sw, a->port, NULL) < 0 ? -ENOMEM : r;
	}
	capture_put(c);
	return r < 0 ? err_prefix(e, "port %s", a->port->cfg.name) : 0;
}

static void
release(const struct ask *a)
{
	struct switch_reply r = ctl_make_reply(a->req);
	struct watch *w = a->port->watch;
	struct capture_result res = {0};
	struct err e = {0};

	if (!w || !w->capture) {
		err_set(&e, ENOENT, "port %s: is not being captured", a->port->cfg.name);
	} else {
		capture_look(w->capture, &res);
		if (a->req->arg == 1 && !res.ended)
			r.more_later = 1;
		else
			end_capture(a, &res, &e);
		say_result(&r, &res);
	}
	answer(a, &r, &e);
}

static void
networks(const struct ask *a)
{
	struct switch_reply last = ctl_make_reply(a->req);

	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct switch_reply r = ctl_make_reply(a->req);
		struct stats_sum sum;

		if (!stats_sum_network(&a->sw->fwd, i, &sum))
			continue;
		r.more = 1;
		r.n = sum.ports;
		r.stats = sum.stats;
		memcpy(r.port.network, sum.network, sizeof(r.port.network));
		if (!a->reply(a->client, &r))
			return;
	}
	a->reply(a->client, &last);
}

static void
handle_port(const struct ask *a)
{
	struct switch_reply r = ctl_make_reply(a->req);
	struct err e = {0};

	switch (a->req->op) {
	case SWITCH_OP_COUNTS:
		counts(a);
		return;
	case SWITCH_OP_TRACED:
		traced(a);
		return;
	case SWITCH_OP_RELEASE:
		release(a);
		return;
	case SWITCH_OP_RULES:
		rules(a, &e);
		break;
	case SWITCH_OP_TRACE:
		trace(a, &e);
		break;
	default:
		capture(a, &e);
		break;
	}
	answer(a, &r, &e);
}

void
watch_handle(void *sw, const struct switch_req *req, int *fd, ctl_reply_fn reply, void *client)
{
	struct ask a = {.sw = sw, .req = req, .fd = fd, .reply = reply, .client = client};
	struct switch_reply r = ctl_make_reply(req);
	struct err e = {0};

	if (req->op == SWITCH_OP_NETWORKS) {
		networks(&a);
		return;
	}
	a.port = switch_find(sw, req->port.name);
	if (a.port) {
		handle_port(&a);
		return;
	}
	err_set(&e, ENOENT, "port %s: no such port", req->port.name);
	answer(&a, &r, &e);
}

int
watch_start(struct lane_switch *sw)
{
	struct snoop *s = snoop_make(sw->rcu, sw->n_lanes);

	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		sw->lane[i].snoop = s;
	return 0;
}

void
watch_stop(struct lane_switch *sw)
{
	snoop_free(sw->lane[0].snoop);
	for (uint32_t i = 0; i < sw->n_lanes; i++)
		sw->lane[i].snoop = NULL;
}

static void
list_ports(const struct lane_switch *sw, struct swport **ret)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		ret[i] = sw->fwd.slot[i];
}

int
watch_check(struct lane_switch *sw, const struct port_cfg *cfg, struct err *e)
{
	struct swport *port[SWITCH_PORTS_MAX];
	int r;

	list_ports(sw, port);
	r = mirror_check(port, SWITCH_PORTS_MAX, cfg, e);
	if (r == 0 && cfg->snoop)
		r = snoop_enable(sw->lane[0].snoop, e);
	return r;
}

void
watch_refresh(struct lane_switch *sw)
{
	uint64_t changed[SWITCH_PORTS_MAX / 64] = {0};
	struct swport *port[SWITCH_PORTS_MAX];
	struct err e = {0};

	list_ports(sw, port);
	if (mirror_resolve(port, SWITCH_PORTS_MAX, changed) < 0)
		log_err("mirrors: no memory; they stay as they were");
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++)
		if ((changed[i / 64] >> i % 64 & 1) && switch_rechain(sw, port[i], &e) < 0)
			log_err("%s", e.text);
}

void
watch_remove(struct lane_switch *sw, struct swport *p)
{
	struct capture_result res;
	struct err e = {0};

	if (p->watch && p->watch->capture && capture_finish(p->watch->capture, &res, &e) < 0)
		log_warn("port %s: %s", p->cfg.name, e.text);
	snoop_forget(sw->lane[0].snoop, p->ref);
	watch_free(p);
}
