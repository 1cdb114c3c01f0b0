/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A back end that is the fuzzer: half of its answers are right but for the bytes that the input puts
 * in their place, the rest is the input. The front end must stay whole, and serve the next one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int ups, downs;

static void
on_up(void *arg)
{
	ups++;
}

static void
on_down(void *arg, const char *why, bool bad)
{
	downs++;
}

static const struct vhost_user_cb cb = {on_up, on_down};

struct peer {
	int fd, memfd;
	const uint8_t *data;
	size_t size;
};

static uint8_t
next(struct peer *p)
{
	if (p->size == 0)
		return 0;
	p->size--;
	return *p->data++;
}

static void
answer(struct peer *p, struct vu_msg *m)
{
	uint8_t how = next(p);

	m->head.flags = VU_VERSION | VU_REPLY;
	m->head.size = m->head.request == VU_GET_INFLIGHT_FD ? 24 : 8;
	if (m->head.request == VU_GET_INFLIGHT_FD || how & 0x10) {
		m->body.inflight.mmap_size = 4096;
		m->fds[0] = p->memfd;
		m->n_fds = 1;
	} else if (m->head.request == VU_GET_QUEUE_NUM) {
		m->body.u64 = 2;
	} else if (m->head.request == VU_GET_FEATURES ||
		   m->head.request == VU_GET_PROTOCOL_FEATURES) {
		m->body.u64 = ~0ull;
	} else if (m->head.request != VU_GET_VRING_BASE) {
		m->body.u64 = 0;
	}
	for (how &= 0xf; how > 12; how--)
		((uint8_t *)m)[next(p) % 40] = next(p);
	m->head.size = m->head.size % (sizeof(m->body) + 1);
	vu_send(p->fd, m);
}

static void
talk(struct vhost_user *vu, struct peer *p)
{
	while (vu->fd >= 0) {
		struct vu_rx rx = {0};
		uint8_t how = next(p);

		if (how == 0xff) {
			uint8_t raw[16];

			for (unsigned int i = 0; i < sizeof(raw); i++)
				raw[i] = next(p);
			(void)!send(p->fd, raw, sizeof(raw), MSG_NOSIGNAL | MSG_DONTWAIT);
		} else if (vu_receive(p->fd, &rx) == 1) {
			vu_close_fds(&rx.msg);
			if (rx.msg.head.flags & VU_NEED_REPLY || rx.msg.head.size == 0 ||
			    rx.msg.head.request == VU_GET_VRING_BASE ||
			    rx.msg.head.request == VU_GET_INFLIGHT_FD)
				answer(p, &rx.msg);
		} else {
			vu_rx_reset(&rx);
			break;
		}
		vhost_user_ready(vu);
	}
	close(p->fd);
	if (vu->fd >= 0)
		vhost_user_ready(vu);
	if (vu->fd >= 0)
		abort(); /* the socket is closed: it must have noticed */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = {.n = 1};
	struct vhost_user vu;
	struct peer p = {.data = data, .size = size};
	struct vhost_user_ring ring = {.enabled = true, .size = 32};
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	m.region[0] = (struct mem_region){.size = 65536, .fd = memfd_create("f", MFD_CLOEXEC)};
	if (ftruncate(m.region[0].fd, 65536) < 0)
		abort();
	m.region[0].hva = aligned_alloc(4096, 65536);
	memset(m.region[0].hva, 0, 65536);
	p.memfd = m.region[0].fd;
	ring.desc = m.region[0].hva;
	ring.driver = m.region[0].hva + 4096;
	ring.device = m.region[0].hva + 8192;
	ring.kick = ring.call = event;
	if (vhost_user_init(&vu, &m, "f", 4, 1500, &cb, NULL) < 0)
		abort();
	vhost_user_start(&vu, 1ull << 32 | 1ull << 34 | 1 << 3, true);
	for (unsigned int i = 0; i < 4; i++)
		vhost_user_ring(&vu, i, &ring);
	ups = downs = 0;
	for (unsigned int i = 0; i < 3; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			abort();
		p.fd = pair[1];
		if (vhost_user_attach(&vu, pair[0]) == 0)
			talk(&vu, &p);
		if (downs != i + 1)
			abort(); /* each connection ends once */
		if (next(&p) & 1) {
			ring.desc = m.region[0].hva + 16 * next(&p);
			vhost_user_ring(&vu, 1, &ring);
		}
	}
	vhost_user_stop(&vu);
	vhost_user_fini(&vu);
	close(event);
	close(m.region[0].fd);
	free(m.region[0].hva);
	return 0;
}
