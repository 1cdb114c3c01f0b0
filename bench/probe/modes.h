/* SPDX-License-Identifier: Apache-2.0 */
/* Every mode is a function that reports lines and returns whether all was well. */
#ifndef CORELANE_PROBE_MODES_H
#define CORELANE_PROBE_MODES_H

#include <stdbool.h>

#include "bench/probe/args.h"
#include "bench/probe/boot.h"

struct probe {
	struct args args;
	struct boot boot;
};

bool mode_boot(struct probe *p);
bool mode_loop(struct probe *p);
bool mode_rtt(struct probe *p);
bool mode_echo(struct probe *p);
bool mode_gen(struct probe *p);
bool mode_count(struct probe *p);
bool mode_jitter(struct probe *p);
bool mode_exits(struct probe *p);
bool mode_garbage(struct probe *p);
bool mode_triplefault(struct probe *p);
bool mode_flood(struct probe *p);
bool mode_hlt(struct probe *p);
bool mode_smp(struct probe *p);
bool mode_console(struct probe *p);
bool mode_irq(struct probe *p);
bool mode_rng(struct probe *p);
bool mode_pci(struct probe *p);
bool mode_reset(struct probe *p);
bool mode_mem(struct probe *p);
bool mode_fault(struct probe *p);

#endif
