/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in chains of descriptors, which bench/load never makes: one frame or one place for a frame
 * over several buffers of a queue of which nothing else is with the device.
 */
#ifndef CORELANE_TESTS_SWITCH_CHAIN_H
#define CORELANE_TESTS_SWITCH_CHAIN_H

#include "tests/integration/switch_world.h"

/* Sends header and frame in pieces of @piece bytes, and waits until the device is done with them. */
void chain_send(struct guest *g, const uint8_t *bytes, uint32_t len, uint32_t piece);

/* Takes every posted receive buffer out of the ring, by having @from send a frame into each. */
void chain_drain(struct guest *from, struct guest *to);
/* Offers one place of @n whole buffers. */
void chain_post(struct guest *g, unsigned int n);
/* The frame that came into it. Returns its length. */
uint32_t chain_receive(struct guest *g, unsigned int n, uint8_t *ret);

/* A frame that came in several buffers, by num_buffers. Returns its length; the buffers go back. */
uint32_t merged_receive(struct guest *g, uint8_t *ret, unsigned int *ret_buffers);

/* Scenario: 9,000 bytes and a header from and to guests with buffers of every kind. */
void check_jumbo_chains(struct world *w);

#endif
