/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that are played in the switch's own thread and process: the driver's side of the rings, which
 * is corelane-load's, without sockets. What the switch needs to know of a ring is passed on as
 * addresses, because both sides call their struct "ring".
 */
#ifndef CORELANE_TESTS_BENCH_PATH_GUEST_H
#define CORELANE_TESTS_BENCH_PATH_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/load/frame.h"

struct guest;

struct guest_ring {
	void *desc, *driver, *device;
	uint16_t size;
};

struct guest_memory {
	uint64_t gpa;
	uint8_t *hva;
	size_t size;
};

/* A guest with one queue pair and all its receive buffers posted. NULL with words. */
struct guest *guest_open(unsigned int number, bool packed, const struct frame_plan *plan,
			 struct err *e);
void guest_close(struct guest *g);

void guest_memory(const struct guest *g, struct guest_memory *ret);
void guest_ring(const struct guest *g, bool transmit, struct guest_ring *ret);

/* Makes up to @n frames available, as far as there are buffers. Returns how many. */
unsigned int guest_send(struct guest *g, const struct frame_plan *plan, unsigned int n);
/* Takes all that came and posts the buffers again. Returns how many; a bad one is told by guest_wrong(). */
unsigned int guest_receive(struct guest *g, const struct frame_plan *plan);
/* What was wrong with a frame or a ring, or NULL. */
const char *guest_wrong(const struct guest *g);

#endif
