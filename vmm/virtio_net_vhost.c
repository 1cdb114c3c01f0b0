/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net whose rings a vhost-user back end serves. No frame passes through here: the back end gets
 * the rings' addresses, the driver's kicks are an ioeventfd and the interrupts an irqfd that it signals
 * itself. What is left for us: features, link state, the control queue, and back ends that come and go.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/event.h"
#include "vmm/net_offload.h"
#include "vmm/stats.h"
#include "vmm/vhost_pair.h"
#include "vmm/virtio_net.h"
#include "vmm/vm.h"

#define HANDOVER_MAX_S 3600

struct net_vhost {
	struct virtio_net n;
	int listener;  /* -1: connections are handed in */
	int no_vector; /* eventfd for rings without an interrupt */
	int nudge;     /* eventfd: the control queue moved, to be watched by the main thread */
	int watched;   /* its kick fd in the loop, -1: none */
	char refused[sizeof(((struct vhost_user *)0)->last_words)]; /* said last */
	struct vhost_pair pair;
};

_Static_assert(VIRTIO_QSIZE_MAX <= VU_RING_SIZE_MAX, "back ends hear of larger rings than agreed");

static struct net_vhost *
of(struct virtio_dev *v)
{
	return container_of(v, struct net_vhost, n.v);
}

/* --- rings --- */

static void
show_ring(struct net_vhost *d, unsigned int q)
{
	struct virtio_dev *v = &d->n.v;
	struct virtio_rings rings;
	int call = virtio_call_fd(v, q);

	/* They were in RAM when the queue was enabled, and RAM does not move. */
	if (!v->s.queue[q].enabled ||
	    virtio_queue_rings(&v->dev.vm->mem, &v->s.queue[q], virtio_has(v, VIRTIO_F_RING_PACKED),
			       &rings) < 0)
		return;
	vhost_pair_ring(&d->pair, q,
			&(struct vhost_user_ring){
				.enabled = q / 2 < d->n.pairs,
				.size = v->s.queue[q].size,
				.desc = rings.desc,
				.driver = rings.driver,
				.device = rings.device,
				.kick = v->kick[q],
				.call = call >= 0 ? call : d->no_vector,
			});
}

static void
show_rings(struct net_vhost *d)
{
	for (unsigned int q = 0; q < 2 * virtio_net_pairs_max(&d->n); q++)
		show_ring(d, q);
	if (!d->n.v.paused)
		vhost_pair_go(&d->pair);
}

static void
nudge(struct net_vhost *d)
{
	event_signal(d->nudge);
}

static void
start(struct virtio_dev *v)
{
	struct net_vhost *d = of(v);

	d->n.pairs = 1; /* 5.1.6.5.5: until the driver asks for more */
	d->n.has_control = false;
	virtio_net_control_start(&d->n);
	if (!v->started) /* it was broken just now */
		return;
	nudge(d);
	vhost_pair_start(&d->pair, v->s.features, virtio_has(v, VIRTIO_F_RING_PACKED));
	show_rings(d);
}

static void
queue_changed(struct virtio_dev *v, unsigned int q)
{
	struct net_vhost *d = of(v);

	virtio_net_control_start(&d->n);
	show_rings(d);
}

static void
stop(struct virtio_dev *v)
{
	struct net_vhost *d = of(v);

	d->n.has_control = false;
	nudge(d);
	vhost_pair_stop(&d->pair);
}

/* The same set whether or not a back end is there; one that is may know less. */
static uint64_t
features(struct virtio_dev *v)
{
	struct net_vhost *d = of(v);
	uint64_t f = virtio_net_features(&d->n);
	uint64_t theirs = vhost_user_features(vhost_pair_first(&d->pair));

	if (d->n.cfg->offload)
		f |= NET_OFFLOADS_VHOST;
	f &= theirs | ~(VIRTIO_F_COMMON | VIRTIO_NET_F_MRG_RXBUF | NET_OFFLOADS) |
	     VIRTIO_F_VERSION_1;
	if (vhost_user_pairs(vhost_pair_first(&d->pair)) < d->n.cfg->queues)
		f &= ~(VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ);
	return f;
}

static bool
features_ok(struct virtio_dev *v, uint64_t f)
{
	return virtio_net_features_ok(v, f) && net_offload_ok(f);
}

static void
paused(struct virtio_dev *v)
{
	vhost_pair_pause(&of(v)->pair);
}

static void
resumed(struct virtio_dev *v)
{
	if (v->started)
		vhost_pair_resume(&of(v)->pair);
}

static const struct virtio_ops net_ops = {
	.type = VIRTIO_ID_NET,
	.pci_class = 0x020000,
	.features = features,
	.features_ok = features_ok,
	.config_size = sizeof(struct virtio_net_config),
	.config_read = virtio_net_config_read,
	.start = start,
	.queue_changed = queue_changed,
	.stop = stop,
	.paused = paused,
	.resumed = resumed,
};

/* --- the back end comes and goes --- */

static void
back_end_up(void *arg)
{
	struct net_vhost *d = arg;

	d->refused[0] = '\0';
	virtio_net_set_link(&d->n, true);
	vm_event(d->n.v.dev.vm, VMM_EV_NIC_UP, d->n.nic, "%s: a back end is connected",
		 d->n.v.name);
}

static void
back_end_down(void *arg, const char *why, bool was_up)
{
	struct net_vhost *d = arg;
	struct vm *vm = d->n.v.dev.vm;

	if (was_up) {
		vm_event(vm, VMM_EV_NIC_DOWN, d->n.nic, "%s: back end lost: %s", d->n.v.name, why);
	} else if (strcmp(d->refused, why) != 0) {
		/* One that tries again and again is told of once. */
		vm_event(vm, VMM_EV_WARNING, d->n.nic, "%s: back end refused: %s", d->n.v.name,
			 why);
		snprintf(d->refused, sizeof(d->refused), "%s", why);
	}
	virtio_net_set_link(&d->n, false);
	if (d->listener < 0)
		vm_event(vm, VMM_EV_NIC_WANTS_FD, d->n.nic, "%s: waiting for a new connection",
			 d->n.v.name);
}

/* The driver sees nothing of it: the link stays up. */
static void
back_end_changed(void *arg)
{
	struct net_vhost *d = arg;

	vm_event(d->n.v.dev.vm, VMM_EV_NIC_UP, d->n.nic, "%s: another back end has taken over",
		 d->n.v.name);
}

static void
back_end_warn(void *arg, const char *what)
{
	struct net_vhost *d = arg;

	vm_event(d->n.v.dev.vm, VMM_EV_WARNING, d->n.nic, "%s: %s", d->n.v.name, what);
}

static void
ring_broken(void *arg)
{
	struct net_vhost *d = arg;
	struct vm *vm = d->n.v.dev.vm;

	stats_add_shared(&vm->stats->backend_errors, 1);
	vm_guest_error(vm, "%s: the back end reports a broken ring", d->n.v.name);
}

static const struct vhost_pair_cb back_end_cb = {
	.up = back_end_up,
	.down = back_end_down,
	.took_over = back_end_changed,
	.warn = back_end_warn,
	.broken = ring_broken,
};

static void
control_ready(void *arg, uint32_t events)
{
	struct net_vhost *d = arg;
	struct virtio_dev *v = &d->n.v;
	int q;

	pthread_mutex_lock(&v->dev.vm->lock);
	q = virtio_net_control_queue(&d->n);
	/* A pause leaves the kick forgotten: resume kicks. */
	if (event_drain(d->watched) && v->started && !d->n.v.paused && q >= 0 &&
	    virtio_net_control(&d->n))
		show_rings(d);
	pthread_mutex_unlock(&v->dev.vm->lock);
}

/*
 * Which queue is the control queue is known once the driver chose its features (5.1.2), on a vCPU's
 * thread; the loop is the main thread's.
 */
static void
nudge_ready(void *arg, uint32_t events)
{
	struct net_vhost *d = arg;
	struct virtio_dev *v = &d->n.v;
	struct vm *vm = v->dev.vm;
	int q, fd;

	event_drain(d->nudge);
	pthread_mutex_lock(&vm->lock);
	q = v->started ? virtio_net_control_queue(&d->n) : -1;
	fd = q < 0 ? -1 : v->kick[q];
	if (fd != d->watched) {
		loop_del(&vm->loop, d->watched);
		d->watched = loop_add(&vm->loop, fd, EPOLLIN, control_ready, d) == 0 ? fd : -1;
	}
	pthread_mutex_unlock(&vm->lock);
}

static void
listener_ready(void *arg, uint32_t events)
{
	struct net_vhost *d = arg;
	int fd = vm_accept(d->n.v.dev.vm, d->listener);

	if (fd < 0)
		return;
	pthread_mutex_lock(&d->n.v.dev.vm->lock);
	vhost_pair_attach(&d->pair, fd);
	pthread_mutex_unlock(&d->n.v.dev.vm->lock);
}

static void
take_fd(void *arg, int fd)
{
	struct net_vhost *d = arg;

	pthread_mutex_lock(&d->n.v.dev.vm->lock);
	vhost_pair_attach(&d->pair, fd);
	pthread_mutex_unlock(&d->n.v.dev.vm->lock);
}

/* --- the device --- */

static int
watch(struct net_vhost *d)
{
	struct loop *l = &d->n.v.dev.vm->loop;
	int r = loop_add(l, d->nudge, EPOLLIN, nudge_ready, d);

	if (r == 0 && d->listener >= 0)
		r = loop_add(l, d->listener, EPOLLIN, listener_ready, d);
	return r;
}

static void
fini(struct device *dev)
{
	struct net_vhost *d = container_of(dev, struct net_vhost, n.v.dev);
	const int own[] = {d->listener, d->no_vector, d->nudge};
	struct vm *vm = dev->vm;

	/*
	 * The connection first: the machine ends, so nobody asks for the rings back, and a back end that
	 * hangs does not keep the other devices, and the guest's last words, waiting.
	 */
	vhost_pair_fini(&d->pair);
	virtio_fini(&d->n.v);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		loop_del(&vm->loop, own[i]);
		if (own[i] >= 0)
			close(own[i]);
	}
}

/* The socket that was handed in, or the wish for one. */
static int
take_socket(struct net_vhost *d, struct err *e)
{
	struct vm *vm = d->n.v.dev.vm;
	int fd = vm_take_fd(vm, VMM_FD_NIC, d->n.nic);

	if (d->n.cfg->kind == VMM_NIC_VHOST_LISTEN) {
		if (fd < 0)
			return err_set(e, EINVAL, "%s: its listening socket was not handed in",
				       d->n.v.name);
		d->listener = fd;
		return 0;
	}
	vm->nic[d->n.nic].take_fd = take_fd;
	vm->nic[d->n.nic].arg = d;
	if (fd >= 0)
		take_fd(d, fd);
	else
		vm_event(vm, VMM_EV_NIC_WANTS_FD, d->n.nic, "%s: waiting for a connection",
			 d->n.v.name);
	return 0;
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct net_vhost *d = container_of(dev, struct net_vhost, n.v.dev);
	unsigned int pairs;
	int r;

	d->listener = d->no_vector = d->nudge = d->watched = -1;
	vhost_pair_clear(&d->pair);
	r = virtio_net_find(&d->n, index, VMM_NIC_VHOST_LISTEN, VMM_NIC_VHOST_CONNECT, e);
	if (r < 0)
		return r;
	pairs = d->n.cfg->queues;
	r = vhost_pair_init(&d->pair, dev->vm, d->n.v.name, 2 * pairs, d->n.cfg->mtu, &back_end_cb,
			    d);
	if (r < 0) {
		err_sys(e, -r, "%s: cannot make timers", d->n.v.name);
		goto fail;
	}
	d->no_vector = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = virtio_init(&d->n.v, &net_ops, SLOT_NIC0 + d->n.nic, 2 * pairs + (pairs > 1 ? 1 : 0),
			VIRTIO_QSIZE_MAX, e);
	if (r == 0)
		r = take_socket(d, e);
	if (r == 0) {
		r = watch(d);
		if (r < 0)
			err_sys(e, -r, "%s: cannot watch its sockets", d->n.v.name);
	}
	if (r == 0)
		return 0;
fail:
	fini(dev);
	return r;
}

static int
request(struct device *dev, const struct vmm_req *q, struct err *e)
{
	struct net_vhost *d = container_of(dev, struct net_vhost, n.v.dev);

	(void)e;
	if (q->op != VMM_OP_HANDOVER || q->index != d->n.nic)
		return -ENOSYS;
	pthread_mutex_lock(&dev->vm->lock);
	vhost_pair_expect(&d->pair, (unsigned int)MIN_OF(q->value, (uint64_t)HANDOVER_MAX_S));
	pthread_mutex_unlock(&dev->vm->lock);
	return 0;
}

const struct device_ops virtio_net_vhost_ops = {
	.name = "virtio-net-vhost",
	.size = sizeof(struct net_vhost),
	.state_offset = offsetof(struct net_vhost, n.v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.request = request,
	.fini = fini,
};
