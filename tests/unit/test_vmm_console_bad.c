/* SPDX-License-Identifier: Apache-2.0 */
/* The console device with clients, a driver and a host that do not mean well. */
#include "tests/unit/vmm_console.h"

#include <sys/resource.h>

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
		T(nothing_piles_up),      T(no_descriptor_left),          T(hostile_control),
		T(no_room_for_a_message), cmocka_unit_test(not_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
