/* SPDX-License-Identifier: Apache-2.0 */
/* The console device with named ports: clients on sockets, a driver on the rings, both of any mood. */
#include "tests/unit/vmm_device.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define F_MULTIPORT VIRTIO_BIT(1)
#define INPUT       (BUFFERS + 0xa000) /* where the guest wants what comes */

enum { RX, TX, C_RX, C_TX, RX1, TX1, RX2, TX2 };
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, OPEN, NAME };

struct message {
	uint32_t id;
	uint16_t event, value;
};

struct world {
	struct one_device o;
	char folder[32], path[2][64];
	int hvc0;                  /* our end */
	int listener;              /* the device's, of the first port */
	unsigned int given, taken; /* control buffers */
	uint64_t errors;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct fake *f = fake_new();
	int pair[2];

	strcpy(w->folder, "/tmp/console.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	w->hvc0 = pair[0];
	f->start.n_fds = 3;
	f->start.n_ports = 2;
	f->start.fd[0].role = VMM_FD_CONSOLE;
	f->vm.fds[0] = pair[1];
	for (uint16_t i = 0; i < 2; i++) {
		snprintf(w->path[i], sizeof(w->path[i]), "%s/%u", w->folder, i);
		snprintf(f->start.port[i], NAME_MAX_LEN, i ? "second" : "agent");
		f->start.fd[1 + i].role = VMM_FD_PORT;
		f->start.fd[1 + i].index = i;
		assert_int_equal(fdmsg_listen(w->path[i], SOCK_STREAM, &f->vm.fds[1 + i]), 0);
	}
	w->listener = f->vm.fds[1];
	one_device_init(&w->o, f, &virtio_console_ops);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(w->o.f->stats.guest_errors, w->errors);
	one_device_fini(&w->o);
	close(w->hvc0);
	unlink(w->path[0]);
	unlink(w->path[1]);
	rmdir(w->folder);
	free(w);
	return 0;
}

static int
client(struct world *w, unsigned int port)
{
	int fd;

	assert_int_equal(fdmsg_connect(w->path[port], SOCK_STREAM | SOCK_NONBLOCK, &fd), 0);
	return fd;
}

/* --- the driver --- */

static void
give_control(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++, w->given++)
		one_device_add(&w->o, C_RX, BUFFERS + 256 * (w->given % SIZE), 256, true);
}

static void
say(struct world *w, uint32_t id, uint16_t event, uint16_t value)
{
	struct message *m = mem_at(&w->o.f->vm.mem, BUFFERS + 0x8000, sizeof(*m));

	*m = (struct message){id, event, value};
	one_device_add(&w->o, C_TX, BUFFERS + 0x8000, sizeof(*m), false);
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[C_TX]), 0);
}

/* The next message to the driver, which is this one. */
static void
hear(struct world *w, uint32_t id, uint16_t event, uint16_t value, const char *name)
{
	const struct message *m = mem_at(&w->o.f->vm.mem, BUFFERS + 256 * (w->taken % SIZE), 256);

	assert_int_equal(driver_get(&w->o.d[C_RX]), 8 + (int64_t)strlen(name));
	assert_int_equal(m->id, id);
	assert_int_equal(m->event, event);
	assert_int_equal(m->value, value);
	assert_memory_equal(m + 1, name, strlen(name));
	w->taken++;
}

static void
hear_nothing(struct world *w)
{
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[C_RX]), -1);
}

/* As Linux does it: every port is made ready as soon as it is heard of. */
static void
introduce(struct world *w)
{
	give_control(w, 12);
	say(w, ~0u, READY, 1);
	for (uint32_t i = 0; i < 3; i++)
		hear(w, i, ADD, 0, "");
	say(w, 0, PORT_READY, 1);
	hear(w, 0, CONSOLE_PORT, 1, "");
	hear(w, 0, OPEN, 1, "");
	say(w, 1, PORT_READY, 1);
	hear(w, 1, NAME, 1, "agent");
	say(w, 2, PORT_READY, 1);
	hear(w, 2, NAME, 1, "second");
	hear_nothing(w);
}

static void
send_guest(struct world *w, unsigned int q, const char *text)
{
	uint64_t at = BUFFERS + 0x9000 + q * 0x100;

	memcpy(mem_at(&w->o.f->vm.mem, at, 256), text, strlen(text));
	one_device_add(&w->o, q, at, (uint32_t)strlen(text), false);
	one_device_run(&w->o, 10);
}

static void
expect_client(int fd, const char *text)
{
	char buf[256];

	assert_int_equal(read(fd, buf, sizeof(buf)), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static void
expect_guest(struct world *w, unsigned int q, uint64_t at, const char *text)
{
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[q]), strlen(text));
	assert_memory_equal(mem_at(&w->o.f->vm.mem, at, 256), text, strlen(text));
}

/* --- the tests --- */

static void
ports_come_and_are_named(void **state)
{
	struct world *w = *state;
	uint8_t config[12];

	w->o.v->ops->config_read(w->o.v, 0, config, 12);
	assert_int_equal(pci_get(config, 4, 4), 3);
	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
}

static void
bytes_pass_both_ways(void **state)
{
	struct world *w = *state;
	int a, b;

	one_device_start(&w->o, true, F_MULTIPORT);
	introduce(w);
	a = client(w, 0);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	b = client(w, 1);
	one_device_run(&w->o, 10);
	hear(w, 2, OPEN, 1, "");
	say(w, 1, OPEN, 1);
	say(w, 2, OPEN, 1);
	send_guest(w, TX1, "from one");
	expect_client(a, "from one");
	send_guest(w, TX2, "from two");
	expect_client(b, "from two");
	send_guest(w, TX, "console");
	expect_client(w->hvc0, "console");
	one_device_add(&w->o, RX1, INPUT, 256, true);
	one_device_add(&w->o, RX2, INPUT + 256, 256, true);
	one_device_add(&w->o, RX, INPUT + 512, 256, true);
	assert_int_equal(write(a, "to one", 6), 6);
	assert_int_equal(write(b, "to two", 6), 6);
	assert_int_equal(write(w->hvc0, "input", 5), 5);
	expect_guest(w, RX1, INPUT, "to one");
	expect_guest(w, RX2, INPUT + 256, "to two");
	expect_guest(w, RX, INPUT + 512, "input");
	close(a);
	close(b);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 0, "");
	hear(w, 2, OPEN, 0, "");
}

/* Linux drops what arrives at a port that no application has open: so it waits in the socket. */
static void
input_waits_until_the_port_is_open(void **state)
{
	struct world *w = *state;
	int a;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	one_device_add(&w->o, RX1, INPUT, 256, true);
	a = client(w, 0);
	assert_int_equal(write(a, "early", 5), 5);
	close(a); /* and is gone before anybody reads it */
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	assert_int_equal(driver_get(&w->o.d[RX1]), -1);
	say(w, 1, OPEN, 1);
	expect_guest(w, RX1, INPUT, "early");
	one_device_add(&w->o, RX1, INPUT, 256, true);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 0, "");
	/* And is read no more once the application closed it. */
	a = client(w, 0);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	say(w, 1, OPEN, 0);
	assert_int_equal(write(a, "late", 4), 4);
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[RX1]), -1);
	say(w, 1, OPEN, 1);
	expect_guest(w, RX1, INPUT, "late");
	close(a);
}

/* One client at a time: the second one's bytes come after the first one has gone. */
static void
clients_queue_up(void **state)
{
	struct world *w = *state;
	int a, b;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	say(w, 1, OPEN, 1);
	a = client(w, 0);
	one_device_run(&w->o, 10);
	b = client(w, 0);
	assert_int_equal(write(b, "second", 6), 6);
	one_device_add(&w->o, RX1, INPUT, 256, true);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	assert_int_equal(driver_get(&w->o.d[RX1]), -1);
	assert_int_equal(write(a, "first", 5), 5);
	expect_guest(w, RX1, INPUT, "first");
	one_device_add(&w->o, RX1, INPUT, 256, true);
	close(a);
	expect_guest(w, RX1, INPUT, "second");
	/* The driver sees that it is somebody else. */
	hear(w, 1, OPEN, 0, "");
	hear(w, 1, OPEN, 1, "");
	close(b);
}

/* Without control buffers clients may come and go: what is told then is how things are. */
static void
nothing_piles_up(void **state)
{
	struct world *w = *state;
	int a = -1;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	a = client(w, 0);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	while (w->given - w->taken > 0) { /* use up what is there */
		close(a);
		one_device_run(&w->o, 10);
		hear(w, 1, OPEN, 0, "");
		if (w->given == w->taken)
			break;
		a = client(w, 0);
		one_device_run(&w->o, 10);
		hear(w, 1, OPEN, 1, "");
	}
	close(a);
	for (int i = 0; i < 100; i++) {
		a = client(w, 0);
		one_device_run(&w->o, 1);
		if (i < 99)
			close(a);
		one_device_run(&w->o, 1);
	}
	give_control(w, 5);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 0, "");
	hear(w, 1, OPEN, 1, "");
	hear_nothing(w);
	close(a);
}

/* A driver without the feature has its console, and the ports' queues do nothing. */
static void
one_port_only(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, false, 0);
	assert_false(w->o.v->s.features & F_MULTIPORT);
	send_guest(w, TX, "plain");
	expect_client(w->hvc0, "plain");
}

/* A client that does not read: the guest's buffer is kept, nothing is lost, nothing spins. */
static void
a_slow_client_loses_nothing(void **state)
{
	struct world *w = *state;
	size_t sent = 0, got = 0;
	char buf[4096];
	int a;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	a = client(w, 0);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	for (unsigned int i = 0; i < 1000; i++) {
		memset(mem_at(&w->o.f->vm.mem, BUFFERS + 0x10000, 4096), 'a' + (int)(i % 26), 4096);
		one_device_add(&w->o, TX1, BUFFERS + 0x10000, 4096, false);
		one_device_run(&w->o, 1);
		if (driver_get(&w->o.d[TX1]) < 0)
			break;
		sent += 4096;
	}
	assert_true(sent > 0 && sent < 1000 * 4096);
	sent += 4096;
	while (got < sent) {
		ssize_t n = read(a, buf, sizeof(buf));

		if (n < 0)
			one_device_run(&w->o, 1);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], 'a' + (int)((got + (size_t)i) / 4096 % 26));
		got += n > 0 ? (size_t)n : 0;
	}
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[TX1]), 0);
	close(a);
}

static void
a_reset_starts_over(void **state)
{
	struct world *w = *state;
	int a;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	a = client(w, 0);
	say(w, 1, OPEN, 1);
	hear(w, 1, OPEN, 1, "");
	virtio_reset(w->o.v);
	one_device_run(&w->o, 10);
	w->given = w->taken = 0;
	one_device_start(&w->o, true, F_MULTIPORT);
	give_control(w, 4);
	say(w, 0, READY, 1);
	for (uint32_t i = 0; i < 3; i++)
		hear(w, i, ADD, 0, "");
	give_control(w, 4);
	say(w, 1, PORT_READY, 1);
	hear(w, 1, NAME, 1, "agent");
	hear(w, 1, OPEN, 1, ""); /* the client stayed */
	assert_int_equal(write(a, "x", 1), 1);
	one_device_add(&w->o, RX1, INPUT, 256, true);
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[RX1]), -1); /* not open yet, in this life */
	close(a);
}

static void
a_pause_holds_everything(void **state)
{
	struct world *w = *state;
	int a;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	say(w, 1, OPEN, 1);
	a = client(w, 0);
	one_device_run(&w->o, 10);
	hear(w, 1, OPEN, 1, "");
	one_device_add(&w->o, RX1, INPUT, 256, true);
	w->o.dev->ops->pause(w->o.dev);
	assert_int_equal(write(a, "in", 2), 2);
	send_guest(w, TX1, "out");
	assert_int_equal(read(a, &(char){0}, 1), -1);
	assert_int_equal(driver_get(&w->o.d[RX1]), -1);
	w->o.dev->ops->resume(w->o.dev);
	one_device_run(&w->o, 10);
	expect_client(a, "out");
	expect_guest(w, RX1, INPUT, "in");
	close(a);
}

/* A client for whom there is no descriptor waits; and until there is one, nothing spins. */
static void
no_descriptor_left(void **state)
{
	struct world *w = *state;
	struct rlimit old, none;
	int a, lowest;

	one_device_start(&w->o, false, F_MULTIPORT);
	introduce(w);
	a = client(w, 0);
	lowest = dup(a);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){(rlim_t)lowest, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(vm_accept(&w->o.f->vm, w->listener), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(w->o.f->stats.accept_errors, 1);
	assert_int_equal(w->o.f->vm.loop.resting, 1);
	one_device_run(&w->o, 400);
	hear(w, 1, OPEN, 1, "");
	assert_int_equal(w->o.f->vm.loop.resting, 0);
	close(a);
}

static void
hostile_control(void **state)
{
	struct world *w = *state;
	struct rnd r = {11};

	one_device_start(&w->o, false, F_MULTIPORT);
	give_control(w, 12);
	say(w, 3, PORT_READY, 1);                       /* no such port */
	say(w, ~0u, OPEN, 1);                           /* no such port */
	say(w, 1, ADD, 1);                              /* a device's message */
	say(w, 1, 0xffff, 1);                           /* none at all */
	one_device_add(&w->o, C_TX, BUFFERS, 7, false); /* too short */
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[C_TX]), 0);
	assert_int_equal(w->o.f->stats.guest_errors, 5);
	hear_nothing(w);
	for (int i = 0; i < 300; i++)
		say(w, rnd_to(&r, 5), (uint16_t)rnd_to(&r, 9), (uint16_t)rnd_to(&r, 2));
	assert_true(w->o.v->started);
	w->errors = w->o.f->stats.guest_errors;
}

/* A control buffer that a message does not fit breaks the device, and only this. */
static void
no_room_for_a_message(void **state)
{
	struct world *w = *state;

	one_device_start(&w->o, false, F_MULTIPORT);
	one_device_add(&w->o, C_RX, BUFFERS, 7, true);
	struct message *m = mem_at(&w->o.f->vm.mem, BUFFERS + 0x8000, sizeof(*m));
	*m = (struct message){0, READY, 1};
	one_device_add(&w->o, C_TX, BUFFERS + 0x8000, sizeof(*m), false);
	one_device_run(&w->o, 10);
	assert_false(w->o.v->started);
	assert_true(w->o.v->s.status & VIRTIO_S_NEEDS_RESET);
	w->errors = 1;
}

static void
not_a_socket(void **state)
{
	struct fake *f = fake_new();
	struct one_device o;
	struct err e;

	f->start.n_fds = f->start.n_ports = 1;
	strcpy(f->start.port[0], "agent");
	f->start.fd[0].role = VMM_FD_PORT;
	f->vm.fds[0] = memfd_create("no socket", MFD_CLOEXEC);
	assert_int_equal(one_device_try(&o, f, &virtio_console_ops, &e), -EINVAL);
	assert_non_null(strstr(e.text, "port agent"));
	fake_free(f);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(ports_come_and_are_named),
		T(bytes_pass_both_ways),
		T(input_waits_until_the_port_is_open),
		T(clients_queue_up),
		T(nothing_piles_up),
		T(one_port_only),
		T(a_slow_client_loses_nothing),
		T(a_reset_starts_over),
		T(a_pause_holds_everything),
		T(no_descriptor_left),
		T(hostile_control),
		T(no_room_for_a_message),
		cmocka_unit_test(not_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
