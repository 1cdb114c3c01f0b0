/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A switch under test and the guests around it, for switch_check: starts corelane-switch, speaks its
 * control protocol, plays guests through bench/load's front end, one frame at a time.
 */
#ifndef CORELANE_TESTS_SWITCH_WORLD_H
#define CORELANE_TESTS_SWITCH_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/switch_msg.h"
#include "bench/load/port.h"

#define WORLD_GUESTS_MAX 8
#define FRAME_ROOM       9100
#define RING             256

struct guest {
	struct port_cfg cfg;
	struct port port;
	bool open;
	bool huge;          /* memory in 2 MiB pages */
	bool one_buffer;    /* receives a frame in one chain of buffers, not in several */
	uint16_t max_frame; /* of its buffers; 0: FRAME_MAX */
	uint64_t features;  /* as port_opts */
};

struct world {
	const char *program; /* corelane-switch */
	bool packed;
	const char *telemetry; /* where its socket is to be; NULL: none */
	bool lanes;            /* two forwarding threads */
	const char *rings;     /* as --rings; NULL: the default */
	char dir[64];
	pid_t pid;
	int control; /* -1 when closed */
	uint32_t seq;
	struct guest guest[WORLD_GUESTS_MAX];
};

/* Prints "ok NAME" or "not ok NAME: words"; a scenario is over at its first failure. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define require(truth, ...)                                                                        \
	do {                                                                                       \
		if (!(truth))                                                                      \
			fail(__VA_ARGS__);                                                         \
	} while (0)

/* Starts the switch. Returns false when this machine cannot (its exit status was EXIT_REFUSED). */
bool world_start(struct world *w);
/* Asks it to stop, and requires status 0 and nothing left behind. */
void world_stop(struct world *w);
/* Waits for its end; returns wait(2)'s status. */
int world_wait(struct world *w);

/* One request, its first reply. */
struct switch_reply world_call(struct world *w, const struct switch_req *req);
struct switch_reply world_op(struct world *w, uint32_t op, const char *name);
struct port_stats world_stats(struct world *w, const struct guest *g);

/* The n-th guest: "a", "b", ... with one queue pair and 1500 bytes of MTU in network "net". */
struct guest *guest_plan(struct world *w, int n);
/* Listens, adds the port as g->cfg says, and takes the connection. */
void guest_up(struct world *w, struct guest *g, uint16_t ring_size);
void guest_down(struct guest *g);

/* A frame of @len bytes from station @src to station @dst (0: broadcast); its type and pattern. */
void frame_make(uint8_t *bytes, uint32_t len, uint8_t src, uint8_t dst);
void guest_send(struct guest *g, unsigned int queue, const uint8_t *bytes, uint32_t len);
/* The next frame's length within @ms milliseconds, or -1. @ret has FRAME_ROOM bytes. */
int guest_receive(struct guest *g, unsigned int queue, uint8_t *ret, int ms);
/* Receives exactly this frame. */
void expect_frame(struct guest *g, const uint8_t *bytes, uint32_t len);
/* The same, whatever else comes before it. */
void expect_frame_among(struct guest *g, const uint8_t *bytes, uint32_t len);
/* Nothing comes for a while. */
void expect_nothing(struct guest *g);

/* The frame that was sent last. */
extern uint8_t frame[FRAME_ROOM];

/* Guests 0..n-1 in one network. */
void guests(struct world *w, int n);
/* Station i+1 lives behind guest i: everybody says hello, everybody hears it. */
void introduce(struct world *w, int n);
void send_from(struct world *w, int guest, uint32_t len, uint8_t src, uint8_t dst);

/* Waits until *counter of the guest's port statistics is @want. */
void expect_count(struct world *w, const struct guest *g, size_t offset, uint64_t want,
		  const char *what);
#define expect_stat(w, g, field, want)                                                             \
	expect_count(w, g, offsetof(struct port_stats, field), want, #field)

#endif
