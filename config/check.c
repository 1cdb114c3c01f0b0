/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-checks of a whole site: names, and the order of all the others. */
#include <stdio.h>
#include <string.h>

#include "config/draft.h"

const char *
who_vnf(const struct site_vnf *v, char buf[WHO_LEN])
{
	snprintf(buf, WHO_LEN, "vnf%s%s", v->name[0] ? " " : "", v->name);
	return buf;
}

const char *
who_interface(const struct site_vnf *v, const struct site_interface *i, char buf[WHO_LEN])
{
	size_t len;

	who_vnf(v, buf);
	len = strlen(buf);
	if (i->name[0])
		snprintf(buf + len, WHO_LEN - len, ", interface %s", i->name);
	else
		snprintf(buf + len, WHO_LEN - len, ", interface #%zu", i - v->interfaces + 1);
	return buf;
}

struct node *
interface_node(const struct draft *d, size_t vnf, size_t i)
{
	return node_item(node_find(d->vnf_doc[vnf], "spec.interfaces"), i);
}

static void
check_name(struct draft *d, const char *kind, const char *name, struct node *doc,
	   const struct node *twin_doc)
{
	const struct node *twin = node_find(twin_doc, "metadata.name");

	check_fail(d, doc, "metadata.name", kind,
		   "the name %s is taken by the one at %s:%u:%u; give one of them another name",
		   name, twin->where.file, twin->where.line, twin->where.column);
}

static void
check_network_names(struct draft *d)
{
	const struct site_network *n = d->site->networks;

	for (size_t i = 1; i < d->site->n_networks; i++) {
		for (size_t j = 0; j < i && n[i].name[0]; j++) {
			if (strcmp(n[i].name, n[j].name) != 0)
				continue;
			check_name(d, "network", n[i].name, d->network_doc[i], d->network_doc[j]);
			break;
		}
	}
}

void
check_names(struct draft *d)
{
	const struct site_vnf *v = d->site->vnfs;

	check_network_names(d);
	for (size_t i = 1; i < d->site->n_vnfs; i++) {
		for (size_t j = 0; j < i && v[i].name[0]; j++) {
			if (strcmp(v[i].name, v[j].name) != 0)
				continue;
			check_name(d, "vnf", v[i].name, d->vnf_doc[i], d->vnf_doc[j]);
			break;
		}
	}
}

/* The settings of a virtual function hold its interface's address, once there is one. */
static void
copy_macs(struct site *s)
{
	for (size_t v = 0; v < s->n_vnfs; v++)
		for (size_t i = 0; i < s->vnfs[v].n_interfaces; i++)
			memcpy(s->vnfs[v].interfaces[i].vf.mac, s->vnfs[v].interfaces[i].mac,
			       sizeof(s->vnfs[v].interfaces[i].mac));
}

int
check_site(struct draft *d)
{
	int r;

	check_names(d);
	for (size_t i = 0; i < d->site->n_vnfs; i++)
		check_vnf(d, i);
	check_networks(d);
	check_devices(d);
	check_uplinks(d);
	check_ports(d);
	check_sockets(d);
	check_functions(d);
	check_cids(d);
	r = mac_assign(d);
	if (r == 0)
		r = check_static_macs(d);
	copy_macs(d->site);
	return r;
}
