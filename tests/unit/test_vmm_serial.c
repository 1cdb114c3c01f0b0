/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial port as a driver sees it, register by register, and as its reader sees it: nothing lost,
 * nothing waited for. Its interrupt line is watched by wrapping irq_line() (tests/unit/vmm.cmake).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/device.h"
#include "vmm/vm.h"

#define PORT 0x3f8

enum { THR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct vmm_start start;
static struct vmm_stats stats;
static struct vm vm;
static struct device *dev;
static int peer; /* our end of the serial fd */
static int events;
static bool line;

void __wrap_irq_line(struct vm *v, unsigned int n, bool level);

void
__wrap_irq_line(struct vm *v, unsigned int n, bool level)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(n, 4);
	assert_int_not_equal(line, level); /* only changes are worth an ioctl */
	line = level;
}

static void
out(unsigned int reg, uint8_t v)
{
	assert_true(bus_write(&vm.pio, PORT + reg, 1, v));
}

static uint8_t
in(unsigned int reg)
{
	uint64_t v = 0;

	assert_true(bus_read(&vm.pio, PORT + reg, 1, &v));
	assert_true(v <= 0xff);
	return (uint8_t)v;
}

static void
make(int fd)
{
	struct err e = {0};
	int pair[2];

	memset(&vm, 0, sizeof(vm));
	memset(&start, 0, sizeof(start));
	memset(&stats, 0, sizeof(stats));
	line = false;
	assert_int_equal(fdmsg_pair(pair), 0);
	events = pair[0];
	vm.start_fd = pair[1];
	vm.start = &start;
	vm.stats = &stats;
	vm.kvm_fd = vm.vm_fd = -1;
	atomic_init(&vm.stop_status, -1);
	pthread_mutex_init(&vm.lock, NULL);
	assert_int_equal(loop_init(&vm.loop), 0);
	start.n_fds = fd >= 0;
	start.fd[0].role = VMM_FD_SERIAL;
	vm.fds[0] = fd;
	dev = calloc(1, serial_ops.size);
	dev->ops = &serial_ops;
	dev->vm = &vm;
	assert_int_equal(serial_ops.init(dev, 0, &e), 0);
}

static int
set_up(void **state)
{
	int pair[2];

	/* Each write is one message: so we see how many system calls it took. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	peer = pair[0];
	make(pair[1]);
	return 0;
}

static int
set_up_stream(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	peer = pair[0];
	make(pair[1]);
	return 0;
}

static int
tear_down(void **state)
{
	serial_ops.fini(dev);
	free(dev);
	loop_fini(&vm.loop);
	if (peer >= 0)
		close(peer);
	close(vm.start_fd);
	close(events);
	return 0;
}

static void
stop(void *arg, uint32_t ev)
{
	loop_stop(&vm.loop);
}

/* Lets the loop handle what is ready, and return. */
static void
pump(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	for (int i = 0; i < 2; i++) {
		atomic_store(&vm.loop.stop, false);
		assert_int_equal(loop_add(&vm.loop, fd, EPOLLIN, stop, NULL), 0);
		assert_int_equal(loop_run(&vm.loop), 0);
		loop_del(&vm.loop, fd);
	}
	close(fd);
}

static void
is_a_16550a(void **state)
{
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(LCR, 0x83);
	out(THR, 0x01);
	out(IER, 0x02);
	assert_int_equal(in(THR), 0x01);
	assert_int_equal(in(IER), 0x02);
	out(LCR, 0x03);
	assert_int_equal(in(LCR), 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR)&0xc0, 0);
	out(IIR, 0x01);
	assert_int_equal(in(IIR)&0xf0, 0xc0); /* and no bit of a 16750 */
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	assert_int_equal(in(MSR)&0xf0, 0xb0);
}

static void
loops_back(void **state)
{
	out(MCR, 0x1a); /* loop, OUT2, RTS */
	assert_int_equal(in(MSR)&0xf0, 0x90);
	assert_int_equal(in(MSR)&0x0f, 0); /* reading clears the deltas */
	out(THR, 'x');
	assert_int_equal(in(LSR)&0x01, 1);
	assert_int_equal(in(THR), 'x');
	assert_int_equal(in(LSR)&0x01, 0);
	for (int i = 0; i < 17; i++)
		out(THR, (uint8_t)i);
	assert_int_equal(in(LSR)&0x02, 2); /* overrun, once */
	assert_int_equal(in(LSR)&0x02, 0);
	out(IIR, 0x03); /* clears the receive FIFO */
	assert_int_equal(in(LSR)&0x01, 0);
	assert_int_equal(recv(peer, &(char){0}, 1, MSG_DONTWAIT), -1); /* nothing went out */
}

static void
sends_at_once(void **state)
{
	char buf[8];

	out(THR, 'h');
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), 1);
	assert_int_equal(buf[0], 'h');
	assert_int_equal(in(LSR), 0x60);
}

static void
sends_strings_in_one_call(void **state)
{
	char buf[200];

	for (unsigned int i = 100; i-- > 0;) {
		vm.pio_left = i;
		out(THR, (uint8_t)i);
	}
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), 100);
	assert_int_equal(buf[0], 99);
	assert_int_equal(buf[99], 0);
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), -1);
}

static void
slows_a_flood(void **state)
{
	size_t sent = 0, got = 0;
	uint8_t buf[16384]; /* a message is cut at the buffer's end */

	while (in(LSR)&0x20) { /* the reader does not read: this must end, and not block */
		out(THR, (uint8_t)(sent++ * 7));
		assert_true(sent < 1 << 20);
	}
	assert_true(sent > 4096);
	while (got < sent) {
		ssize_t n = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			pump();
		for (ssize_t i = 0; i < n; i++, got++)
			assert_int_equal(buf[i], (uint8_t)(got * 7));
	}
	assert_int_equal(in(LSR)&0x60, 0x60);
	assert_int_equal(stats.guest_errors, 0);
}

static void
counts_what_a_blind_guest_loses(void **state)
{
	for (int i = 0; i < 100000; i++)
		out(THR, 'x');
	assert_int_equal(stats.guest_errors, 1); /* said once */
	assert_int_equal(in(LSR)&0x20, 0);
}

static void
interrupts_when_empty(void **state)
{
	out(IER, 0x02);
	assert_false(line); /* OUT2 is off */
	out(MCR, 0x08);
	assert_true(line);
	assert_int_equal(in(IIR)&0x0f, 0x02);
	assert_false(line); /* reading the cause acknowledges it */
	assert_int_equal(in(IIR)&0x0f, 0x01);
	out(THR, 'a');
	assert_true(line);
	out(IER, 0);
	assert_false(line);
	out(IER, 0x02);
	assert_true(line);
}

static void
receives(void **state)
{
	char text[64];

	memset(text, 'a', sizeof(text));
	text[63] = 'z';
	out(MCR, 0x08);
	out(IER, 0x01);
	out(IIR, 0x81); /* FIFO on, trigger at 8 */
	assert_int_equal(in(IIR)&0x0f, 0x01);
	assert_int_equal(send(peer, "abc", 3, 0), 3);
	pump();
	assert_true(line);
	assert_int_equal(in(IIR)&0x0f, 0x0c); /* some, fewer than the trigger */
	for (int i = 0; i < 3; i++)
		assert_int_equal(in(THR), 'a' + i);
	assert_false(line);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send(peer, text, 16, 0), 16);
	assert_int_equal(send(peer, text + 63, 1, 0), 1);
	pump();
	assert_int_equal(in(IIR)&0x0f, 0x04);
	for (int i = 0; i < 80; i++) /* more than the FIFO holds: it fills up as it is read */
		assert_int_equal(in(THR), 'a');
	assert_int_equal(in(THR), 'z');
	assert_int_equal(in(LSR)&0x03, 0);
}

static void
reader_goes_away(void **state)
{
	struct vmm_event ev;

	close(peer);
	peer = -1;
	for (int i = 0; i < 100000; i++)
		out(THR, 'x');
	assert_int_equal(in(LSR)&0x60, 0x60);
	pump();
	assert_int_equal(recv(events, &ev, sizeof(ev), MSG_DONTWAIT), sizeof(ev));
	assert_int_equal(ev.kind, VMM_EV_WARNING);
	assert_non_null(strstr(ev.text, "serial: "));
	assert_int_equal(recv(events, &ev, sizeof(ev), MSG_DONTWAIT), -1);
}

static void
wide_and_crossing_accesses(void **state)
{
	uint64_t v = 0;

	out(SCR, 0x12);
	assert_true(bus_read(&vm.pio, PORT + LSR, 2, &v));
	assert_int_equal(v & 0xffff, 0xff60);
	assert_false(bus_read(&vm.pio, PORT + SCR, 2, &v));
	assert_false(bus_write(&vm.pio, PORT + MSR, 4, 0));
	assert_true(bus_write(&vm.pio, PORT + MCR, 4, 0xffffffff));
	assert_int_equal(in(MCR), 0x1f);
}

static void
survives_anything(void **state)
{
	char buf[4096];

	srand(5);
	for (int i = 0; i < 200000; i++) {
		unsigned int reg = (unsigned int)rand() % 8;

		vm.pio_left = (unsigned int)rand() % 3;
		if (rand() % 2)
			out(reg, (uint8_t)rand());
		else
			(void)in(reg);
		if (rand() % 1000 == 0)
			(void)!send(peer, buf, (size_t)(1 + rand() % 40), MSG_DONTWAIT);
		if (rand() % 1000 == 0)
			(void)recv(peer, buf, sizeof(buf), MSG_DONTWAIT);
		if (rand() % 5000 == 0)
			pump();
		if (rand() % 20000 == 0)
			serial_ops.reset(dev);
	}
	serial_ops.reset(dev);
	assert_false(line);
	assert_int_equal(in(LSR), 0x60);
}

static void
goes_to_a_file(void **state)
{
	char path[] = "/tmp/corelane-test-XXXXXX", buf[8] = "";
	int fd = mkstemp(path), keep = dup(fd);

	assert_true(fd >= 0 && keep >= 0);
	unlink(path);
	peer = -1;
	make(fd);
	for (const char *c = "file\n"; *c; c++)
		out(THR, (uint8_t)*c);
	assert_int_equal(pread(keep, buf, sizeof(buf), 0), 5);
	assert_string_equal(buf, "file\n");
	close(keep);
	tear_down(state);
}

static void *
read_late(void *arg)
{
	size_t *got = arg;
	char buf[16384];
	ssize_t n;

	usleep(50000);
	while ((n = read(peer, buf, sizeof(buf))) > 0)
		*got += (size_t)n;
	return NULL;
}

/* What the ring still holds when the machine ends is read by a reader that is late, not lost. */
static void
last_words_are_read(void **state)
{
	size_t sent = 0, got = 0;
	pthread_t t;

	assert_int_equal(set_up_stream(state), 0);
	for (; in(LSR)&0x20; sent++)
		out(THR, 'x');
	assert_int_equal(pthread_create(&t, NULL, read_late, &got), 0);
	serial_ops.fini(dev);
	pthread_join(t, NULL);
	assert_int_equal(got, sent);
	tear_down(state);
}

/* And a reader that stands still holds nobody up. */
static void
last_words_do_not_wait_for_ever(void **state)
{
	assert_int_equal(set_up_stream(state), 0);
	while (in(LSR)&0x20)
		out(THR, 'x');
	tear_down(state);
}

static void
is_there_without_an_fd(void **state)
{
	peer = -1;
	make(-1);
	for (int i = 0; i < 20000; i++)
		out(THR, 'x');
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(stats.guest_errors, 0);
	tear_down(state);
}

static void
refuses_a_read_only_fd(void **state)
{
	struct err e = {0};

	peer = -1;
	make(-1);
	start.n_fds = 1;
	vm.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bus_remove(&vm.pio, PORT, dev);
	assert_int_equal(serial_ops.init(dev, 0, &e), -EINVAL);
	assert_non_null(strstr(e.text, "cannot be written"));
	tear_down(state);
}

#define WITH_PEER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(is_a_16550a),
		WITH_PEER(loops_back),
		WITH_PEER(sends_at_once),
		WITH_PEER(sends_strings_in_one_call),
		WITH_PEER(slows_a_flood),
		WITH_PEER(counts_what_a_blind_guest_loses),
		WITH_PEER(interrupts_when_empty),
		cmocka_unit_test_setup_teardown(receives, set_up_stream, tear_down),
		WITH_PEER(reader_goes_away),
		WITH_PEER(wide_and_crossing_accesses),
		WITH_PEER(survives_anything),
		cmocka_unit_test(goes_to_a_file),
		cmocka_unit_test(last_words_are_read),
		cmocka_unit_test(last_words_do_not_wait_for_ever),
		cmocka_unit_test(is_there_without_an_fd),
		cmocka_unit_test(refuses_a_read_only_fd),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
