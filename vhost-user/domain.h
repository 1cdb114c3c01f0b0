/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast domains: a network's name and an access VLAN, as a small number that fits beside a MAC
 * in a table key. Control thread only.
 */
#ifndef CORELANE_VHOST_USER_DOMAIN_H
#define CORELANE_VHOST_USER_DOMAIN_H

#include <stdint.h>

#include "base/port.h"

#define DOMAINS_MAX 512

struct domain {
	char network[NAME_MAX_LEN];
	uint16_t vlan;
	uint16_t ports; /* users; 0: free */
};

struct domains {
	struct domain d[DOMAINS_MAX];
};

/* The id, 1..DOMAINS_MAX, of the domain, which then has one user more; or -ENOSPC. */
int domain_get(struct domains *ds, const char *network, uint16_t vlan);
void domain_put(struct domains *ds, int id);

#endif
