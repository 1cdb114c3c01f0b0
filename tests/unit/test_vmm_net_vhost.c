/* SPDX-License-Identifier: Apache-2.0 */
/* The network device on a vhost-user back end, as a whole: what it offers, how it ends. */
#include "tests/unit/vmm_back_end.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "vmm/net_offload.h"
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

/* One NIC of a machine, its driver, and a back end on a thread of its own. */
struct world {
	struct threaded *h;
	struct pci *pci;
	struct device *dev;
	struct virtio_net *n;
	struct fake *f;
	pthread_t thread;
};

static void
world_up(struct world *w, uint8_t offload, uint64_t features)
{
	struct err e;
	int pair[2];

	*w = (struct world){.h = calloc(1, sizeof(*w->h)),
			    .pci = calloc(1, sizeof(*w->pci)),
			    .dev = calloc(1, virtio_net_vhost_ops.size),
			    .f = fake_new()};
	w->n = container_of(w->dev, struct virtio_net, v.dev);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	back_end_init(&w->h->b, BEHAVE, 0);
	w->h->b.fd = pair[1];
	w->h->b.features = features;
	w->f->start.n_nics = w->f->start.n_fds = 1;
	w->f->start.nic[0] = (struct vmm_nic){.kind = VMM_NIC_VHOST_CONNECT,
					      .queues = 1,
					      .mtu = 1500,
					      .offload = offload,
					      .name = "lan"};
	w->f->start.fd[0].role = VMM_FD_NIC;
	w->f->vm.fds[0] = pair[0];
	w->pci->dev = (struct device){.ops = &pci_ops, .vm = &w->f->vm};
	assert_int_equal(pci_ops.init(&w->pci->dev, 0, &e), 0);
	*w->dev = (struct device){.ops = &virtio_net_vhost_ops, .vm = &w->f->vm};
	if (virtio_net_vhost_ops.init(w->dev, 0, &e) < 0)
		fail_msg("%s", e.text);
}

/* The driver is ready with these features; the back end is heard for 200 ms and then hangs. */
static void
world_run(struct world *w, uint64_t features)
{
	struct virtio_net *n = w->n;

	n->v.s.features = features;
	for (unsigned int q = 0; q < 2; q++)
		n->v.s.queue[q] = (struct virtio_queue){.size = 64,
							.vector = VIRTIO_NO_VECTOR,
							.enabled = true,
							.desc = 0x10000 + 0x4000 * q,
							.driver = 0x12000 + 0x4000 * q,
							.device = 0x13000 + 0x4000 * q};
	n->v.started = true;
	n->v.ops->start(&n->v);
	assert_int_equal(pthread_create(&w->thread, NULL, serve, w->h), 0);
	run_for_200_ms(&w->f->vm.loop);
	atomic_store(&w->h->stop, true); /* pairs with serve() */
	pthread_join(w->thread, NULL);
}

static void
world_down(struct world *w)
{
	virtio_net_vhost_ops.fini(w->dev);
	pci_ops.fini(&w->pci->dev);
	close(w->h->b.fd);
	free(w->dev);
	free(w->pci);
	free(w->h);
	fake_free(w->f);
}

/* The machine ends while its back end hangs: the other devices, and the guest's last words, do not wait. */
static void
ends_beside_a_back_end_that_hangs(void **state)
{
	struct world w;
	long t0;

	world_up(&w, 0, ALL_FEATURES);
	world_run(&w, VIRTIO_F_VERSION_1);
	assert_true(w.n->link && w.h->b.ring[0].running && w.h->b.ring[1].running);
	t0 = now_ms();
	world_down(&w);
	assert_true(now_ms() - t0 < VU_STOP_MS / 2);
}

/* What was not declared is not offered, and a back end is told what the driver chose. */
static void
offloads_are_offered_as_declared(void **state)
{
	const uint64_t tso = VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4;
	const struct virtio_ops *ops;
	struct world w;

	world_up(&w, 0, ALL_FEATURES);
	assert_int_equal(w.n->v.ops->features(&w.n->v) & NET_OFFLOADS, 0);
	world_down(&w);

	world_up(&w, 1, ALL_FEATURES);
	ops = w.n->v.ops;
	assert_int_equal(ops->features(&w.n->v) & NET_OFFLOADS, NET_OFFLOADS_VHOST);
	assert_true(ops->features_ok(&w.n->v, tso));
	assert_false(ops->features_ok(&w.n->v, tso & ~VIRTIO_NET_F_CSUM));
	world_run(&w, tso);
	assert_true(w.n->link && w.h->b.ring[0].running);
	assert_int_equal(w.h->b.got_features & NET_OFFLOADS, tso & NET_OFFLOADS);
	world_down(&w);
}

/* A back end that came later and cannot do what the driver relies on is not taken; the link stays down. */
static void
back_end_without_offloads_is_refused(void **state)
{
	struct world w;

	world_up(&w, 1, ALL_FEATURES & ~NET_OFFLOADS);
	world_run(&w, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_CSUM);
	assert_false(w.n->link);
	assert_false(w.h->b.ring[0].running);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_beside_a_back_end_that_hangs),
		cmocka_unit_test(offloads_are_offered_as_declared),
		cmocka_unit_test(back_end_without_offloads_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
