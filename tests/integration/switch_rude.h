/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of switch_check in which a guest is rude without end, while two others lose not one frame. */
#ifndef CORELANE_TESTS_SWITCH_RUDE_H
#define CORELANE_TESTS_SWITCH_RUDE_H

#include "tests/integration/switch_world.h"

void check_kicks(struct world *w);
void check_garbage(struct world *w);
void check_features_in_flight(struct world *w);
void check_memory_in_flight(struct world *w);
void check_rings_in_flight(struct world *w);
void check_half_open(struct world *w);

#endif
