/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of switch_watch share: its scenarios are in switch_watch.c and switch_watch_ports.c. */
#ifndef CORELANE_TESTS_SWITCH_WATCH_H
#define CORELANE_TESTS_SWITCH_WATCH_H

#include "tests/integration/switch_world.h"

#define REPLIES_MAX 64
#define PATIENCE_S  10

double watch_seconds(void);
/* One request with a descriptor (-1: none), all its replies. Returns how many. */
uint32_t watch_ask(struct world *w, struct switch_req *q, int fd, struct switch_reply *ret,
		   uint32_t max);
/* One that has one reply. */
struct switch_reply watch_ask_one(struct world *w, uint32_t op, const char *name, uint32_t arg,
				  uint64_t count, int fd);
/* Requires that it was refused, with these words among others. */
void watch_refused(struct switch_reply r, int error, const char *words);
/* UDP from station @src to @dst with a serial number. 60 bytes. */
void watch_udp(uint8_t *f, uint8_t src, uint8_t dst, uint16_t port, uint8_t serial);

void watch_check_mirror(struct world *w);
void watch_check_snoop(struct world *w);
void watch_check_networks(struct world *w);
void watch_check_telemetry(struct world *w);

#endif
