/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

#define MAGIC   0x6f486c43u /* "ClHo" */
#define VERSION 1
/* What both must have in common beside the version; a field that changes its size changes this. */
#define LAYOUT                                                                                     \
	((uint32_t)(sizeof(struct handover_state) * 31 + sizeof(struct handover_port) * 17 +       \
		    sizeof(struct handover_mac) * 7 + DROP_CAUSES))

enum op { HELLO = 1, MACS, READY, GO, DONE, REFUSE };

struct message {
	struct msg_head head;
	uint32_t op;
	uint32_t layout;
	uint32_t n;
	char text[180];
};

static const struct msg_head head = {.magic = MAGIC,
				     .version = VERSION,
				     .size = sizeof(struct message)};

static size_t
state_bytes(uint32_t macs)
{
	return sizeof(struct handover_state) + (size_t)macs * sizeof(struct handover_mac);
}

/* --- messages --- */

static int
say(int sock, enum op op, uint32_t n, int fd)
{
	struct message m = {.head = head, .op = op, .layout = LAYOUT, .n = n};

	return fdmsg_send(sock, &m.head, &fd, fd >= 0);
}

/* In passing: the other one is told why, if it is still there. */
static void
refuse(int sock, const struct err *e)
{
	struct message m = {.head = head, .op = REFUSE, .layout = LAYOUT};

	snprintf(m.text, sizeof(m.text), "%.*s", (int)sizeof(m.text) - 1, e->text);
	(void)fdmsg_send(sock, &m.head, NULL, 0);
}

static int
wait_for(int sock)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, HANDOVER_WAIT_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/* Waits for @op and nothing else; *ret_fd, unless @ret_fd is NULL, is what came with it. */
static int
hear(int sock, enum op op, struct message *ret, int *ret_fd, struct err *e)
{
	int r = wait_for(sock), fd = -1;
	size_t n = 0;

	*ret = (struct message){0};
	if (r == 0)
		r = fdmsg_recv(sock, &head, ret, &fd, 1, &n);
	if (r == -EPROTO)
		return err_set(e, EPROTO,
			       "hand-over: the other switch is of a version that hands over in "
			       "another way; restart it in the ordinary way");
	if (r == -ENODATA || r == -ECONNRESET)
		return err_set(e, ECONNRESET, "hand-over: the other switch is gone");
	if (r < 0)
		return err_sys(e, -r, "hand-over: the other switch");
	ret->text[sizeof(ret->text) - 1] = '\0';
	if (ret->op == op && ret->layout == LAYOUT && (fd >= 0) == (ret_fd != NULL)) {
		if (ret_fd)
			*ret_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (ret->op == REFUSE)
		return err_set(e, ECANCELED, "%s", ret->text);
	if (ret->layout != LAYOUT)
		return err_set(e, EPROTO,
			       "hand-over: the two switches are of different versions; restart "
			       "it in the ordinary way");
	return err_set(e, EPROTO, "hand-over: message %u came instead of %u", ret->op, op);
}

/* --- the old switch --- */

/* The memory that both have: private copies of what the new switch said are looked at, not it. */
struct give {
	struct handover_state *shared; /* mapped */
	size_t size;
	struct handover_state *own; /* its ports, checked */
	uint32_t max_macs;
};

static void
give_free(struct give *g)
{
	if (g->shared)
		munmap(g->shared, g->size);
	free(g->own);
}

static bool
ports_ok(const struct handover_state *s)
{
	if (s->n_ports > HANDOVER_PORTS_MAX)
		return false;
	for (uint32_t i = 0; i < s->n_ports; i++)
		if (strnlen(s->port[i].name, PORT_NAME_LEN) == PORT_NAME_LEN)
			return false;
	return true;
}

/* false: with the reason. */
static bool
give_map(struct give *g, int fd, struct err *e)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	/* one that shrinks would kill us */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_size < state_bytes(0) ||
	    (uint64_t)st.st_size > state_bytes(HANDOVER_MACS_MAX))
		goto impossible;
	g->size = (size_t)st.st_size;
	g->shared = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (g->shared == MAP_FAILED) {
		g->shared = NULL;
		err_sys(e, errno, "hand-over: memory");
		return false;
	}
	g->own = malloc(sizeof(*g->own));
	if (!g->own) {
		err_sys(e, ENOMEM, "hand-over");
		return false;
	}
	memcpy(g->own, g->shared, sizeof(*g->own));
	if (!ports_ok(g->own)) {
		err_set(e, EPROTO, "hand-over: a list of ports that makes no sense");
		return false;
	}
	g->max_macs = (uint32_t)((g->size - state_bytes(0)) / sizeof(struct handover_mac));
	return true;

impossible:
	err_set(e, EPROTO, "hand-over: memory of an impossible size");
	return false;
}

/* The step that counts. Nothing is allocated, waited for or said here but GO. */
static int
let_go(const struct handover_ops *ops, void *sw, int sock, struct give *g, uint32_t *ret_ports,
       struct err *e)
{
	uint32_t taken = 0;
	int r;

	g->shared->halt_ns = clock_now_ns();
	r = ops->halt(sw, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < g->own->n_ports; i++) {
		struct handover_port *p = &g->own->port[i];

		p->taken = 0;
		ops->give(sw, p);
		taken += p->taken != 0;
		memcpy(&g->shared->port[i], p, sizeof(*p));
	}
	r = say(sock, GO, taken, -1);
	if (r < 0) {
		ops->go_on(sw);
		return err_sys(e, -r, "hand-over: the new switch");
	}
	*ret_ports = taken;
	return 0;
}

int
handover_give(const struct handover_ops *ops, void *sw, int sock, uint32_t *ret_ports,
	      struct err *e)
{
	struct give g = {0};
	struct message m;
	int fd = -1, r;

	r = hear(sock, HELLO, &m, &fd, e);
	if (r == 0) {
		r = give_map(&g, fd, e) ? 0 : -e->code;
		close(fd);
	}
	if (r == 0) {
		uint32_t n = ops->macs(sw, g.own, g.shared->mac, g.max_macs);

		r = say(sock, MACS, n, -1);
		if (r < 0)
			err_sys(e, -r, "hand-over: the new switch");
	}
	if (r == 0)
		r = hear(sock, READY, &m, NULL, e);
	if (r == 0)
		r = let_go(ops, sw, sock, &g, ret_ports, e);
	if (r < 0) {
		refuse(sock, e);
		goto out;
	}
	/* Whatever comes now: we are over. */
	if (hear(sock, DONE, &m, NULL, e) < 0)
		log_warn("%s; all ports are its own", e->text);
	*e = (struct err){0};
out:
	give_free(&g);
	return r;
}

/* --- the new switch --- */

struct take {
	struct handover_state *state;
	size_t size;
	int fd;
};

static void
take_free(struct take *t)
{
	if (t->state)
		munmap(t->state, t->size);
	if (t->fd >= 0)
		close(t->fd);
}

/* false: with the reason. */
static bool
take_make(struct take *t, struct err *e)
{
	t->size = state_bytes(HANDOVER_MACS_MAX);
	t->fd = memfd_create("corelane-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->fd < 0 || ftruncate(t->fd, (off_t)t->size) < 0 ||
	    fcntl(t->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		goto fail;
	t->state = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (t->state == MAP_FAILED)
		t->state = NULL;
	if (!t->state)
		goto fail;
	t->state->max_macs = HANDOVER_MACS_MAX;
	return true;

fail:
	err_sys(e, errno, "hand-over: memory");
	return false;
}

static void
learn(const struct handover_ops *ops, void *sw, const struct handover_state *s, uint32_t n)
{
	for (uint32_t i = 0; i < MIN_OF(n, HANDOVER_MACS_MAX); i++) {
		struct handover_mac m = s->mac[i];

		if (m.port < s->n_ports)
			ops->learn(sw, &s->port[m.port], &m);
	}
}

/* What this switch said of its ports it still knows: of the answer only what is the other's counts. */
static void
take_ports(const struct handover_ops *ops, void *sw, const struct handover_state *s,
	   struct handover_port *own, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		own[i].taken = s->port[i].taken != 0;
		memcpy(own[i].base, s->port[i].base, sizeof(own[i].base));
		own[i].stats = s->port[i].stats;
		ops->take(sw, &own[i]);
	}
}

static int
exchange(const struct handover_ops *ops, void *sw, int sock, struct take *t,
	 struct handover_port *own, uint32_t *ret_ports, uint64_t *ret_us, struct err *e)
{
	uint32_t n = ops->ports(sw, own, HANDOVER_PORTS_MAX);
	struct message m;
	int r;

	memcpy(t->state->port, own, n * sizeof(*own));
	t->state->n_ports = n;
	r = say(sock, HELLO, n, t->fd);
	if (r < 0)
		return err_sys(e, -r, "hand-over: the old switch");
	r = hear(sock, MACS, &m, NULL, e);
	if (r < 0)
		return r;
	learn(ops, sw, t->state, m.n);
	r = say(sock, READY, n, -1);
	if (r < 0)
		return err_sys(e, -r, "hand-over: the old switch");
	r = hear(sock, GO, &m, NULL, e);
	if (r < 0)
		return r;
	take_ports(ops, sw, t->state, own, n);
	r = ops->begin(sw, e);
	if (r < 0)
		return r;
	*ret_ports = m.n;
	*ret_us = (clock_now_ns() - t->state->halt_ns) / 1000;
	/* The old one waits for this or for our end. */
	(void)say(sock, DONE, m.n, -1);
	return 0;
}

int
handover_take(const struct handover_ops *ops, void *sw, int sock, uint32_t *ret_ports,
	      uint64_t *ret_us, struct err *e)
{
	struct handover_port *own = calloc(HANDOVER_PORTS_MAX, sizeof(*own));
	struct take t = {.fd = -1};
	int r;

	if (!own)
		return err_sys(e, ENOMEM, "hand-over");
	if (take_make(&t, e))
		r = exchange(ops, sw, sock, &t, own, ret_ports, ret_us, e);
	else
		r = -e->code;
	if (r < 0)
		refuse(sock, e);
	take_free(&t);
	free(own);
	return r;
}
