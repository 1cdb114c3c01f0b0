/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces against the rest of the site: the Network that they name, the socket that they own. */
#include <string.h>

#include "config/draft.h"
#include "config/near.h"
#include "config/schema.h"
#include "config/text.h"

#define MTU_DEFAULT 1500

static bool
find_network(const struct site *s, const char *name, size_t *ret)
{
	for (size_t i = 0; i < s->n_networks; i++) {
		if (strcmp(s->networks[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static void
no_such_network(struct draft *d, struct node *n, const char *name, const char *who)
{
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	/* Looking for the nearest name takes time: not once the complaint would not be kept. */
	if (d->problems.n < PROBLEMS_KEPT)
		for (size_t i = 0; i < d->site->n_networks; i++)
			near_try(&near, d->site->networks[i].name);
	check_fail(d, n, "switch.network", who, "network %s does not exist%s",
		   text_quote(name, quoted), near_hint(&near, hint));
}

static void
resolve(struct draft *d, struct site_interface *i, struct node *n, const char *who)
{
	const char *name = node_text(node_find(n, "switch.network"));

	i->mtu = MTU_DEFAULT;
	if (i->kind != IF_SWITCH || !name || !node_sound(n, "switch.network"))
		return;
	if (find_network(d->site, name, &i->network)) {
		i->mtu = d->site->networks[i->network].mtu;
		if (i->vlan == VLAN_INHERIT)
			i->vlan = d->site->networks[i->network].vlan;
	} else if (!d->problems.cut_short) {
		/* With a file cut short, the Network may be in the part that was not read. */
		no_such_network(d, n, name, who);
	}
}

void
check_networks(struct draft *d)
{
	char who[WHO_LEN];

	for (size_t v = 0; v < d->site->n_vnfs; v++) {
		struct site_vnf *vnf = &d->site->vnfs[v];

		for (size_t i = 0; i < vnf->n_interfaces; i++)
			resolve(d, &vnf->interfaces[i], interface_node(d, v, i),
				who_interface(vnf, &vnf->interfaces[i], who));
	}
}

void
check_cids(struct draft *d)
{
	const struct site_vnf *v = d->site->vnfs;
	char who[WHO_LEN], other[WHO_LEN];

	for (size_t i = 1; i < d->site->n_vnfs; i++) {
		for (size_t j = 0; j < i && v[i].vsock_cid; j++) {
			if (v[i].vsock_cid != v[j].vsock_cid)
				continue;
			check_fail(d, d->vnf_doc[i], "spec.vsock.cid", who_vnf(&v[i], who),
				   "cid %u already belongs to %s", v[i].vsock_cid,
				   who_vnf(&v[j], other));
			break;
		}
	}
}

static void
check_socket(struct draft *d, size_t v, size_t i)
{
	const struct site_interface *own = &d->site->vnfs[v].interfaces[i];
	char who[WHO_LEN], other[WHO_LEN];

	for (size_t w = 0; w <= v; w++) {
		const struct site_vnf *vnf = &d->site->vnfs[w];
		size_t end = w == v ? i : vnf->n_interfaces;

		for (size_t j = 0; j < end; j++) {
			if (strcmp(own->socket, vnf->interfaces[j].socket) != 0)
				continue;
			check_fail(d, interface_node(d, v, i), "vhostUser.socket",
				   who_interface(&d->site->vnfs[v], own, who),
				   "socket %s already belongs to %s", own->socket,
				   who_interface(vnf, &vnf->interfaces[j], other));
			return;
		}
	}
}

void
check_sockets(struct draft *d)
{
	for (size_t v = 0; v < d->site->n_vnfs; v++)
		for (size_t i = 0; i < d->site->vnfs[v].n_interfaces; i++)
			if (d->site->vnfs[v].interfaces[i].socket[0])
				check_socket(d, v, i);
}
