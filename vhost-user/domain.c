/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/domain.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int
domain_get(struct domains *ds, const char *network, uint16_t vlan)
{
	int unused = -1;

	for (int i = 0; i < DOMAINS_MAX; i++) {
		struct domain *d = &ds->d[i];

		if (d->ports == 0) {
			if (unused < 0)
				unused = i;
			continue;
		}
		if (d->vlan == vlan && strncmp(d->network, network, NAME_MAX_LEN) == 0) {
			d->ports++;
			return i + 1;
		}
	}
	if (unused < 0)
		return -ENOSPC;
	memset(&ds->d[unused], 0, sizeof(ds->d[unused]));
	memcpy(ds->d[unused].network, network, strnlen(network, NAME_MAX_LEN - 1));
	ds->d[unused].vlan = vlan;
	ds->d[unused].ports = 1;
	return unused + 1;
}

void
domain_put(struct domains *ds, int id)
{
	assert(id >= 1 && id <= DOMAINS_MAX && ds->d[id - 1].ports > 0);
	ds->d[id - 1].ports--;
}
