/* SPDX-License-Identifier: Apache-2.0 */
/* The network device on a vhost-user back end, as a whole: how it ends. */
#include "tests/unit/vmm_back_end.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "vmm/virtio_net.h"

struct threaded {
	struct back_end b;
	atomic_bool stop;
};

static void *
serve(void *arg)
{
	struct threaded *h = arg;

	while (!atomic_load(&h->stop)) /* pairs with the test's store */
		back_end_step(&h->b, 5);
	return NULL;
}

static void
stop_loop(void *arg, uint32_t events)
{
	loop_stop(arg);
}

static void
run_for_200_ms(struct loop *l)
{
	const struct itimerspec soon = {.it_value.tv_nsec = 200000000};
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);

	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
	assert_int_equal(loop_add(l, timer, EPOLLIN, stop_loop, l), 0);
	assert_int_equal(loop_run(l), 0);
	loop_del(l, timer);
	close(timer);
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The machine ends while its back end hangs: the other devices, and the guest's last words, do not wait. */
static void
ends_beside_a_back_end_that_hangs(void **state)
{
	struct threaded *h = calloc(1, sizeof(*h));
	struct pci *pci = calloc(1, sizeof(*pci));
	struct device *dev = calloc(1, virtio_net_vhost_ops.size);
	struct virtio_net *n = container_of(dev, struct virtio_net, v.dev);
	struct fake *f = fake_new();
	pthread_t thread;
	struct err e;
	int pair[2];
	long t0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	back_end_init(&h->b, BEHAVE, 0);
	h->b.fd = pair[1];
	f->start.n_nics = f->start.n_fds = 1;
	f->start.nic[0] = (struct vmm_nic){.kind = VMM_NIC_VHOST_CONNECT,
					   .queues = 1,
					   .mtu = 1500,
					   .name = "lan"};
	f->start.fd[0].role = VMM_FD_NIC;
	f->vm.fds[0] = pair[0];
	pci->dev = (struct device){.ops = &pci_ops, .vm = &f->vm};
	assert_int_equal(pci_ops.init(&pci->dev, 0, &e), 0);
	*dev = (struct device){.ops = &virtio_net_vhost_ops, .vm = &f->vm};
	if (virtio_net_vhost_ops.init(dev, 0, &e) < 0)
		fail_msg("%s", e.text);
	n->v.s.features = VIRTIO_F_VERSION_1;
	for (unsigned int q = 0; q < 2; q++)
		n->v.s.queue[q] = (struct virtio_queue){.size = 64,
							.vector = VIRTIO_NO_VECTOR,
							.enabled = true,
							.desc = 0x10000 + 0x4000 * q,
							.driver = 0x12000 + 0x4000 * q,
							.device = 0x13000 + 0x4000 * q};
	n->v.started = true;
	n->v.ops->start(&n->v);
	assert_int_equal(pthread_create(&thread, NULL, serve, h), 0);
	run_for_200_ms(&f->vm.loop);
	atomic_store(&h->stop, true); /* pairs with serve() */
	pthread_join(thread, NULL);
	assert_true(n->link && h->b.ring[0].running && h->b.ring[1].running);
	t0 = now_ms();
	virtio_net_vhost_ops.fini(dev);
	assert_true(now_ms() - t0 < VU_STOP_MS / 2);
	pci_ops.fini(&pci->dev);
	close(h->b.fd);
	free(dev);
	free(pci);
	free(h);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_beside_a_back_end_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
