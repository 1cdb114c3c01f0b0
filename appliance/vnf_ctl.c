/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "appliance/vnf.h"
#include "base/log.h"

static struct vnf_call *
take_call(struct vnf_ctl *ctl, uint32_t seq)
{
	for (struct vnf_call **p = &ctl->calls; *p; p = &(*p)->next) {
		struct vnf_call *c = *p;

		if (c->seq != seq)
			continue;
		*p = c->next;
		c->next = NULL;
		return c;
	}
	return NULL; /* nobody waits for this one, or the VMM made it up */
}

static void
on_reply(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = VMM_REPLY_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_reply)};
	struct vnf *v = arg;
	struct vmm_reply reply;
	struct vnf_call *c;
	size_t n;
	int r = fdmsg_recv(v->control_fd, &want, &reply, NULL, 0, &n);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r == 0) {
		reply.text[sizeof(reply.text) - 1] = '\0';
		c = take_call(&v->ctl, reply.head.seq);
		if (c)
			c->answered(c->arg, &reply);
		return;
	}
	if (r != -ENODATA && r != -ECONNRESET)
		log_warn("vnf %s: its VMM's answer is not one: %s", v->name, strerror(-r));
	vnf_ctl_close(v);
}

int
vnf_ctl_open(struct vnf *v)
{
	return evloop_add(v->env->loop, &v->ctl.source, v->control_fd, EPOLLIN, on_reply, v);
}

void
vnf_ctl_close(struct vnf *v)
{
	struct vnf_call *c;

	evloop_del(v->env->loop, &v->ctl.source);
	while ((c = v->ctl.calls)) {
		v->ctl.calls = c->next;
		c->next = NULL;
		c->answered(c->arg, NULL);
	}
}

int
vnf_ctl_call(struct vnf *v, enum vmm_op op, uint32_t index, uint64_t value, struct vnf_call *c)
{
	struct vmm_req req = {.head = {.magic = VMM_REQ_MAGIC,
				       .version = VMM_MSG_VERSION,
				       .size = sizeof(req),
				       .seq = ++v->ctl.seq},
			      .op = op,
			      .index = index,
			      .value = value};
	int r;

	if (v->control_fd < 0 || !v->ctl.source.ready)
		return -ESRCH;
	r = fdmsg_send(v->control_fd, &req.head, NULL, 0);
	if (r < 0 || !c)
		return r;
	c->seq = req.head.seq;
	c->next = v->ctl.calls;
	v->ctl.calls = c;
	return 0;
}

void
vnf_ctl_forget(struct vnf *v, struct vnf_call *c)
{
	for (struct vnf_call **p = &v->ctl.calls; *p; p = &(*p)->next) {
		if (*p != c)
			continue;
		*p = c->next;
		c->next = NULL;
		return;
	}
}

void
vnf_watch_add(struct vnf *v, struct vnf_watch *w)
{
	w->next = v->ctl.watches;
	v->ctl.watches = w;
}

void
vnf_watch_del(struct vnf *v, struct vnf_watch *w)
{
	for (struct vnf_watch **p = &v->ctl.watches; *p; p = &(*p)->next) {
		if (*p != w)
			continue;
		*p = w->next;
		w->next = NULL;
		return;
	}
}

/* Whoever is told may leave, or make others leave: each is looked up again before it is told. */
void
vnf_watch_tell(struct vnf *v, const struct vmm_event *ev)
{
	struct vnf_watch *told[VNF_WATCHES_MAX];
	size_t n = 0;

	for (struct vnf_watch *w = v->ctl.watches; w && n < VNF_WATCHES_MAX; w = w->next)
		told[n++] = w;
	for (size_t i = 0; i < n; i++)
		for (struct vnf_watch *w = v->ctl.watches; w; w = w->next)
			if (w == told[i]) {
				w->saw(w->arg, ev);
				break;
			}
}
