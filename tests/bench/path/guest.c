/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/path/guest.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/load/port.h"

#define RING_SIZE 1024 /* as in bench/peers */
#define GPA_BASE  0x100000000ull

struct guest {
	struct port port;
};

struct guest *
guest_open(unsigned int number, bool packed, const struct frame_plan *plan, struct err *e)
{
	/* "connect": port_open() then makes no socket, and nobody ever connects. */
	const struct port_opts opts = {.path = "",
				       .connect = true,
				       .packed = packed,
				       .small_pages = true,
				       .ring_size = RING_SIZE,
				       .max_frame = plan->size,
				       .queues = 1};
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	if (port_open(&g->port, number, &opts, e) < 0) {
		guest_close(g);
		return NULL;
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct ring *r = &g->port.ring[i];

		ring_reset(r, g->port.mem + g->port.ring_at[i]);
		if (!r->receive)
			continue;
		ring_put(r, r->free, r->n_free, (uint32_t)r->stride);
		r->n_free = 0;
	}
	port_build(&g->port, plan);
	return g;
}

void
guest_close(struct guest *g)
{
	if (!g)
		return;
	port_close(&g->port);
	free(g);
}

void
guest_memory(const struct guest *g, struct guest_memory *ret)
{
	*ret = (struct guest_memory){.gpa = GPA_BASE, .hva = g->port.mem, .size = g->port.mem_size};
}

void
guest_ring(const struct guest *g, bool transmit, struct guest_ring *ret)
{
	const struct ring *r = &g->port.ring[transmit ? 1 : 0];
	uint64_t desc, driver, device;

	ring_addresses(r, &desc, &driver, &device);
	/* NOLINTBEGIN(performance-no-int-to-ptr): they were made from pointers */
	*ret = (struct guest_ring){.desc = (void *)(uintptr_t)desc,
				   .driver = (void *)(uintptr_t)driver,
				   .device = (void *)(uintptr_t)device,
				   .size = r->size};
	/* NOLINTEND(performance-no-int-to-ptr) */
}

unsigned int
guest_send(struct guest *g, const struct frame_plan *plan, unsigned int n)
{
	unsigned int sent = 0, now;

	while (port_reap(port_tx(&g->port, 0), 1) > 0)
		;
	while (sent < n && (now = port_send(&g->port, 0, plan, n - sent, NULL)) > 0)
		sent += now;
	return sent;
}

unsigned int
guest_receive(struct guest *g, const struct frame_plan *plan)
{
	unsigned int n = 0, now;

	while ((now = port_receive(&g->port, 0, plan, 1, NULL)) > 0)
		n += now;
	return n;
}

const char *
guest_wrong(const struct guest *g)
{
	return g->port.bad_why ? g->port.bad_why : port_broken(&g->port);
}
