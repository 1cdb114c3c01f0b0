/* SPDX-License-Identifier: Apache-2.0 */
/* The console device with named ports, whose clients and driver mean well. */
#include "tests/unit/vmm_console.h"

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

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(ports_come_and_are_named),
		T(bytes_pass_both_ways),
		T(input_waits_until_the_port_is_open),
		T(clients_queue_up),
		T(one_port_only),
		T(a_slow_client_loses_nothing),
		T(a_reset_starts_over),
		T(a_pause_holds_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
