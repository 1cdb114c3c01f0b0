/* SPDX-License-Identifier: Apache-2.0 */
/* The console device with two named ports: clients on sockets, a driver on the rings. For its tests. */
#ifndef CORELANE_TESTS_VMM_CONSOLE_H
#define CORELANE_TESTS_VMM_CONSOLE_H

#include "tests/unit/vmm_device.h"

#include <poll.h>
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

static inline int
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

static inline int
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

static inline int
client(struct world *w, unsigned int port)
{
	int fd;

	assert_int_equal(fdmsg_connect(w->path[port], SOCK_STREAM | SOCK_NONBLOCK, &fd), 0);
	return fd;
}

/* --- the driver --- */

static inline void
give_control(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++, w->given++)
		one_device_add(&w->o, C_RX, BUFFERS + 256 * (w->given % SIZE), 256, true);
}

static inline void
say(struct world *w, uint32_t id, uint16_t event, uint16_t value)
{
	struct message *m = mem_at(&w->o.f->vm.mem, BUFFERS + 0x8000, sizeof(*m));

	*m = (struct message){id, event, value};
	one_device_add(&w->o, C_TX, BUFFERS + 0x8000, sizeof(*m), false);
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[C_TX]), 0);
}

/* The next message to the driver, which is this one. */
static inline void
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

static inline void
hear_nothing(struct world *w)
{
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[C_RX]), -1);
}

/* As Linux does it: every port is made ready as soon as it is heard of. */
static inline void
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

static inline void
send_guest(struct world *w, unsigned int q, const char *text)
{
	uint64_t at = BUFFERS + 0x9000 + q * 0x100;

	memcpy(mem_at(&w->o.f->vm.mem, at, 256), text, strlen(text));
	one_device_add(&w->o, q, at, (uint32_t)strlen(text), false);
	one_device_run(&w->o, 10);
}

static inline void
expect_client(int fd, const char *text)
{
	char buf[256];

	assert_int_equal(read(fd, buf, sizeof(buf)), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static inline void
expect_guest(struct world *w, unsigned int q, uint64_t at, const char *text)
{
	one_device_run(&w->o, 10);
	assert_int_equal(driver_get(&w->o.d[q]), strlen(text));
	assert_memory_equal(mem_at(&w->o.f->vm.mem, at, 256), text, strlen(text));
}

#endif
