/* SPDX-License-Identifier: Apache-2.0 */
/* A played guest: memory, queues, connection, and the two loops that move frames. See port.h. */
#include "bench/load/port.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/memfd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "base/util.h"

#define PAGE_2M    ((size_t)2 << 20)
#define CHECK_EACH 251 /* a prime: no buffer is left out for ever */

/* An odd number of cache lines: buffers spread over all sets of a cache. */
static size_t
buffer_stride(const struct port_opts *opts)
{
	return align_up(FRAME_VNET_HDR + opts->max_frame, 128) + 64;
}

static int
open_memory(struct port *p, struct err *e)
{
	unsigned int flags = MFD_CLOEXEC;
	size_t need = 0;

	for (unsigned int i = 0; i < 2 * p->opts.queues; i++) {
		p->ring_at[i] = need;
		need += align_up(ring_bytes(p->opts.packed, p->opts.ring_size), 4096);
		need += align_up(p->opts.ring_size * buffer_stride(&p->opts), 4096);
	}
	p->mem_size = align_up(need, PAGE_2M);
	if (!p->opts.small_pages)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	p->mem_fd = memfd_create("corelane-load", flags);
	if (p->mem_fd < 0 || ftruncate(p->mem_fd, (off_t)p->mem_size) < 0)
		return err_sys(e, errno, "memory of port %u", p->number);
	p->mem = mmap(NULL, p->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      p->mem_fd, 0);
	if (p->mem == MAP_FAILED) {
		p->mem = NULL;
		return err_sys(e, errno, "port %u needs %zu pages of 2 MiB (vm.nr_hugepages)",
			       p->number, p->mem_size / PAGE_2M);
	}
	return 0;
}

static int
open_ring(struct port *p, unsigned int i, struct err *e)
{
	struct ring *r = &p->ring[i];
	size_t at = p->ring_at[i] + align_up(ring_bytes(p->opts.packed, p->opts.ring_size), 4096);

	r->packed = p->opts.packed;
	r->receive = i % 2 == 0;
	r->size = p->opts.ring_size;
	r->stride = buffer_stride(&p->opts);
	r->buf = p->mem + at;
	r->buf_gpa = PORT_GPA + at;
	r->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->kick_fd < 0 || r->call_fd < 0)
		return err_sys(e, errno, "eventfd");
	return 0;
}

int
port_open(struct port *p, unsigned int number, const struct port_opts *opts, struct err *e)
{
	int r;

	*p = (struct port){.opts = *opts,
			   .number = number,
			   .vhost = {.fd = -1},
			   .next = {.fd = -1},
			   .notes = {.fd = -1},
			   .next_notes = {.fd = -1},
			   .listen_fd = -1,
			   .mem_fd = -1,
			   .check_in = CHECK_EACH};
	for (size_t i = 0; i < ARRAY_SIZE(p->ring); i++)
		p->ring[i].kick_fd = p->ring[i].call_fd = -1;
	r = open_memory(p, e);
	for (unsigned int i = 0; r == 0 && i < 2 * opts->queues; i++)
		r = open_ring(p, i, e);
	if (r < 0 || opts->connect)
		return r;
	p->listen_fd = vhost_listen(opts->path);
	if (p->listen_fd < 0)
		return err_sys(e, -p->listen_fd, "listening on %s", opts->path);
	return 0;
}

void
port_close(struct port *p)
{
	vhost_close(&p->vhost);
	vhost_close(&p->next);
	if (p->notes.fd >= 0)
		close(p->notes.fd);
	if (p->next_notes.fd >= 0)
		close(p->next_notes.fd);
	if (p->listen_fd >= 0) {
		close(p->listen_fd);
		unlink(p->opts.path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p->ring); i++) {
		if (p->ring[i].kick_fd >= 0)
			close(p->ring[i].kick_fd);
		if (p->ring[i].call_fd >= 0)
			close(p->ring[i].call_fd);
	}
	if (p->mem)
		munmap(p->mem, p->mem_size);
	if (p->mem_fd >= 0)
		close(p->mem_fd);
}

void
port_build(struct port *p, const struct frame_plan *plan)
{
	for (unsigned int q = 0; q < p->opts.queues; q++)
		for (uint16_t id = 0; id < p->opts.ring_size; id++) {
			struct ring *tx = port_tx(p, q);

			frame_build(tx->buf + id * tx->stride, plan, p->number, id);
		}
	p->walk = (struct frame_walk){0};
}

void
port_clear(struct port *p)
{
	p->sent = 0;
	p->received = 0;
	p->checked = 0;
	p->bad = 0;
	p->bad_why = NULL;
}

const char *
port_broken(const struct port *p)
{
	for (unsigned int i = 0; i < 2 * p->opts.queues; i++)
		if (p->ring[i].broken)
			return p->ring[i].receive ? "the back end broke a receive queue's rules"
						  : "the back end broke a transmit queue's rules";
	return NULL;
}

unsigned int
port_reap(struct ring *tx, unsigned int at_least)
{
	struct ring_done done[RING_BURST];
	unsigned int n = ring_take(tx, done, at_least, RING_BURST);

	for (unsigned int i = 0; i < n; i++)
		tx->free[(tx->free_at + tx->n_free + i) & (tx->size - 1)] = done[i].id;
	tx->n_free = (uint16_t)(tx->n_free + n);
	return n;
}

unsigned int
port_send(struct port *p, unsigned int queue, const struct frame_plan *plan, unsigned int n,
	  const uint64_t *stamps)
{
	struct ring *tx = port_tx(p, queue);
	bool varies = frame_varies(plan, tx->size);
	uint16_t ids[RING_BURST];

	n = MIN_OF(n, MIN_OF(tx->n_free, RING_BURST));
	for (unsigned int i = 0; i < n; i++)
		ids[i] = tx->free[tx->free_at++ & (tx->size - 1)];
	for (unsigned int i = 0; varies && i < n; i++)
		frame_address(tx->buf + ids[i] * tx->stride, plan, &p->walk);
	for (unsigned int i = 0; stamps && i < n; i++)
		frame_stamp(tx->buf + ids[i] * tx->stride, stamps[i]);
	ring_put(tx, ids, n, FRAME_VNET_HDR + (uint32_t)plan->size);
	tx->n_free = (uint16_t)(tx->n_free - n);
	if (n > 0)
		ring_kick(tx);
	p->sent += n;
	return n;
}

/* Rare and slow: kept out of the loop's way. */
static __attribute__((noinline)) void
check_one(struct port *p, uint8_t *buf, uint32_t len, const struct frame_plan *plan)
{
	const char *wrong = frame_check(buf, len, plan, p->number);

	p->checked++;
	p->check_in = CHECK_EACH;
	if (!wrong)
		return;
	p->bad++;
	if (!p->bad_why)
		p->bad_why = wrong;
}

unsigned int
port_receive(struct port *p, unsigned int queue, const struct frame_plan *plan,
	     unsigned int at_least, uint64_t *ret_stamps)
{
	struct ring *rx = port_rx(p, queue);
	const uint32_t want = FRAME_VNET_HDR + (uint32_t)plan->size;
	struct ring_done done[RING_BURST];
	uint16_t ids[RING_BURST];
	unsigned int n = ring_take(rx, done, at_least, RING_BURST);

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *buf = rx->buf + done[i].id * rx->stride;

		ids[i] = done[i].id;
		if (ret_stamps)
			ret_stamps[i] = done[i].len == want ? frame_stamped(buf) : 0;
		if (done[i].len != want || --p->check_in == 0)
			check_one(p, buf, done[i].len, plan);
	}
	ring_put(rx, ids, n, (uint32_t)rx->stride);
	if (n > 0)
		ring_kick(rx);
	p->received += n;
	return n;
}
