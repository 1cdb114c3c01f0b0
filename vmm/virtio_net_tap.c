/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net on a tap, for management networks: frames are copied by the main thread, a bounded number
 * a turn, so a flood delays nobody else. Checksums and segmentation are left to whoever takes the frame
 * (net_offload.h). One queue pair.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmm/net_offload.h"
#include "vmm/stats.h"
#include "vmm/virtio_net.h"
#include "vmm/vm.h"

enum { RX, TX };

#define FRAMES_A_TURN 64
#define FRAME_MAX     (VIRTIO_NET_HDR_SIZE + 18 + 65535) /* an IP packet, with a tag */
#define FRAME_MIN     (VIRTIO_NET_HDR_SIZE + 14)         /* an Ethernet header */
#define MERGE_MAX     64 /* buffers that one frame may be spread over */

struct net_tap {
	struct virtio_net n;
	int tap;
	uint64_t offloads; /* that this tap can do */
	bool armed;        /* the tap is watched for input */
	struct virtq q[2];
	/* A frame from the tap, header first, and how much of the array it is; 0: none. */
	uint8_t frame[FRAME_MAX];
	size_t frame_len;
	struct virtq_buffer first, more;
};

static struct net_tap *
of(struct virtio_dev *v)
{
	return container_of(v, struct net_tap, n.v);
}

/* --- from the guest --- */

/* One frame out. The tap takes it or it is lost, as on a wire. */
static void
transmit(struct net_tap *d, const struct virtq_buffer *b)
{
	struct virtio_net_hdr h;
	struct iovec iov[VIRTQ_SIZE_MAX + 1] = {{&h, sizeof(h)}};
	size_t skip = sizeof(h);
	const char *why;
	int n = 1;

	if (b->out_len < FRAME_MIN || b->out_len > FRAME_MAX)
		return;
	virtq_copy_out(b->iov, b->n_out, 0, &h, sizeof(h));
	why = net_offload_out(&h, d->n.v.s.features, b->out_len - sizeof(h));
	if (why) {
		vm_guest_error(d->n.v.dev.vm, "%s: a frame was dropped: %s", d->n.v.name, why);
		return;
	}
	for (unsigned int i = 0; i < b->n_out; i++) {
		size_t cut = MIN_OF(skip, b->iov[i].iov_len);

		skip -= cut;
		if (cut == b->iov[i].iov_len)
			continue;
		iov[n++] =
			(struct iovec){(char *)b->iov[i].iov_base + cut, b->iov[i].iov_len - cut};
	}
	(void)!writev(d->tap, iov, n);
}

static void
run_tx(struct net_tap *d)
{
	struct virtq *q = &d->q[TX];
	unsigned int done = 0;
	int r = 1;

	virtq_quiet(q);
	while (done < FRAMES_A_TURN) {
		r = virtq_pop(q, &d->more);
		if (r == 0 && virtq_listen(q))
			continue;
		if (r <= 0)
			break;
		transmit(d, &d->more);
		virtq_push(q, &(struct virtq_used){.id = d->more.id, .slots = d->more.slots}, 1);
		done++;
	}
	if (virtq_wants_signal(q))
		virtio_signal(&d->n.v, TX);
	if (r > 0)
		virtio_kick(&d->n.v, TX);
	if (r < 0)
		virtio_broken(&d->n.v, "transmit queue: %s", q->broken);
}

/* --- to the guest --- */

static void
count_dropped(struct net_tap *d)
{
	stats_add_shared(&d->n.v.dev.vm->stats->rx_no_buffer, 1);
}

/*
 * Copies d->frame into as many buffers as it takes. 1: given or dropped; 0: there are not enough
 * buffers yet; -EPROTO.
 */
static int
receive_one(struct net_tap *d)
{
	bool merge = virtio_has(&d->n.v, VIRTIO_NET_F_MRG_RXBUF);
	struct virtq_position start = d->q[RX].avail;
	struct virtq_used used[MERGE_MAX];
	size_t done = 0;
	uint16_t n = 0;

	while (done < d->frame_len) {
		struct virtq_buffer *b = n == 0 ? &d->first : &d->more;
		int r = n == (merge ? MERGE_MAX : 1) ? -E2BIG : virtq_pop(&d->q[RX], b);
		size_t part;

		if (r == -E2BIG || r == 0)
			virtq_rewind(&d->q[RX], start);
		if (r == -E2BIG) { /* too small buffers: the frame is dropped */
			count_dropped(d);
			return 1;
		}
		if (r <= 0)
			return r;
		if (b->in_len < VIRTIO_NET_HDR_SIZE)
			return virtq_fault(&d->q[RX], "a receive buffer without room for a header");
		part = virtq_copy_in(b->iov + b->n_out, b->n_in, 0, d->frame + done,
				     d->frame_len - done);
		used[n++] = (struct virtq_used){b->id, b->slots, (uint32_t)part};
		done += part;
	}
	virtq_copy_in(d->first.iov + d->first.n_out, d->first.n_in,
		      offsetof(struct virtio_net_hdr, num_buffers), &n, sizeof(n));
	virtq_push(&d->q[RX], used, n);
	return 1;
}

/* Fetches the next frame. false: there is none. */
static bool
fetch(struct net_tap *d)
{
	ssize_t n;

	if (d->frame_len)
		return true;
	do {
		n = read(d->tap, d->frame, sizeof(d->frame));
		if (n < FRAME_MIN)
			return false;
		/* What an earlier driver was promised may still be in the tap's queue. */
	} while (!net_offload_in((struct virtio_net_hdr *)d->frame, d->n.v.s.features));
	d->frame_len = (size_t)n;
	return true;
}

static void
watch_tap(struct net_tap *d, bool on)
{
	if (d->armed != on && loop_change(&d->n.v.dev.vm->loop, d->tap, on ? EPOLLIN : 0) == 0)
		d->armed = on;
}

static void
run_rx(struct net_tap *d)
{
	struct virtq *q = &d->q[RX];
	bool starved = false;
	int r = 1;

	virtq_quiet(q);
	for (unsigned int i = 0; i < FRAMES_A_TURN && fetch(d); i++) {
		r = receive_one(d);
		if (r == 0 && virtq_listen(q)) {
			r = 1; /* there are buffers after all; no kick tells of them */
			continue;
		}
		starved = r == 0;
		if (r <= 0)
			break;
		d->frame_len = 0;
	}
	if (virtq_wants_signal(q))
		virtio_signal(&d->n.v, RX);
	/* Without buffers the tap's own queue holds, and then drops, what comes. */
	watch_tap(d, !starved);
	if (r > 0 && d->frame_len) /* its turn is over, and the tap may have nothing to say */
		virtio_kick(&d->n.v, RX);
	if (r < 0)
		virtio_broken(&d->n.v, "receive queue: %s", q->broken);
}

/* Nobody is there to receive: a bounded number of frames goes nowhere. */
static void
discard(struct net_tap *d)
{
	d->frame_len = 0;
	for (unsigned int i = 0; i < FRAMES_A_TURN && fetch(d); i++)
		d->frame_len = 0;
}

/* --- events --- */

/* Somebody took the interface away: a tap does not come back under the same fd. */
static void
tap_gone(struct net_tap *d)
{
	struct vm *vm = d->n.v.dev.vm;

	loop_del(&vm->loop, d->tap);
	virtio_net_set_link(&d->n, false);
	vm_event(vm, VMM_EV_NIC_DOWN, d->n.nic,
		 "%s: its tap was removed from the host; start the VNF again for a new one",
		 d->n.v.name);
}

static void
tap_ready(void *arg, uint32_t events)
{
	struct net_tap *d = arg;
	struct vm *vm = d->n.v.dev.vm;

	pthread_mutex_lock(&vm->lock);
	if (virtio_active(&d->n.v, RX))
		run_rx(d);
	else if (d->n.v.paused)
		watch_tap(d, false);
	else
		discard(d);
	if (events & (EPOLLERR | EPOLLHUP))
		tap_gone(d);
	pthread_mutex_unlock(&vm->lock);
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	struct net_tap *d = of(v);

	if (virtio_active(v, q))
		(q == RX ? run_rx : run_tx)(d);
	else if (q == RX)
		watch_tap(d, !v->paused);
}

/* --- the device --- */

/* A tap that refuses was taken away: that is told elsewhere, and nothing passes anyway. */
static void
start(struct virtio_dev *v)
{
	net_offload_set(of(v)->tap, v->s.features);
	virtio_serve_start(v);
}

static void
stop(struct virtio_dev *v)
{
	net_offload_set(of(v)->tap, 0);
	virtio_kick(v, RX); /* so that the tap is watched again */
}

static uint64_t
features(struct virtio_dev *v)
{
	uint64_t f = virtio_net_features(&of(v)->n) & ~(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ);

	return f | of(v)->offloads;
}

static bool
features_ok(struct virtio_dev *v, uint64_t f)
{
	return net_offload_ok(f);
}

static const struct virtio_ops net_ops = {
	.type = VIRTIO_ID_NET,
	.pci_class = 0x020000,
	.features = features,
	.features_ok = features_ok,
	.config_size = sizeof(struct virtio_net_config),
	.config_read = virtio_net_config_read,
	.start = start,
	.queue_changed = virtio_serve_queue,
	.stop = stop,
	.kicked = kicked,
};

static void
fini(struct device *dev)
{
	struct net_tap *d = container_of(dev, struct net_tap, n.v.dev);

	loop_del(&dev->vm->loop, d->tap);
	virtio_fini(&d->n.v);
	if (d->tap >= 0)
		close(d->tap);
}

static int
set_up_tap(struct net_tap *d, struct err *e)
{
	int size = VIRTIO_NET_HDR_SIZE, flags, r;

	d->tap = vm_take_fd(d->n.v.dev.vm, VMM_FD_NIC, d->n.nic);
	if (d->tap < 0)
		return err_set(e, EINVAL, "%s: its tap was not handed in", d->n.v.name);
	flags = fcntl(d->tap, F_GETFL);
	if (flags < 0 || fcntl(d->tap, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    ioctl(d->tap, TUNSETVNETHDRSZ, &size) < 0)
		return err_sys(e, errno, "%s: not a tap with IFF_VNET_HDR; open it with that flag",
			       d->n.v.name);
	r = net_offload_find(d->tap, &d->offloads);
	return r < 0 ? err_sys(e, -r, "%s: its tap has no offloads", d->n.v.name) : 0;
}

static int
watch(struct net_tap *d, struct err *e)
{
	int r = loop_add(&d->n.v.dev.vm->loop, d->tap, EPOLLIN, tap_ready, d);

	d->armed = r == 0;
	return r < 0 ? err_sys(e, -r, "%s: cannot watch its tap", d->n.v.name) : 0;
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct net_tap *d = container_of(dev, struct net_tap, n.v.dev);
	int r;

	d->tap = -1;
	d->n.link = true;
	d->n.v.vq = d->q;
	r = virtio_net_find(&d->n, index, VMM_NIC_TAP, VMM_NIC_TAP, e);
	if (r == 0)
		r = set_up_tap(d, e);
	if (r == 0)
		r = virtio_init(&d->n.v, &net_ops, SLOT_NIC0 + d->n.nic, 2, VIRTQ_SIZE_MAX, e);
	if (r == 0)
		r = watch(d, e);
	if (r < 0)
		fini(dev);
	return r;
}

const struct device_ops virtio_net_tap_ops = {
	.name = "virtio-net-tap",
	.size = sizeof(struct net_tap),
	.state_offset = offsetof(struct net_tap, n.v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.fini = fini,
};
