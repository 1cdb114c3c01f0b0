/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/control_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdmsg.h"
#include "base/log.h"

#define ACCEPT_PAUSE_MS 1000

static void on_client(void *arg, uint32_t events);
static void on_connect(void *arg, uint32_t events);

static void
close_client(struct control_client *c)
{
	if (c->fd < 0)
		return;
	if (c->runs)
		command_forget(c->runs);
	evloop_del(c->sock->loop, &c->source);
	close(c->fd);
	*c = (struct control_client){.sock = c->sock, .fd = -1};
}

/* Whole or not at all; whoever does not read its answers has no use for them. Takes @answer over. */
static int
send_json(int fd, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	ssize_t n = -1;

	errno = ENOMEM;
	if (text)
		n = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	free(text);
	json_decref(answer);
	return n < 0 ? -errno : 0;
}

/* While a command runs only the client's going away is of interest. */
static int
listen_to(struct control_client *c, bool requests)
{
	evloop_del(c->sock->loop, &c->source);
	return evloop_add(c->sock->loop, &c->source, c->fd, requests ? EPOLLIN : EPOLLRDHUP,
			  on_client, c);
}

static void
on_answer(void *arg, json_t *answer)
{
	struct control_client *c = arg;

	c->busy = false;
	c->runs = NULL;
	if (send_json(c->fd, answer) < 0 || listen_to(c, true) < 0)
		close_client(c);
}

/* @text has @n bytes. NULL with the reason in *@ret_why. */
static json_t *
parse(const char *text, size_t n, json_t **ret_why)
{
	json_error_t e;
	json_t *j;

	if (n > CONTROL_REQUEST_MAX) {
		*ret_why = command_refusal("invalid", "a request has at most %d bytes",
					   CONTROL_REQUEST_MAX);
		return NULL;
	}
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (json_is_object(j))
		return j;
	*ret_why = j ? command_refusal("invalid", "a request is an object with an action")
		     : command_refusal("invalid", "not JSON: %s (byte %d)", e.text, e.position);
	json_decref(j);
	return NULL;
}

static void
take_request(struct control_client *c, const char *text, size_t n)
{
	json_t *why = NULL, *request = parse(text, n, &why);
	struct command *cmd;

	if (!request) {
		c->sock->refused++;
		log_debug("control: refused message number %lu", c->sock->refused);
		if (send_json(c->fd, why) < 0)
			close_client(c);
		return;
	}
	c->busy = true;
	cmd = command_start(c->sock->commands, request, on_answer, c);
	json_decref(request);
	if (!c->busy || c->fd < 0)
		return; /* answered already, and perhaps gone */
	c->runs = cmd;
	if (listen_to(c, false) < 0)
		close_client(c);
}

/* As recv(), with at most one descriptor (-1: none), for commands that hand one in. */
static ssize_t
receive(int fd, char *text, int *ret_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = text, .iov_len = CONTROL_REQUEST_MAX};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	/* More than one has no room here, and the kernel closes the rest. */
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return n;
}

static void
on_client(void *arg, uint32_t events)
{
	struct control_client *c = arg;
	struct commands *commands = c->sock->commands;
	char *text;
	ssize_t n;

	if (c->busy) { /* only its end wakes us then */
		close_client(c);
		return;
	}
	text = malloc(CONTROL_REQUEST_MAX);
	if (!text) {
		close_client(c);
		return;
	}
	(void)events;
	n = receive(c->fd, text, &commands->fd);
	if (n > 0)
		take_request(c, text, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_client(c);
	if (commands->fd >= 0) /* no command that takes one */
		close(commands->fd);
	commands->fd = -1;
	free(text);
}

static void
accept_again(void *arg)
{
	struct control_sock *s = arg;

	if (evloop_add(s->loop, &s->source, s->fd, EPOLLIN, on_connect, s) < 0)
		log_err("control socket: cannot be watched any more");
}

static void
on_connect(void *arg, uint32_t events)
{
	struct control_sock *s = arg;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		log_warn("control socket: %s; no new clients for a second", strerror(errno));
		evloop_del(s->loop, &s->source);
		evloop_timer(s->loop, &s->pause, ACCEPT_PAUSE_MS, accept_again, s);
	}
	if (fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *c = &s->client[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		if (listen_to(c, true) < 0)
			close_client(c);
		return;
	}
	s->refused++;
	send_json(fd,
		  command_refusal("busy", "%d clients are connected already", CONTROL_CLIENTS_MAX));
	close(fd);
}

int
control_sock_open(struct control_sock *s, struct evloop *loop, const struct rundir *dir,
		  struct commands *commands, struct err *e)
{
	char path[SOCK_PATH_LEN];
	int r;

	*s = (struct control_sock){.loop = loop, .commands = commands, .fd = -1};
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		s->client[i] = (struct control_client){.sock = s, .fd = -1};
	r = (size_t)snprintf(path, sizeof(path), "%s/" CONTROL_NAME ".sock", dir->path) <
			    sizeof(path)
		    ? 0
		    : -ENAMETOOLONG;
	if (r == 0)
		r = fdmsg_listen(path, SOCK_SEQPACKET | SOCK_NONBLOCK, &s->fd);
	if (r == 0 && chmod(path, 0600) < 0)
		r = -errno;
	if (r == 0)
		r = evloop_add(loop, &s->source, s->fd, EPOLLIN, on_connect, s);
	if (r == 0)
		return 0;
	control_sock_close(s);
	return err_sys(e, -r, "control socket %s", path);
}

void
control_sock_close(struct control_sock *s)
{
	if (s->fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close_client(&s->client[i]);
	evloop_timer_off(s->loop, &s->pause);
	evloop_del(s->loop, &s->source);
	close(s->fd);
	s->fd = -1; /* its file goes with the run folder */
}
