/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that serve a bounded number of buffers a turn: a buffer that comes in the very last moment of a
 * turn, when the driver was still told not to kick, is not forgotten.
 */
#include "tests/unit/vmm_driver.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "vmm/virtio_net.h"

#define TURN 16 /* of the control queue and of the random number device */

/* What the driver adds while the device is about to ask for kicks. */
static struct {
	struct driver *d;
	struct seg s;
	unsigned int n;
} late;

bool __real_virtq_listen(struct virtq *vq);
bool __wrap_virtq_listen(struct virtq *vq);

bool
__wrap_virtq_listen(struct virtq *vq)
{
	if (late.n) {
		late.n--;
		driver_add(late.d, &late.s, 1);
	}
	return __real_virtq_listen(vq);
}

/* All but one of a turn's buffers now, the last one late. */
static void
fill(struct driver *d, struct seg s)
{
	for (unsigned int i = 0; i < TURN - 1; i++)
		driver_add(d, &s, 1);
	late.d = d;
	late.s = s;
	late.n = 1;
}

static unsigned int
served(struct driver *d)
{
	unsigned int n = 0;

	while (driver_get(d) >= 0)
		n++;
	return n;
}

static void
control_queue(void **state)
{
	struct fake *f = fake_new();
	struct virtio_net n = {.v = {.dev.vm = &f->vm, .n_queues = 9}, .pairs = 1};
	struct driver d;
	struct pollfd p = {.fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN};
	struct err e;

	f->start.n_nics = 1;
	f->start.nic[0] = (struct vmm_nic){.kind = VMM_NIC_VHOST_LISTEN, .queues = 4};
	assert_int_equal(virtio_net_find(&n, 0, VMM_NIC_VHOST_LISTEN, VMM_NIC_VHOST_LISTEN, &e), 0);
	driver_init(&d, &f->vm.mem, false);
	n.v.kick[8] = p.fd;
	n.v.s.features = VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | FEATURES(false, 0);
	n.v.s.queue[8] = queue;
	virtio_net_control_start(&n);
	fill(&d, (struct seg){DATA, 4, false});
	virtio_net_control(&n);
	assert_int_equal(late.n, 0);
	assert_int_equal(served(&d), TURN - 1);
	assert_int_equal(poll(&p, 1, 0), 1); /* another turn follows */
	virtio_net_control(&n);
	assert_int_equal(served(&d), 1);
	close(p.fd);
	fake_free(f);
}

static void
stop_loop(void *arg, uint32_t events)
{
	loop_stop(arg);
}

static void
random_numbers(void **state)
{
	struct fake *f = fake_new();
	struct pci *pci = calloc(1, sizeof(*pci));
	struct device *dev = calloc(1, virtio_rng_ops.size);
	struct virtio_dev *v = container_of(dev, struct virtio_dev, dev);
	const struct itimerspec soon = {.it_value.tv_nsec = 100000000};
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct driver d;
	struct err e;

	pci->dev = (struct device){.ops = &pci_ops, .vm = &f->vm};
	assert_int_equal(pci_ops.init(&pci->dev, 0, &e), 0);
	*dev = (struct device){.ops = &virtio_rng_ops, .vm = &f->vm};
	assert_int_equal(virtio_rng_ops.init(dev, 0, &e), 0);
	driver_init(&d, &f->vm.mem, true);
	v->s.features = FEATURES(true, 0);
	v->s.queue[0] = queue;
	v->s.queue[0].vector = VIRTIO_NO_VECTOR;
	v->started = true;
	fill(&d, (struct seg){DATA, 8, true});
	v->ops->start(v);
	assert_int_equal(loop_add(&f->vm.loop, timer, EPOLLIN, stop_loop, &f->vm.loop), 0);
	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_int_equal(loop_run(&f->vm.loop), 0);
	assert_int_equal(late.n, 0);
	assert_int_equal(served(&d), TURN);
	virtio_rng_ops.fini(dev);
	pci_ops.fini(&pci->dev);
	loop_del(&f->vm.loop, timer);
	close(timer);
	free(dev);
	free(pci);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_queue),
		cmocka_unit_test(random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
