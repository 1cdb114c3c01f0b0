/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world outside of a switch's uplinks: a network namespace of this process's own, with links in it,
 * and stations that speak raw Ethernet on them. All of it goes with the process.
 */
#ifndef CORELANE_TESTS_SWITCH_OUTSIDE_H
#define CORELANE_TESTS_SWITCH_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/integration/switch_world.h"

/* Makes the namespace. false: this user may not. */
bool outside_enter(void);

/* Runs "ip ..." and requires that it succeeds. */
void outside_ip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A pair of links that are up: what goes into one comes out of the other. */
void outside_pair(const char *a, const char *b, unsigned int mtu);

/* A station at @ifname; the descriptor is never closed. Frames that were sent there before are not seen. */
int outside_station(const char *ifname);
void outside_send(int fd, const uint8_t *bytes, uint32_t len);
/*
 * The next frame that came to the link (none that left there), its tag where it was. Its length, or -1
 * after @ms.
 */
int outside_receive(int fd, uint8_t *ret, int ms);
/* Frames of other types may come in between. */
void outside_expect(int fd, const uint8_t *bytes, uint32_t len);
/* No frame of the test's own type comes for a while. */
void outside_expect_nothing(int fd);
void outside_mac(const char *ifname, uint8_t ret[6]);

#endif
