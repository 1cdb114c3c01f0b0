/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/switch_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPLIES_AT_ONCE 64 /* before others of the loop have their turn */

struct switch_call {
	struct switch_call *next;
	struct switch_req req;
	int fd; /* owned until sent; -1 */
	bool sent;
	switch_reply_fn *reply; /* NULL: nobody waits */
	void *arg;
};

static void on_socket(void *arg, uint32_t events);

static void
free_call(struct switch_call *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static int
watch(struct switch_link *l, bool full)
{
	l->full = full;
	evloop_del(l->loop, &l->source);
	return evloop_add(l->loop, &l->source, l->fd, full ? EPOLLIN | EPOLLOUT : EPOLLIN,
			  on_socket, l);
}

int
switch_link_open(struct switch_link *l, struct evloop *loop, int fd,
		 void (*lost)(void *arg, int error), void *arg)
{
	*l = (struct switch_link){.loop = loop, .fd = fd, .lost = lost, .arg = arg};
	l->end = &l->first;
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -errno;
	return watch(l, false);
}

int
switch_link_move(struct switch_link *to, struct switch_link *from,
		 void (*lost)(void *arg, int error), void *arg)
{
	struct switch_link was = *to;
	int r;

	evloop_del(from->loop, &from->source);
	*to = *from;
	to->source = (struct evsource){0};
	to->lost = lost;
	to->arg = arg;
	if (!to->first)
		to->end = &to->first;
	r = watch(to, from->full);
	if (r < 0) {
		*to = was;
		return r;
	}
	*from = SWITCH_LINK_CLOSED;
	return 0;
}

void
switch_link_close(struct switch_link *l)
{
	struct switch_call *c = l->first, *next;

	if (l->fd < 0)
		return;
	evloop_del(l->loop, &l->source);
	close(l->fd);
	l->fd = -1;
	l->first = NULL;
	l->end = &l->first;
	for (; c; c = next) {
		next = c->next;
		if (c->reply)
			c->reply(c->arg, NULL);
		free_call(c);
	}
}

/* Sends what has not been sent, as far as there is room. An error is seen when reading. */
static void
flush(struct switch_link *l)
{
	struct switch_call *c = l->first;
	int r = 0;

	for (; c && r == 0; c = c->next) {
		if (c->sent)
			continue;
		r = fdmsg_send(l->fd, &c->req.head, &c->fd, c->fd >= 0);
		if (r == -EAGAIN)
			break;
		c->sent = true;
		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
	}
	if (l->full != (c != NULL && r == -EAGAIN))
		watch(l, !l->full);
}

int
switch_link_ask(struct switch_link *l, const struct switch_req *req, int fd, switch_reply_fn *reply,
		void *arg)
{
	struct switch_call *c = l->fd < 0 ? NULL : malloc(sizeof(*c));

	if (!c) {
		if (fd >= 0)
			close(fd);
		return l->fd < 0 ? -ENOTCONN : -ENOMEM;
	}
	*c = (struct switch_call){.req = *req, .fd = fd, .reply = reply, .arg = arg};
	c->req.head = (struct msg_head){.magic = SWITCH_REQ_MAGIC,
					.version = SWITCH_MSG_VERSION,
					.size = sizeof(c->req),
					.seq = ++l->seq};
	*l->end = c;
	l->end = &c->next;
	if (!l->full)
		flush(l);
	return 0;
}

void
switch_link_forget(struct switch_link *l, const void *arg)
{
	for (struct switch_call *c = l->first; c; c = c->next)
		if (c->arg == arg)
			c->reply = NULL;
}

/* The call that @seq answers, taken out of the list when it is the last answer. */
static void
take_reply(struct switch_link *l, const struct switch_reply *reply)
{
	struct switch_call **p = &l->first, *c;
	bool last = !reply->more || reply->error;

	while (*p && (*p)->req.head.seq != reply->head.seq)
		p = &(*p)->next;
	c = *p;
	if (!c || !c->sent)
		return; /* the rest of a list that was given up */
	if (last) {
		*p = c->next;
		if (l->end == &c->next)
			l->end = p;
	}
	if (c->reply)
		c->reply(c->arg, reply);
	if (last)
		free_call(c);
}

static void
on_socket(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = SWITCH_REPLY_MAGIC,
				      .version = SWITCH_MSG_VERSION,
				      .size = sizeof(struct switch_reply)};
	struct switch_link *l = arg;
	struct switch_reply reply;
	size_t n;
	int r = 0;

	if (events & EPOLLOUT)
		flush(l);
	for (unsigned int i = 0; i < REPLIES_AT_ONCE && r == 0 && l->fd >= 0; i++) {
		r = fdmsg_recv(l->fd, &want, &reply, NULL, 0, &n);
		if (r < 0)
			break;
		reply.text[sizeof(reply.text) - 1] = '\0';
		take_reply(l, &reply);
	}
	if (r == 0 || r == -EAGAIN || l->fd < 0)
		return;
	evloop_del(l->loop, &l->source);
	l->lost(l->arg, r == -ECONNRESET ? -ENODATA : r);
}

int
switch_link_rules_fd(const struct filter_rule *rule, size_t n)
{
	int fd = memfd_create("corelane-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t size = n * sizeof(*rule), done = 0;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t w = write(fd, (const char *)rule + done, size - done);

		if (w < 0) {
			int error = errno;

			close(fd);
			return -error;
		}
		done += (size_t)w;
	}
	/* Nobody can change it any more, so that it can be read from without copying it first. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return fd;
}
