/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over between two switches: who has stopped and who serves after each end that it can have.
 * Each part runs on a thread of its own, as each runs in a process of its own; one of them may be played
 * by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "vhost-user/handover.h"

struct fake {
	/* the old one */
	bool halted, went_on;
	int halt_error;
	unsigned int given;
	/* the new one */
	unsigned int learnt, taken, anew;
	bool began;
	int begin_error;
	struct handover_mac mac;
	struct handover_port port[2];
};

static int
halt(void *sw, struct err *e)
{
	struct fake *f = sw;

	if (f->halt_error)
		return err_set(e, f->halt_error, "cannot stop");
	f->halted = true;
	return 0;
}

static void
go_on(void *sw)
{
	((struct fake *)sw)->went_on = true;
}

static void
give(void *sw, struct handover_port *p)
{
	struct fake *f = sw;

	assert_true(f->halted);
	f->given++;
	if (strcmp(p->name, "b/lan") == 0)
		return; /* unknown to the old one */
	p->taken = 1;
	p->base[0] = 77;
	p->base[1] = 0x8003;
	p->stats.rx_packets = 1000;
}

static uint32_t
macs(void *sw, const struct handover_state *own, struct handover_mac *ret, uint32_t max)
{
	struct fake *f = sw;

	assert_false(f->halted); /* while frames flow */
	assert_int_equal(own->n_ports, 2);
	assert_true(max >= 2);
	ret[0] = (struct handover_mac){.port = 0, .vlan = 7, .mac = {2, 3}, .age_s = 5};
	ret[1] = (struct handover_mac){.port = 900000}; /* nonsense */
	return 2;
}

static uint32_t
ports(void *sw, struct handover_port *ret, uint32_t max)
{
	(void)sw;
	assert_true(max >= 2);
	for (int i = 0; i < 2; i++) {
		ret[i] = (struct handover_port){.rings = 3, .packed = 1};
		snprintf(ret[i].name, sizeof(ret[i].name), "%c/lan", 'a' + i);
	}
	return 2;
}

static void
learn(void *sw, const struct handover_port *port, const struct handover_mac *mac)
{
	struct fake *f = sw;

	assert_string_equal(port->name, "a/lan");
	f->learnt++;
	f->mac = *mac;
}

static void
take(void *sw, const struct handover_port *port)
{
	struct fake *f = sw;

	assert_false(f->began);
	if (port->taken) {
		f->port[f->taken++] = *port;
		return;
	}
	f->anew++;
}

static int
begin(void *sw, struct err *e)
{
	struct fake *f = sw;

	if (f->begin_error)
		return err_set(e, f->begin_error, "cannot begin");
	f->began = true;
	return 0;
}

static const struct handover_ops ops = {halt, go_on, give, macs, ports, learn, take, begin};

struct side {
	struct fake f;
	int sock, r;
	uint32_t ports;
	uint64_t us;
	struct err e;
};

static void *
run_give(void *arg)
{
	struct side *s = arg;

	s->r = handover_give(&ops, &s->f, s->sock, &s->ports, &s->e);
	shutdown(s->sock, SHUT_RDWR); /* as the end of a process does */
	return NULL;
}

static void *
run_take(void *arg)
{
	struct side *s = arg;

	s->r = handover_take(&ops, &s->f, s->sock, &s->ports, &s->us, &s->e);
	shutdown(s->sock, SHUT_RDWR);
	return NULL;
}

struct scene {
	struct side old, new;
	pthread_t thread[2];
};

static int
set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	int pair[2];

	assert_int_equal(fdmsg_pair(pair), 0);
	s->old.sock = pair[0];
	s->new.sock = pair[1];
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	close(s->old.sock);
	close(s->new.sock);
	free(s);
	return 0;
}

static void
run_both(struct scene *s)
{
	pthread_create(&s->thread[0], NULL, run_give, &s->old);
	pthread_create(&s->thread[1], NULL, run_take, &s->new);
	pthread_join(s->thread[0], NULL);
	pthread_join(s->thread[1], NULL);
}

static void
all_is_handed_over(void **state)
{
	struct scene *s = *state;
	const struct fake *n = &s->new.f;

	run_both(s);
	assert_int_equal(s->old.r, 0);
	assert_int_equal(s->new.r, 0);
	assert_true(s->old.f.halted && !s->old.f.went_on);
	assert_true(n->began);
	assert_int_equal(s->old.ports, 1);
	assert_int_equal(s->new.ports, 1);
	assert_int_equal(n->learnt, 1);
	assert_int_equal(n->mac.vlan, 7);
	assert_int_equal(n->taken, 1);
	assert_int_equal(n->anew, 1);
	assert_string_equal(n->port[0].name, "a/lan");
	assert_int_equal(n->port[0].base[0], 77);
	assert_int_equal(n->port[0].base[1], 0x8003);
	assert_int_equal(n->port[0].stats.rx_packets, 1000);
	assert_int_equal(n->port[0].packed, 1);
}

/* Something fails before GO: the old one goes on as if nothing had been. */
static void
the_old_one_cannot_stop(void **state)
{
	struct scene *s = *state;

	s->old.f.halt_error = EPERM;
	run_both(s);
	assert_int_equal(s->old.r, -EPERM);
	assert_false(s->old.f.halted || s->new.f.began);
	assert_int_equal(s->new.r, -ECANCELED);
	assert_string_equal(s->new.e.text, "cannot stop");
}

/* After GO it is the new one's, and its failure is told there. */
static void
the_new_one_cannot_begin(void **state)
{
	struct scene *s = *state;

	s->new.f.begin_error = EIO;
	run_both(s);
	assert_int_equal(s->old.r, 0);
	assert_true(s->old.f.halted && !s->old.f.went_on);
	assert_int_equal(s->new.r, -EIO);
}

/* --- one side played by hand --- */

struct message { /* as handover.c has it */
	struct msg_head head;
	uint32_t op, layout, n;
	char text[180];
};

static void
hear(int sock, struct message *ret, int *ret_fd)
{
	const struct msg_head want = {0x6f486c43u, 1, sizeof(*ret), 0};
	size_t n;

	assert_int_equal(fdmsg_recv(sock, &want, ret, ret_fd, ret_fd ? 1 : 0, &n), 0);
}

/* The HELLO of a real new switch, to be repeated with changes. */
static struct message
hello_of(struct scene *s, int *ret_fd)
{
	struct message m;

	pthread_create(&s->thread[1], NULL, run_take, &s->new);
	hear(s->old.sock, &m, ret_fd);
	shutdown(s->old.sock, SHUT_RDWR);
	pthread_join(s->thread[1], NULL);
	assert_int_equal(s->new.r, -ECONNRESET);
	assert_false(s->new.f.began);
	return m;
}

static void
reconnect(struct scene *s)
{
	int pair[2];

	close(s->old.sock);
	close(s->new.sock);
	assert_int_equal(fdmsg_pair(pair), 0);
	s->old.sock = pair[0];
	s->new.sock = pair[1];
}

static void
expect_refusal(struct scene *s, const struct message *m, int fd, const char *words)
{
	struct message answer;

	pthread_create(&s->thread[0], NULL, run_give, &s->old);
	assert_int_equal(fdmsg_send(s->new.sock, &m->head, &fd, fd >= 0), 0);
	pthread_join(s->thread[0], NULL);
	assert_true(s->old.r < 0);
	assert_false(s->old.f.halted);
	if (!strstr(s->old.e.text, words))
		fail_msg("%s", s->old.e.text);
	hear(s->new.sock, &answer, NULL);
	assert_int_equal(answer.op, 6); /* REFUSE */
	assert_non_null(strstr(answer.text, words));
}

static void
versions_differ(void **state)
{
	struct scene *s = *state;
	int fd = -1;
	struct message m = hello_of(s, &fd);

	reconnect(s);
	m.layout++;
	expect_refusal(s, &m, fd, "different versions");
	reconnect(s);
	m.layout--;
	m.head.version++;
	expect_refusal(s, &m, fd, "another way");
	close(fd);
}

static void
nonsense_is_refused(void **state)
{
	struct scene *s = *state;
	struct handover_state *shared;
	int fd = -1, other = memfd_create("other", MFD_CLOEXEC);
	struct message m = hello_of(s, &fd);

	reconnect(s);
	expect_refusal(s, &m, -1, "came instead"); /* no memory */
	reconnect(s);
	assert_int_equal(ftruncate(other, sizeof(*shared)), 0);
	expect_refusal(s, &m, other, "impossible size"); /* could shrink */
	close(other);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(shared != MAP_FAILED);
	shared->n_ports = HANDOVER_PORTS_MAX + 1;
	reconnect(s);
	expect_refusal(s, &m, fd, "list of ports");
	shared->n_ports = 2;
	memset(shared->port[1].name, 'x', sizeof(shared->port[1].name));
	reconnect(s);
	expect_refusal(s, &m, fd, "list of ports");
	munmap(shared, sizeof(*shared));
	close(fd);
}

/* The new one dies between its HELLO and READY. */
static void
the_new_one_dies_early(void **state)
{
	struct scene *s = *state;
	int fd = -1;
	struct message m = hello_of(s, &fd), answer;

	reconnect(s);
	pthread_create(&s->thread[0], NULL, run_give, &s->old);
	assert_int_equal(fdmsg_send(s->new.sock, &m.head, &fd, 1), 0);
	hear(s->new.sock, &answer, NULL);
	assert_int_equal(answer.op, 2); /* MACS */
	shutdown(s->new.sock, SHUT_RDWR);
	pthread_join(s->thread[0], NULL);
	assert_int_equal(s->old.r, -ECONNRESET);
	assert_false(s->old.f.halted);
	close(fd);
}

/* It dies while the old one stops: GO cannot be said, so the old one takes up again. */
static int
halt_and_lose_the_other(void *sw, struct err *e)
{
	struct fake *f = sw;
	struct side *side = (struct side *)f; /* its first member */

	(void)e;
	f->halted = true;
	shutdown(side->sock, SHUT_RDWR);
	return 0;
}

static void
go_cannot_be_said(void **state)
{
	struct handover_ops lossy = ops;
	struct scene *s = *state;

	lossy.halt = halt_and_lose_the_other;
	pthread_create(&s->thread[1], NULL, run_take, &s->new);
	s->old.r = handover_give(&lossy, &s->old.f, s->old.sock, &s->old.ports, &s->old.e);
	pthread_join(s->thread[1], NULL);
	assert_int_equal(s->old.r, -EPIPE);
	assert_true(s->old.f.went_on);
	assert_int_equal(s->new.r, -ECONNRESET);
	assert_false(s->new.f.began);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_handed_over),       TEST(the_old_one_cannot_stop),
		TEST(the_new_one_cannot_begin), TEST(versions_differ),
		TEST(nonsense_is_refused),      TEST(the_new_one_dies_early),
		TEST(go_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
