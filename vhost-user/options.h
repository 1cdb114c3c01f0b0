/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-switch's command line, as a checked struct. Pure but for options_print() and the question
 * which CPUs this process may use.
 */
#ifndef CORELANE_VHOST_USER_OPTIONS_H
#define CORELANE_VHOST_USER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vhost-user/eal.h"

struct options {
	struct eal_opts eal;
	uint32_t mac_entries;
	bool shared_cpu;
	uint32_t idle_us; /* a forwarding thread spins so long before it sleeps; 0: never sleeps */
	bool library;     /* DPDK's rings, not our own */
	bool takeover;    /* nothing is served until it has taken over from another switch */
	int control_fd;   /* or -1 */
	const char *control_path; /* or NULL; points into argv */
	bool help, version;
};

/* 0, or -EINVAL with words. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);

/* The help text or the version, on stdout. */
void options_print(const struct options *o);

#endif
