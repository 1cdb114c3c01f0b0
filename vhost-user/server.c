/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"

#define ACCEPT_REST_MS 200
#define REPLY_SECONDS  1 /* a client that does not read its answer for so long is closed */

static bool
send_reply(void *client, const struct switch_reply *reply)
{
	return fdmsg_send(*(int *)client, &reply->head, NULL, 0) == 0;
}

static void
refuse_message(int fd)
{
	struct switch_reply r = {
		.head = {.magic = SWITCH_REPLY_MAGIC,
			 .version = SWITCH_MSG_VERSION,
			 .size = sizeof(r)},
		.error = EPROTO,
		.text = "not a request of this version of the protocol",
	};

	fdmsg_send(fd, &r.head, NULL, 0);
}

/* One message from @fd. false: the connection is over. */
static bool
serve(struct server *s, int fd)
{
	static const struct msg_head want = {.magic = SWITCH_REQ_MAGIC,
					     .version = SWITCH_MSG_VERSION,
					     .size = sizeof(struct switch_req)};
	struct switch_req req;
	int passed = -1, r;
	size_t n;

	r = fdmsg_recv(fd, &want, &req, &passed, 1, &n);
	if (r == -EPROTO) {
		refuse_message(fd);
		return false;
	}
	if (r < 0)
		return r == -EAGAIN;
	s->ctl.fd = n ? &passed : NULL;
	ctl_handle(&s->ctl, &req, send_reply, &fd);
	s->ctl.fd = NULL;
	if (passed >= 0)
		close(passed);
	return true;
}

static void
set_timeouts(int fd)
{
	const struct timeval tv = {.tv_sec = REPLY_SECONDS};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		log_warn("control: timeouts cannot be set");
}

/* false: there is no descriptor left, and the client stays in the socket's queue. */
static bool
accept_client(struct server *s)
{
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
	set_timeouts(fd);
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++) {
		if (s->client[i] >= 0)
			continue;
		s->client[i] = fd;
		return true;
	}
	log_warn("control: more than %d clients; one was turned away", SERVER_CLIENTS_MAX);
	close(fd);
	return true;
}

/* false: end. The parent's messages may be malformed too; only its going away ends us. */
static bool
serve_parent(struct server *s, short events)
{
	if (!events)
		return true;
	if (serve(s, s->parent_fd) || !(events & POLLHUP))
		return !(events & POLLNVAL);
	log_info("control: whoever started the switch is gone");
	return false;
}

/* How long to wait for requests. */
static int
tick(struct server *s, bool rest)
{
	int ms = s->ctl.ops->tick ? s->ctl.ops->tick(s->ctl.sw) : -1;
	int also = s->also ? s->also(s->also_arg) : -1;

	if (also >= 0 && (ms < 0 || also < ms))
		ms = also;
	return rest && (ms < 0 || ms > ACCEPT_REST_MS) ? ACCEPT_REST_MS : ms;
}

int
server_run(struct server *s)
{
	struct pollfd p[3 + SERVER_CLIENTS_MAX];
	bool rest = false; /* new clients have to wait: else poll() would not */

	if (s->parent_fd >= 0)
		set_timeouts(s->parent_fd);
	while (!s->ctl.stop) {
		p[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
		p[1] = (struct pollfd){.fd = rest ? -1 : s->listen_fd, .events = POLLIN};
		p[2] = (struct pollfd){.fd = s->parent_fd, .events = POLLIN};
		for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
			p[3 + i] = (struct pollfd){.fd = s->client[i], .events = POLLIN};
		if (poll(p, 3 + SERVER_CLIENTS_MAX, tick(s, rest)) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[0].revents)
			return 0;
		if (!serve_parent(s, p[2].revents))
			return 0;
		for (int i = 0; i < SERVER_CLIENTS_MAX; i++) {
			if (!p[3 + i].revents || serve(s, s->client[i]))
				continue;
			close(s->client[i]);
			s->client[i] = -1;
		}
		rest = p[1].revents && !accept_client(s);
		if (rest && s->no_fd++ == 0)
			log_warn("control: no file descriptor is left for a client; it waits "
				 "(ulimit -n)");
	}
	return 0;
}
