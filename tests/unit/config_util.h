/* SPDX-License-Identifier: Apache-2.0 */
/* What several tests of config/ need. Included after cmocka.h. */
#ifndef CORELANE_TESTS_UNIT_CONFIG_UTIL_H
#define CORELANE_TESTS_UNIT_CONFIG_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "config/diff.h"
#include "config/load.h"

#define UNUSED_OK __attribute__((unused))

/* The whole of a small file; the caller frees it. */
UNUSED_OK static char *
read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!f)
		fail_msg("%s is missing", path);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
	fclose(f);
	return text;
}

UNUSED_OK static void
write_text(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

UNUSED_OK static char *
dump_text(const struct site *s)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_dump(s, out), 0);
	fclose(out);
	return text;
}

/* Loads @text as "t.yaml" and returns all complaints, a line each; "" when there is none. */
UNUSED_OK static char *
complaints(const char *text)
{
	struct config_problems problems;
	struct site *site = NULL;
	char *all = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&all, &size);
	int r;

	r = config_load_buffer("t.yaml", ".", text, strlen(text), &site, &problems);
	assert_non_null(out);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(out, "%s%s", i ? "\n" : "", problems.item[i].text);
	fclose(out);
	assert_int_equal(r == 0, problems.total == 0);
	assert_int_equal(r == 0, site != NULL);
	config_problems_free(&problems);
	site_free(site);
	return all;
}

#define assert_complaints(yaml, want)                                                              \
	do {                                                                                       \
		char *got_ = complaints(yaml);                                                     \
		assert_string_equal(got_, want);                                                   \
		free(got_);                                                                        \
	} while (0)

/* Field by field: places differ, and padding may. */
UNUSED_OK static void
assert_same_interface(const struct site_interface *a, const struct site_interface *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
	assert_int_equal(a->mac_auto, b->mac_auto);
	assert_int_equal(a->queues, b->queues);
	assert_int_equal(a->mtu, b->mtu);
	assert_int_equal(a->network, b->network);
	assert_int_equal(a->vlan, b->vlan);
	assert_memory_equal(&a->port.cfg, &b->port.cfg, sizeof(a->port.cfg));
	assert_int_equal(a->port.n_rules, b->port.n_rules);
	for (size_t i = 0; i < a->port.n_rules; i++) {
		assert_int_equal(a->port.rule[i].direction, b->port.rule[i].direction);
		assert_memory_equal(&a->port.rule[i].rule, &b->port.rule[i].rule,
				    sizeof(a->port.rule[i].rule));
	}
	assert_string_equal(a->bridge, b->bridge);
	assert_string_equal(a->socket, b->socket);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->device, b->device);
	assert_memory_equal(a->vf.mac, b->vf.mac, sizeof(a->vf.mac));
	assert_int_equal(a->vf.vlan, b->vf.vlan);
	assert_int_equal(a->vf.qos, b->vf.qos);
	assert_int_equal(a->vf.trust, b->vf.trust);
	assert_int_equal(a->vf.spoof_check, b->vf.spoof_check);
	assert_int_equal(a->vf.link, b->vf.link);
	assert_int_equal(a->vf.max_tx_mbps, b->vf.max_tx_mbps);
}

UNUSED_OK static void
assert_same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

UNUSED_OK static void
assert_same_disk(const struct site_disk *a, const struct site_disk *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->kind, b->kind);
	assert_string_equal(a->image, b->image);
	assert_int_equal(a->read_only, b->read_only);
	assert_int_equal(a->direct, b->direct);
	assert_int_equal(a->queues, b->queues);
	assert_same_text(a->user_data, b->user_data);
	assert_same_text(a->network_data, b->network_data);
}

UNUSED_OK static void
assert_same_vnf(const struct site_vnf *a, const struct site_vnf *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->base_dir, b->base_dir);
	assert_int_equal(a->boot.kind, b->boot.kind);
	assert_string_equal(a->boot.image, b->boot.image);
	assert_string_equal(a->boot.initrd, b->boot.initrd);
	assert_string_equal(a->boot.args, b->boot.args);
	assert_int_equal(a->cpu.vcpus, b->cpu.vcpus);
	assert_int_equal(a->cpu.policy, b->cpu.policy);
	assert_int_equal(a->cpu.threads, b->cpu.threads);
	assert_int_equal(a->cpu.emulator, b->cpu.emulator);
	assert_memory_equal(a->cpu.pin, b->cpu.pin, sizeof(a->cpu.pin));
	assert_true(cpuset_equal(&a->cpu.realtime_vcpus, &b->cpu.realtime_vcpus));
	assert_int_equal(a->cpu.realtime_priority, b->cpu.realtime_priority);
	assert_int_equal(a->cpu.model, b->cpu.model);
	assert_int_equal(a->numa_node, b->numa_node);
	assert_int_equal(a->numa_nics, b->numa_nics);
	assert_int_equal(a->cells, b->cells);
	assert_int_equal(a->memory.balloon, b->memory.balloon);
	assert_int_equal(a->console.log_size, b->console.log_size);
	assert_int_equal(a->console.n_ports, b->console.n_ports);
	for (size_t i = 0; i < a->console.n_ports; i++)
		assert_string_equal(a->console.port[i], b->console.port[i]);
	assert_int_equal(a->has_watchdog, b->has_watchdog);
	assert_int_equal(a->watchdog, b->watchdog);
	assert_int_equal(a->vsock_cid, b->vsock_cid);
	assert_int_equal(a->n_disks, b->n_disks);
	for (size_t i = 0; i < a->n_disks; i++)
		assert_same_disk(&a->disks[i], &b->disks[i]);
	assert_int_equal(a->memory.size, b->memory.size);
	assert_int_equal(a->memory.page_size, b->memory.page_size);
	assert_int_equal(a->n_interfaces, b->n_interfaces);
	for (size_t i = 0; i < a->n_interfaces; i++)
		assert_same_interface(&a->interfaces[i], &b->interfaces[i]);
}

UNUSED_OK static void
assert_same_site(const struct site *a, const struct site *b)
{
	assert_string_equal(a->host.name, b->host.name);
	assert_int_equal(a->host.housekeeping_auto, b->host.housekeeping_auto);
	assert_true(cpuset_equal(&a->host.housekeeping, &b->host.housekeeping));
	assert_int_equal(a->host.overlap, b->host.overlap);
	assert_int_equal(a->host.n_devices, b->host.n_devices);
	for (size_t i = 0; i < a->host.n_devices; i++) {
		const struct site_device *x = &a->host.devices[i], *y = &b->host.devices[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->kind, y->kind);
		assert_memory_equal(x->mac, y->mac, sizeof(x->mac));
		assert_true(pci_addr_equal(&x->pci, &y->pci));
		assert_int_equal(x->vfs, y->vfs);
		assert_int_equal(x->used, y->used);
	}
	assert_int_equal(a->n_networks, b->n_networks);
	for (size_t i = 0; i < a->n_networks; i++) {
		assert_string_equal(a->networks[i].name, b->networks[i].name);
		assert_int_equal(a->networks[i].type, b->networks[i].type);
		assert_int_equal(a->networks[i].vlan, b->networks[i].vlan);
		assert_int_equal(a->networks[i].mtu, b->networks[i].mtu);
		assert_int_equal(a->networks[i].mac_age_ns, b->networks[i].mac_age_ns);
	}
	assert_int_equal(a->n_vnfs, b->n_vnfs);
	for (size_t i = 0; i < a->n_vnfs; i++)
		assert_same_vnf(&a->vnfs[i], &b->vnfs[i]);
}

/* @text, the dump of @site, has to load to the same site and to dump to the same text. */
UNUSED_OK static void
check_round_trip(const struct site *site, const char *text)
{
	const char *base_dir = site->n_vnfs ? site->vnfs[0].base_dir : ".";
	struct config_problems problems;
	struct config_change *change = NULL;
	struct site *again = NULL;
	size_t n_changes = 1;
	char *second;
	int r;

	r = config_load_buffer("dump", base_dir, text, strlen(text), &again, &problems);
	if (r < 0)
		fail_msg("the dump does not load: %s\n%s",
			 problems.n ? problems.item[0].text : strerror(-r), text);
	assert_same_site(site, again);
	assert_int_equal(config_diff(site, again, &change, &n_changes), 0);
	assert_int_equal(n_changes, 0);
	second = dump_text(again);
	assert_string_equal(text, second);
	free(second);
	config_changes_free(change, n_changes);
	site_free(again);
	config_problems_free(&problems);
}

#endif
