/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of switch_check in which a guest means harm: the others must not notice. */
#ifndef CORELANE_TESTS_SWITCH_HOSTILE_H
#define CORELANE_TESTS_SWITCH_HOSTILE_H

#include "tests/integration/switch_world.h"

void check_stall(struct world *w);
void check_broken_ring(struct world *w);
void check_truncation(struct world *w);
void check_huge_truncation(struct world *w);
void check_held(struct world *w);
void check_messages(struct world *w);

#endif
