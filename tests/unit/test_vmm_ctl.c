/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The starter's socket and the control socket of a machine that is paused before it ran: no KVM is
 * needed. Also what vm.c keeps: fds by role, events, guest errors.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/ctl.h"
#include "vmm/device.h"
#include "vmm/vm.h"

static struct vmm_start start;
static struct vmm_stats stats;
static struct vm vm;
static struct ctl *ctl;
static int starter;    /* its end of the start socket */
static int taken = -1; /* what take_fd() got */
static char path[64];

static void
take(void *arg, int fd)
{
	assert_ptr_equal(arg, &vm);
	taken = fd;
}

static int
set_up(void **state)
{
	struct err e = {0};
	int pair[2], listener;

	memset(&vm, 0, sizeof(vm));
	memset(&start, 0, sizeof(start));
	memset(&stats, 0, sizeof(stats));
	assert_int_equal(fdmsg_pair(pair), 0);
	starter = pair[0];
	vm.start_fd = pair[1];
	assert_int_equal(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK), 0);
	snprintf(path, sizeof(path), "/tmp/corelane-test-ctl-%d", (int)getpid());
	assert_int_equal(fdmsg_listen(path, SOCK_SEQPACKET, &listener), 0);
	strcpy(start.name, "fw1");
	start.n_vcpus = 1;
	start.n_nics = 2;
	start.n_fds = 1;
	start.fd[0].role = VMM_FD_CONTROL;
	vm.fds[0] = listener;
	vm.start = &start;
	vm.stats = &stats;
	vm.state = VMM_STATE_STARTING;
	vm.nic[1].take_fd = take;
	vm.nic[1].arg = &vm;
	taken = -1;
	atomic_init(&vm.stop_status, -1);
	pthread_mutex_init(&vm.lock, NULL);
	pthread_cond_init(&vm.changed, NULL);
	assert_int_equal(loop_init(&vm.loop), 0);
	assert_int_equal(ctl_create(&vm, &ctl, &e), 0);
	return 0;
}

static int
tear_down(void **state)
{
	ctl_destroy(ctl);
	loop_fini(&vm.loop);
	close(vm.start_fd);
	if (starter >= 0)
		close(starter);
	unlink(path);
	return 0;
}

static void
stop(void *arg, uint32_t ev)
{
	loop_stop(&vm.loop);
}

static void
pump(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	for (int i = 0; i < 4; i++) {
		atomic_store(&vm.loop.stop, false);
		assert_int_equal(loop_add(&vm.loop, fd, EPOLLIN, stop, NULL), 0);
		assert_int_equal(loop_run(&vm.loop), 0);
		loop_del(&vm.loop, fd);
	}
	close(fd);
}

static int
count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int
client(void)
{
	int fd;

	assert_int_equal(fdmsg_connect(path, SOCK_SEQPACKET, &fd), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	return fd;
}

static void
ask(int fd, uint32_t op, const int *fds, size_t n)
{
	const struct vmm_req q = {.head = {VMM_REQ_MAGIC, VMM_MSG_VERSION, sizeof(q), 5}, .op = op};

	assert_int_equal(fdmsg_send(fd, &q.head, fds, n), 0);
	pump();
}

static int
answer(int fd, struct vmm_reply *ret)
{
	const struct msg_head want = {VMM_REPLY_MAGIC, VMM_MSG_VERSION, sizeof(*ret), 0};
	size_t n;

	return fdmsg_recv(fd, &want, ret, NULL, 0, &n);
}

static void
status(void **state)
{
	static struct vmm_reply p;
	int fd = client();

	vm_event(&vm, VMM_EV_NIC_UP, 1, "up");
	vm_event(&vm, VMM_EV_NIC_DOWN, 1, "down");
	vm_event(&vm, VMM_EV_NIC_UP, 1, "up");
	vm_event(&vm, VMM_EV_NIC_UP, 99, "no such NIC");
	stats.vcpu[0].exits[VMM_EXIT_MMIO] = 42;
	ask(fd, VMM_OP_STATUS, NULL, 0);
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.error, 0);
	assert_int_equal(p.head.seq, 5);
	assert_int_equal(p.state, VMM_STATE_STARTING);
	assert_int_equal(p.n_nics, 2);
	assert_int_equal(p.nic_up[0], 0);
	assert_int_equal(p.nic_up[1], 1);
	assert_int_equal(p.nic_connects[1], 2);
	assert_string_equal(p.name, "fw1");
	assert_int_equal(p.stats.vcpu[0].exits[VMM_EXIT_MMIO], 42);
	close(fd);
}

static void
refuses_operations(void **state)
{
	static struct vmm_reply p;
	const uint32_t op[] = {VMM_OP_PAUSE,
			       VMM_OP_RESUME,
			       VMM_OP_POWER_BUTTON,
			       VMM_OP_BALLOON,
			       VMM_OP_DISK_RESIZED,
			       VMM_OP_DETACH,
			       0,
			       77,
			       UINT32_MAX};
	const int error[] = {EINVAL, EINVAL, EINVAL, ENODEV, ENODEV,
			     ENODEV, ENOSYS, ENOSYS, ENOSYS};
	int fd = client();

	for (int i = 0; i < 9; i++) { /* not running: nothing to pause or resume */
		ask(fd, op[i], NULL, 0);
		assert_int_equal(answer(fd, &p), 0);
		assert_int_equal(p.error, error[i]);
		assert_true(p.text[0] != '\0');
	}
	close(fd);
}

/* A device that answers to DISK_RESIZED of disk 1 and knows one figure. */
static int
fake_request(struct device *d, const struct vmm_req *q, struct err *e)
{
	if (q->op != VMM_OP_DISK_RESIZED)
		return -ENOSYS;
	return q->index == 1 ? 0 : err_set(e, EIO, "disk %u: it shrank", q->index);
}

static void
fake_status(struct device *d, struct vmm_reply *reply)
{
	reply->balloon.actual = 77;
}

static void
passes_requests_on(void **state)
{
	static const struct device_ops plain = {.name = "plain"};
	static const struct device_ops able = {.name = "able",
					       .request = fake_request,
					       .status = fake_status};
	struct device first = {.ops = &plain, .vm = &vm}, second = {.ops = &able, .vm = &vm};
	struct vmm_req q = {.head = {VMM_REQ_MAGIC, VMM_MSG_VERSION, sizeof(q), 5},
			    .op = VMM_OP_DISK_RESIZED,
			    .index = 1};
	static struct vmm_reply p;
	int fd = client();

	vm.device[0] = &first;
	vm.device[1] = &second;
	vm.n_devices = 2;
	assert_int_equal(fdmsg_send(fd, &q.head, NULL, 0), 0);
	pump();
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.error, 0);
	assert_int_equal(p.balloon.actual, 77);
	q.index = 2;
	assert_int_equal(fdmsg_send(fd, &q.head, NULL, 0), 0);
	pump();
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.error, EIO);
	assert_string_equal(p.text, "disk 2: it shrank");
	q.op = VMM_OP_BALLOON; /* nobody's */
	assert_int_equal(fdmsg_send(fd, &q.head, NULL, 0), 0);
	pump();
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.error, ENODEV);
	close(fd);
}

static void
resets_from_outside(void **state)
{
	const struct msg_head want = {VMM_EVENT_MAGIC, VMM_MSG_VERSION, sizeof(struct vmm_event),
				      0};
	static struct vmm_reply p;
	struct vmm_event ev;
	int fd = client();
	size_t n;

	ask(fd, VMM_OP_RESET, NULL, 0);
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.error, 0);
	assert_int_equal(p.state, VMM_STATE_STOPPING);
	assert_int_equal(atomic_load(&vm.stop_status), EXIT_GUEST_RESET);
	assert_int_equal(fdmsg_recv(starter, &want, &ev, NULL, 0, &n), 0);
	assert_int_equal(ev.kind, VMM_EV_RESET);
	close(fd);
}

static void
stops(void **state)
{
	static struct vmm_reply p;
	int fd = client();

	ask(fd, VMM_OP_STOP, NULL, 0);
	assert_int_equal(answer(fd, &p), 0);
	assert_int_equal(p.state, VMM_STATE_STOPPING);
	assert_int_equal(atomic_load(&vm.stop_status), EXIT_OK);
	vm_stop(&vm, EXIT_FAILED); /* the first one counts */
	assert_int_equal(atomic_load(&vm.stop_status), EXIT_OK);
	close(fd);
}

static void
closes_protocol_breakers(void **state)
{
	static struct vmm_reply p;
	const struct vmm_req q = {.head = {VMM_REQ_MAGIC, VMM_MSG_VERSION + 1, sizeof(q), 5},
				  .op = VMM_OP_STOP};
	int before = count_fds(), fd = client();

	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	pump();
	assert_int_equal(answer(fd, &p), -ENODATA);
	close(fd);
	fd = client();
	assert_int_equal(fdmsg_send(fd, &q.head, NULL, 0), 0);
	pump();
	assert_int_equal(answer(fd, &p), -ENODATA);
	close(fd);
	fd = client();
	ask(fd, VMM_OP_STOP, (const int[]){0}, 1); /* an fd that nobody asked for */
	assert_int_equal(answer(fd, &p), -ENODATA);
	close(fd);
	assert_int_equal(atomic_load(&vm.stop_status), -1);
	assert_int_equal(count_fds(), before);
}

static void
has_a_limit_of_clients(void **state)
{
	static struct vmm_reply p;
	int fd[CTL_CLIENTS_MAX + 1], before = count_fds();

	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		fd[i] = client();
		ask(fd[i], VMM_OP_STATUS, NULL, 0);
		assert_int_equal(answer(fd[i], &p), 0);
	}
	fd[CTL_CLIENTS_MAX] = client();
	pump();
	assert_int_equal(answer(fd[CTL_CLIENTS_MAX], &p), -ENODATA);
	close(fd[CTL_CLIENTS_MAX]);
	close(fd[0]);
	pump();
	fd[0] = client();
	ask(fd[0], VMM_OP_STATUS, NULL, 0);
	assert_int_equal(answer(fd[0], &p), 0);
	for (int i = 0; i < CTL_CLIENTS_MAX; i++)
		close(fd[i]);
	pump();
	assert_int_equal(count_fds(), before);
}

static void
closes_the_deaf(void **state)
{
	const struct vmm_req q = {.head = {VMM_REQ_MAGIC, VMM_MSG_VERSION, sizeof(q), 5},
				  .op = VMM_OP_STATUS};
	int fd = client(), r = 0;

	for (int i = 0; i < 10000 && r == 0; i++) {
		r = fdmsg_send(fd, &q.head, NULL, 0);
		pump();
	}
	assert_int_equal(r, -EPIPE);
	close(fd);
}

static void
passes_nic_fds(void **state)
{
	struct vmm_nic_fd m = {.head = {VMM_NICFD_MAGIC, VMM_MSG_VERSION, sizeof(m), 0},
			       .index = 1};
	const int two[] = {0, 0};
	int before = count_fds();

	assert_int_equal(fdmsg_send(starter, &m.head, two, 1), 0);
	pump();
	assert_true(taken >= 0);
	close(taken);
	taken = -1;
	/* None of these may reach a device, leak, or end the machine. */
	assert_int_equal(fdmsg_send(starter, &m.head, NULL, 0), 0);
	assert_int_equal(fdmsg_send(starter, &m.head, two, 2), 0);
	m.index = 0; /* a NIC that takes none */
	assert_int_equal(fdmsg_send(starter, &m.head, two, 1), 0);
	m.index = 2;
	assert_int_equal(fdmsg_send(starter, &m.head, two, 1), 0);
	m.index = UINT32_MAX;
	assert_int_equal(fdmsg_send(starter, &m.head, two, 1), 0);
	m.head.magic = 0;
	assert_int_equal(fdmsg_send(starter, &m.head, two, 1), 0);
	pump();
	pump();
	assert_int_equal(taken, -1);
	assert_int_equal(count_fds(), before);
	assert_int_equal(atomic_load(&vm.stop_status), -1);
}

static void
ends_with_its_starter(void **state)
{
	close(starter);
	starter = -1;
	pump();
	assert_int_equal(atomic_load(&vm.stop_status), EXIT_FAILED);
}

static void
refuses_a_strange_control_fd(void **state)
{
	struct err e = {0};
	struct ctl *c;

	loop_del(&vm.loop, vm.start_fd);
	vm.fds[0] = dup(0);
	assert_int_equal(ctl_create(&vm, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "no listening SOCK_SEQPACKET"));
	vm.fds[0] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0); /* does not listen */
	assert_int_equal(ctl_create(&vm, &c, &e), -EINVAL);
}

static void
takes_fds_once(void **state)
{
	start.n_fds = 3;
	start.fd[1].role = VMM_FD_NIC;
	start.fd[1].index = 0;
	start.fd[2].role = VMM_FD_NIC;
	start.fd[2].index = 1;
	vm.fds[1] = 100;
	vm.fds[2] = 101;
	assert_int_equal(vm_take_fd(&vm, VMM_FD_NIC, 1), 101);
	assert_int_equal(vm_take_fd(&vm, VMM_FD_NIC, 1), -1);
	assert_int_equal(vm_take_fd(&vm, VMM_FD_NIC, 2), -1);
	assert_int_equal(vm_take_fd(&vm, VMM_FD_INITRD, 0), -1);
	assert_int_equal(vm_take_fd(&vm, VMM_FD_NIC, 0), 100);
}

static void
counts_more_errors_than_it_says(void **state)
{
	struct vmm_event ev;
	unsigned int said = 0;

	for (int i = 0; i < 5000; i++)
		vm_guest_error(&vm, "ring %d: garbage", i);
	assert_int_equal(stats.guest_errors, 5000);
	while (recv(starter, &ev, sizeof(ev), MSG_DONTWAIT) == sizeof(ev)) {
		assert_int_equal(ev.kind, VMM_EV_WARNING);
		said++;
	}
	assert_in_range(said, 1, 32);
}

static void
a_full_socket_drops_events(void **state)
{
	for (int i = 0; i < 100000; i++) /* nobody reads: must not block */
		vm_event(&vm, VMM_EV_WARNING, 0, "%s", "words");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status),
		TEST(refuses_operations),
		TEST(passes_requests_on),
		TEST(resets_from_outside),
		TEST(stops),
		TEST(closes_protocol_breakers),
		TEST(has_a_limit_of_clients),
		TEST(closes_the_deaf),
		TEST(passes_nic_fds),
		TEST(ends_with_its_starter),
		TEST(refuses_a_strange_control_fd),
		TEST(takes_fds_once),
		TEST(counts_more_errors_than_it_says),
		TEST(a_full_socket_drops_events),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
