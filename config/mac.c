/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interface addresses: no two alike, and those that nobody gave are derived from the names of
 * host, VNF and interface, so that they are the same at every start and on every machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/draft.h"
#include "config/value.h"

/* Open addressing, a power of two in size, at most half full. */
struct mac_set {
	struct mac_owner {
		const struct site_interface *interface; /* NULL: free */
		const struct site_vnf *vnf;
	} * slot;
	size_t size;
};

/* FNV-1a (draft-eastlake-fnv), with the NUL as separator between names. */
static uint64_t
hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

/* The owner of @mac, or the free slot where it belongs. */
static struct mac_owner *
set_find(const struct mac_set *set, const uint8_t mac[6])
{
	size_t i = (size_t)(hash_bytes(0xcbf29ce484222325ull, mac, 6) >> 20);

	for (;; i++) {
		struct mac_owner *o = &set->slot[i & (set->size - 1)];

		if (!o->interface || memcmp(o->interface->mac, mac, 6) == 0)
			return o;
	}
}

static int
set_init(struct mac_set *set, const struct site *s)
{
	size_t n = 0;

	for (size_t v = 0; v < s->n_vnfs; v++)
		n += s->vnfs[v].n_interfaces;
	for (set->size = 16; set->size < 2 * n; set->size *= 2)
		;
	set->slot = calloc(set->size, sizeof(set->slot[0]));
	return set->slot ? 0 : -ENOMEM;
}

static const char *
kind_key(enum interface_kind kind)
{
	static const char *const path[] = {[IF_SWITCH] = "switch.mac",
					   [IF_TAP] = "tap.mac",
					   [IF_VHOST_USER] = "vhostUser.mac",
					   [IF_SRIOV] = "sriov.mac"};

	return path[kind];
}

/* The physical function that has @mac itself, or NULL. */
static const struct site_device *
device_with(const struct site_host *h, const uint8_t mac[6])
{
	for (size_t i = 0; i < h->n_devices; i++)
		if (h->devices[i].kind == DEVICE_MAC && memcmp(h->devices[i].mac, mac, 6) == 0)
			return &h->devices[i];
	return NULL;
}

static void
take_given(struct draft *d, struct mac_set *set, size_t v, size_t i)
{
	const struct site_vnf *vnf = &d->site->vnfs[v];
	const struct site_interface *own = &vnf->interfaces[i];
	struct node *n = interface_node(d, v, i);
	char who[WHO_LEN], other[WHO_LEN], mac[VALUE_LEN];
	const struct site_device *dev = device_with(&d->site->host, own->mac);
	struct mac_owner *o;

	if (own->mac_auto || !node_find(n, kind_key(own->kind)))
		return;
	o = set_find(set, own->mac);
	if (dev)
		check_fail(d, n, kind_key(own->kind), who_interface(vnf, own, who),
			   "mac %s is device %s's own; an interface needs another",
			   value_format_mac(own->mac, mac), dev->name);
	else if (o->interface)
		check_fail(d, n, kind_key(own->kind), who_interface(vnf, own, who),
			   "mac %s already belongs to %s at %s:%u:%u",
			   value_format_mac(own->mac, mac),
			   who_interface(o->vnf, o->interface, other), o->interface->where.file,
			   o->interface->where.line, o->interface->where.column);
	else
		*o = (struct mac_owner){.interface = own, .vnf = vnf};
}

/* 02 and 40 bits of hash: locally administered, not a group (IEEE 802-2014, 8.2). */
static void
derive(const char *host, const struct site_vnf *vnf, struct site_interface *i, unsigned int round)
{
	uint64_t h = 0xcbf29ce484222325ull;

	h = hash_bytes(h, host, strlen(host) + 1);
	h = hash_bytes(h, vnf->name, strlen(vnf->name) + 1);
	h = hash_bytes(h, i->name, strlen(i->name) + 1);
	h = hash_bytes(h, &round, sizeof(round));
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull; /* the finaliser of MurmurHash3 */
	h ^= h >> 33;
	i->mac[0] = 0x02;
	for (size_t b = 1; b < 6; b++)
		i->mac[b] = (uint8_t)(h >> (8 * b));
}

static void
make_auto(struct draft *d, struct mac_set *set, struct site_vnf *vnf, struct site_interface *i)
{
	struct mac_owner *o;
	unsigned int round = 0;

	do {
		derive(d->site->host.name, vnf, i, round++);
		o = set_find(set, i->mac);
	} while (o->interface);
	*o = (struct mac_owner){.interface = i, .vnf = vnf};
}

int
mac_assign(struct draft *d)
{
	struct mac_set set;

	if (set_init(&set, d->site) < 0)
		return -ENOMEM;
	for (size_t v = 0; v < d->site->n_vnfs; v++)
		for (size_t i = 0; i < d->site->vnfs[v].n_interfaces; i++)
			take_given(d, &set, v, i);
	for (size_t v = 0; v < d->site->n_vnfs; v++) {
		struct site_vnf *vnf = &d->site->vnfs[v];

		for (size_t i = 0; i < vnf->n_interfaces; i++)
			if (vnf->interfaces[i].mac_auto)
				make_auto(d, &set, vnf, &vnf->interfaces[i]);
	}
	free(set.slot);
	return 0;
}
