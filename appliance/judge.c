/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char site_again[] = "the site has to be started again";
static const char switch_again[] = "the switch has to be started again, and with it the site";
static const char vnf_again[] = "the VNF has to be started again, and with it the site";
static const char mtu_told[] = "guests were told their MTU at their start: start the site again";

static const struct site_vnf *
find_vnf(const struct site *s, const char *name)
{
	for (size_t i = 0; i < s->n_vnfs; i++)
		if (strcmp(s->vnfs[i].name, name) == 0)
			return &s->vnfs[i];
	return NULL;
}

static const struct site_device *
find_device(const struct site *s, const char *name, size_t len)
{
	for (size_t i = 0; i < s->host.n_devices; i++)
		if (strncmp(s->host.devices[i].name, name, len) == 0 &&
		    !s->host.devices[i].name[len])
			return &s->host.devices[i];
	return NULL;
}

/* Whether virtual functions are made of it. */
static bool
is_shared(const struct site_device *d)
{
	return d && (d->kind == DEVICE_PCI || d->kind == DEVICE_MAC) && d->driver == DRIVER_KERNEL;
}

static const char *
judge_host(const struct site *before, const struct site *after, const char *path)
{
	static const char devices[] = "spec.devices.";
	const char *name = path + strlen(devices);
	size_t len;

	if (strncmp(path, "spec.switch.", 12) == 0)
		return switch_again;
	if (strncmp(path, devices, strlen(devices)) != 0)
		return site_again;
	len = strcspn(name, ".");
	if (is_shared(find_device(before, name, len)) || is_shared(find_device(after, name, len)))
		return site_again;
	return NULL;
}

/* Whether an interface of VNF @v on network number @net had another MTU before. */
static bool
mtu_differs(const struct site_vnf *a, const struct site_vnf *b)
{
	for (size_t i = 0; i < a->n_interfaces && i < b->n_interfaces; i++)
		if (a->interfaces[i].mtu != b->interfaces[i].mtu)
			return true;
	return false;
}

static const char *
judge_network(const struct site *before, const struct site *after, const char *path)
{
	if (strcmp(path, "spec.mtu") != 0)
		return NULL;
	for (size_t i = 0; i < before->n_vnfs; i++) {
		const struct site_vnf *b = find_vnf(after, before->vnfs[i].name);

		if (b && mtu_differs(&before->vnfs[i], b))
			return mtu_told;
	}
	return NULL;
}

static const char *
judge_vnf(const struct site *before, const struct site *after, const char *name, const char *path)
{
	static const char interfaces[] = "spec.interfaces.";
	const struct site_vnf *a = find_vnf(before, name), *b = find_vnf(after, name);
	const char *key;

	if (!a || !b || strncmp(path, interfaces, strlen(interfaces)) != 0)
		return vnf_again;
	key = path + strlen(interfaces);
	key += strcspn(key, "."); /* names have no dots */
	if (strncmp(key, ".switch.", 8) != 0)
		return vnf_again;
	key += 8;
	/* What the guest was told of its NIC when it started. */
	if (strcmp(key, "queues") == 0 || strcmp(key, "mac") == 0 || strcmp(key, "offload") == 0)
		return vnf_again;
	if (strcmp(key, "network") == 0 && mtu_differs(a, b))
		return mtu_told;
	return NULL;
}

static const char *
verdict(const struct site *before, const struct site *after, const struct config_change *c)
{
	if (strncmp(c->who, "host ", 5) == 0)
		return judge_host(before, after, c->path);
	if (strncmp(c->who, "network ", 8) == 0)
		return judge_network(before, after, c->path);
	return judge_vnf(before, after, c->who + strlen("vnf "), c->path);
}

/* Differences that no key tells: the order of what guests see, and addresses that are derived. */
static const char *
hidden(const struct site_vnf *a, const struct site_vnf *b)
{
	for (size_t i = 0; i < a->n_interfaces && i < b->n_interfaces; i++) {
		if (strcmp(a->interfaces[i].name, b->interfaces[i].name) != 0)
			return "order of interfaces";
		if (memcmp(a->interfaces[i].mac, b->interfaces[i].mac, 6) != 0 &&
		    a->interfaces[i].mac_auto && b->interfaces[i].mac_auto)
			return "an automatic mac";
	}
	for (size_t i = 0; i < a->n_disks && i < b->n_disks; i++)
		if (strcmp(a->disks[i].name, b->disks[i].name) != 0)
			return "order of disks";
	return NULL;
}

static int
add_hidden(struct judged *j, const char *vnf, const char *what)
{
	struct config_change *more = realloc(j->change, (j->n + 1) * sizeof(*more));
	char who[NAME_MAX_LEN + 8];

	if (!more)
		return -ENOMEM;
	j->change = more;
	snprintf(who, sizeof(who), "vnf %s", vnf);
	more[j->n] = (struct config_change){.who = strdup(who), .path = strdup(what)};
	j->n++;
	return more[j->n - 1].who && more[j->n - 1].path ? 0 : -ENOMEM;
}

int
judge(const struct site *before, const struct site *after, struct judged *ret)
{
	struct judged j = {0};
	int r = config_diff(before, after, &j.change, &j.n);

	for (size_t i = 0; i < before->n_vnfs && r == 0; i++) {
		const struct site_vnf *b = find_vnf(after, before->vnfs[i].name);
		const char *what = b ? hidden(&before->vnfs[i], b) : NULL;

		if (what && b->n_interfaces == before->vnfs[i].n_interfaces &&
		    b->n_disks == before->vnfs[i].n_disks)
			r = add_hidden(&j, before->vnfs[i].name, what);
	}
	if (r == 0) {
		j.needs = calloc(j.n + 1, sizeof(*j.needs));
		r = j.needs ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < j.n && r == 0; i++) {
		j.needs[i] = verdict(before, after, &j.change[i]);
		j.n_refused += j.needs[i] != NULL;
	}
	if (r < 0)
		judged_free(&j);
	else
		*ret = j;
	return r;
}

void
judged_free(struct judged *j)
{
	config_changes_free(j->change, j->n);
	free(j->needs);
	*j = (struct judged){0};
}
