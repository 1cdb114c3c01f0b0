/* SPDX-License-Identifier: Apache-2.0 */
/* The network device on a tap, with a real tap in a network namespace of this test's own. Needs root. */
#include "tests/unit/vmm_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "vmm/virtio_net.h"

static int
make_tap(void)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "t0"};
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &req) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
stop_loop(void *arg, uint32_t events)
{
	loop_stop(arg);
}

static void
run_for_100_ms(struct loop *l)
{
	const struct itimerspec soon = {.it_value.tv_nsec = 100000000};
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);

	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_int_equal(loop_add(l, timer, EPOLLIN, stop_loop, l), 0);
	assert_int_equal(loop_run(l), 0);
	loop_del(l, timer);
	close(timer);
}

/* Somebody removes the interface: the operator hears of it once, the guest sees its link go down. */
static void
taken_away(void **state)
{
	static const struct msg_head want = {.magic = VMM_EVENT_MAGIC,
					     .version = VMM_MSG_VERSION,
					     .size = sizeof(struct vmm_event)};
	int tap = make_tap();
	struct fake *f;
	struct pci *pci;
	struct device *dev;
	struct virtio_net *n;
	struct vmm_event ev;
	size_t n_fds;
	struct err e;

	if (tap < 0) {
		print_message("skipped: no tap can be made here: needs root and /dev/net/tun\n");
		skip();
	}
	f = fake_new();
	pci = calloc(1, sizeof(*pci));
	dev = calloc(1, virtio_net_tap_ops.size);
	n = container_of(dev, struct virtio_net, v.dev);
	f->start.n_nics = f->start.n_fds = 1;
	f->start.nic[0] = (struct vmm_nic){.kind = VMM_NIC_TAP, .queues = 1, .name = "lan"};
	f->start.fd[0].role = VMM_FD_NIC;
	f->vm.fds[0] = tap;
	pci->dev = (struct device){.ops = &pci_ops, .vm = &f->vm};
	assert_int_equal(pci_ops.init(&pci->dev, 0, &e), 0);
	*dev = (struct device){.ops = &virtio_net_tap_ops, .vm = &f->vm};
	if (virtio_net_tap_ops.init(dev, 0, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(n->link);
	assert_int_equal(system("ip link del t0"), 0);
	run_for_100_ms(&f->vm.loop);
	assert_false(n->link);
	assert_int_equal(fcntl(f->starter, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	assert_int_equal(fdmsg_recv(f->starter, &want, &ev, NULL, 0, &n_fds), 0);
	assert_int_equal(ev.kind, VMM_EV_NIC_DOWN);
	assert_non_null(strstr(ev.text, "removed"));
	assert_int_equal(fdmsg_recv(f->starter, &want, &ev, NULL, 0, &n_fds), -EAGAIN);
	virtio_net_tap_ops.fini(dev);
	pci_ops.fini(&pci->dev);
	free(dev);
	free(pci);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(taken_away)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
