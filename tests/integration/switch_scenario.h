/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios with a switch each: the programs behind tests/integration/switch_*.sh are lists of them. */
#ifndef CORELANE_TESTS_SWITCH_SCENARIO_H
#define CORELANE_TESTS_SWITCH_SCENARIO_H

#include <stddef.h>

#include "tests/integration/switch_world.h"

struct scenario {
	const char *name;
	void (*run)(struct world *w);
};

/*
 * main() of such a program: PROGRAM split|packed[-lanes] [NAME]; -lanes: two forwarding threads. Each
 * in a process and a switch of its own; prints one result line a scenario. Returns the exit status.
 */
int scenarios_run(const struct scenario *list, size_t n, int argc, char **argv);

#endif
