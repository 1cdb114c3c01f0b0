/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical functions: found in sysfs, matched to devices of the site, and what they mean for where a
 * VNF goes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rt/plan_priv.h"
#include "test_rt_root.h"
#include "test_rt_site.h"

#define PCI "/sys/bus/pci/devices/"

static void
put_pf(struct test_root *r, const char *addr, const char *class, const char *max, const char *node,
       const char *uevent)
{
	char path[256];

	snprintf(path, sizeof(path), PCI "%s/class", addr);
	root_put(r, path, class);
	snprintf(path, sizeof(path), PCI "%s/sriov_totalvfs", addr);
	root_put(r, path, max);
	snprintf(path, sizeof(path), PCI "%s/numa_node", addr);
	root_put(r, path, node);
	snprintf(path, sizeof(path), PCI "%s/uevent", addr);
	root_put(r, path, uevent);
}

static void
put_netdev(struct test_root *r, const char *addr, const char *name, const char *index,
	   const char *mac)
{
	char path[256];

	snprintf(path, sizeof(path), PCI "%s/net/%s/ifindex", addr, name);
	root_put(r, path, index);
	snprintf(path, sizeof(path), PCI "%s/net/%s/address", addr, name);
	root_put(r, path, mac);
}

static struct topo *
read_root(struct test_root *r)
{
	struct topo *t = host_make(1, 1, 1);
	struct err e = {0};

	if (topo_read_pfs(t, &r->root, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(t->pfs_known);
	return t;
}

static void
test_sysfs(void **state)
{
	struct test_root r;
	struct topo *t;

	root_make(&r);
	t = read_root(&r); /* no PCI at all */
	assert_int_equal(t->n_pfs, 0);
	topo_free(t);
	put_pf(&r, "0001:00:00.0", "0x020000\n", "63\n", "1\n", "DRIVER=ice\nPCI_CLASS=20000\n");
	put_netdev(&r, "0001:00:00.0", "eth9", "9\n", "52:54:00:00:00:09\n");
	put_netdev(&r, "0001:00:00.0", "eth8", "3\n", "52:54:00:00:00:08\n");
	put_netdev(&r, "0001:00:00.0", "a-name-of-16-byt", "1\n", "52:54:00:00:00:07\n");
	put_netdev(&r, "0001:00:00.0", "no-index", NULL, "52:54:00:00:00:06\n");
	put_pf(&r, "0000:01:00.1", "0x020000\n", "7\n", "-1\n",
	       "PCI_CLASS=20000\nDRIVER=igb\nX=Y\n");
	put_netdev(&r, "0000:01:00.1", "eth1", "4\n", "02:00:00:00:00:01\n");
	root_put(&r, PCI "0000:01:00.1/net/eth1/bonding_slave/perm_hwaddr", "52:54:00:00:00:01\n");
	put_pf(&r, "0000:01:00.0", "0x020000\n", "7\n", "x\n", "PCI_CLASS=20000\n");
	put_netdev(&r, "0000:01:00.0", "eth0", "4\n", "not a mac address\n");
	put_pf(&r, "0000:02:00.0", "0x010802\n", "32\n", "0\n", ""); /* NVMe */
	put_pf(&r, "0000:03:00.0", "0x020000\n", "0\n", "0\n", "");  /* switched off in firmware */
	put_pf(&r, "0000:04:00.0", "0x020000\n", "70000\n", "0\n", "");
	put_pf(&r, "0000:05:00.0", "x\n", "7\n", "0\n", "");
	put_pf(&r, "garbage", "0x020000\n", "7\n", "0\n", "");
	put_pf(&r, "0000:06:00.0", "0x028000\n", "7\n", NULL, NULL);
	t = read_root(&r);
	assert_int_equal(t->n_pfs, 4);
	assert_int_equal(t->pf[0].pci.function, 0);
	assert_string_equal(t->pf[0].netdev, "eth0");
	assert_memory_equal(t->pf[0].mac, "\0\0\0\0\0\0", 6);
	assert_int_equal(t->pf[0].node, -1);
	assert_string_equal(t->pf[0].driver, "");
	assert_int_equal(t->pf[1].vfs_max, 7);
	assert_int_equal(t->pf[1].node, -1);
	assert_string_equal(t->pf[1].driver, "igb");
	assert_memory_equal(t->pf[1].mac, "\x52\x54\0\0\0\1", 6); /* its own, not the bond's */
	assert_int_equal(t->pf[2].pci.bus, 6);
	assert_string_equal(t->pf[2].netdev, "");
	assert_int_equal(t->pf[3].pci.domain, 1);
	assert_string_equal(t->pf[3].netdev, "eth8"); /* the first one that was there */
	assert_memory_equal(t->pf[3].mac, "\x52\x54\0\0\0\x08", 6);
	assert_int_equal(t->pf[3].node, 1);
	assert_int_equal(t->pf[3].vfs_max, 63);
	topo_free(t);
	root_remove(&r);
}

static void
test_sysfs_too_many(void **state)
{
	struct topo *t = host_make(1, 1, 1);
	struct test_root r;
	struct err e = {0};
	char addr[32];

	root_make(&r);
	for (int i = 0; i < TOPO_PFS_MAX + 1; i++) {
		snprintf(addr, sizeof(addr), "0000:%02x:00.0", i);
		put_pf(&r, addr, "0x020000\n", "7\n", "0\n", "");
	}
	assert_int_equal(topo_read_pfs(t, &r.root, &e), -ERANGE);
	assert_non_null(strstr(e.text, "more than 64"));
	root_remove(&r);
	root_make(&r);
	root_put(&r, "/sys/bus/pci/devices", "a file\n");
	assert_int_equal(topo_read_pfs(t, &r.root, &e), -ENOTDIR);
	root_remove(&r);
	topo_free(t);
}

static void
test_devices_are_found(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;
	struct site_vnf *v = one_vnf(&s, t, 1, 1);
	struct plan *p;

	memcpy(s.device[0].mac, t->pf[0].mac, 6);
	s.device[0].kind = DEVICE_MAC;
	s.device[0].pci = (struct pci_addr){0};
	site_vf(v, 0);
	site_vf(v, 1);
	v->numa_nics = false;
	v->interfaces[2].vf = (struct vf_cfg){.vlan = 7, .mac = {2, 1, 1, 1, 1, 1}};
	p = expect_plan(t, &s);
	assert_int_equal(p->n_pfs, 3);
	assert_true(p->pf[0].known);
	assert_int_equal(p->pf[0].pci.bus, 1);
	assert_string_equal(p->pf[0].netdev, "eth0");
	assert_string_equal(p->pf[0].driver, "igb");
	assert_int_equal(p->pf[0].vfs, 4);
	assert_int_equal(p->pf[0].used, 1);
	assert_int_equal(p->pf[1].used, 2);
	assert_int_equal(p->n_vfs, 3);
	assert_int_equal(p->vf[0].pf, 1);
	assert_int_equal(p->vf[0].number, 0);
	assert_int_equal(p->vf[1].pf, 0);
	assert_int_equal(p->vf[2].number, 1);
	assert_int_equal(p->vf[2].cfg.vlan, 7);
	plan_free(p);
	/* Nobody looked: what is declared is assumed, and nothing is known of its node. */
	t->pfs_known = false;
	t->n_pfs = 0;
	p = expect_plan(t, &s);
	assert_false(p->pf[1].known);
	assert_int_equal(p->pf[1].node, -1);
	assert_int_equal(p->pf[1].pci.bus, 2);
	assert_int_equal(p->n_reasons, 0);
	plan_free(p);
	topo_free(t);
}

static void
test_devices_are_refused(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;

	one_vnf(&s, t, 1, 0);
	s.device[0].pci.bus = 9;
	t->pf[2].netdev[0] = '\0';
	expect_refusal(t, &s, EINVAL,
		       "device wan0: no physical function with SR-IOV has the PCI address "
		       "0000:09:00.0; this host has 0000:01:00.0 (52:54:00:00:00:01, eth0), "
		       "0000:02:00.0 (52:54:00:00:00:02, eth1), 0000:03:00.0 (no network driver)");
	t = host_make(1, 4, 1);
	t->pfs_known = true;
	s.device[0] =
		(struct site_device){.kind = DEVICE_MAC, .mac = {2, 0, 0, 0, 0, 9}, .name = "x"};
	expect_refusal(t, &s, EINVAL, "has the MAC 02:00:00:00:00:09; this host has none: enable");
	t = host_make(1, 4, 1);
	for (int i = 0; i < 10; i++)
		host_pf(t, 0, 1);
	expect_refusal(t, &s, EINVAL, " and 2 more");
	t = two_nodes(4);
	one_vnf(&s, t, 1, 0);
	s.device[1].pci = s.device[0].pci;
	expect_refusal(t, &s, EINVAL,
		       "devices wan0 and wan1 are the same physical function (eth0)");
	t = two_nodes(4);
	one_vnf(&s, t, 1, 0);
	s.device[1].vfs = 8;
	expect_refusal(t, &s, EINVAL, "device wan1: sriov.vfs is 8, but eth1 can have at most 7");
	t = two_nodes(4);
	one_vnf(&s, t, 1, 0);
	t->pf[0].netdev[0] = '\0';
	expect_refusal(t, &s, EINVAL, "device wan0: it is bound to another driver than");
	t = two_nodes(4);
	t->pf[0].netdev[0] = t->pf[0].driver[0] = '\0';
	expect_refusal(t, &s, EINVAL, "device wan0: no driver has it; virtual functions need");
	t = two_nodes(4);
	s.device[0].vfs = 0; /* nothing is wanted of it but that it is there */
	t->pf[0].netdev[0] = '\0';
	expect_refusal(t, &s, EINVAL,
		       "vnf fw1, interface vf0: device wan0 has 0 virtual functions, and all");
	t = two_nodes(4);
	one_vnf(&s, t, 1, 3);
	expect_refusal(t, &s, EINVAL, "vnf fw1, interface vf0: its device is not declared");
}

static void
test_required_and_preferred(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;
	struct site_vnf *v = one_vnf(&s, t, 2, 1);
	struct plan *p = expect_plan(t, &s);

	assert_int_equal(p->vnf[0].node, 1);
	assert_in_range(p->vnf[0].cpu[0], 4, 7);
	plan_free(p);
	v->numa_nics = false; /* the same, since there is room */
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 1);
	plan_free(p);
	v->interfaces[0].device = 2; /* no node: anywhere */
	v->numa_nics = true;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 0);
	plan_free(p);
	/* A VNF that floats keeps its memory near. */
	v->interfaces[0].device = 1;
	v->cpu.policy = CPU_SHARED;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 1);
	plan_free(p);
	v->numa_nics = false;
	t->node[0].distance[1] = 11; /* the way from housekeeping costs less than that to the NIC */
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 1);
	plan_free(p);
	topo_free(t);
}

static void
test_no_room_beside_the_nic(void **state)
{
	struct topo *t = two_nodes(3);
	struct test_site s;
	struct site_vnf *v = one_vnf(&s, t, 4, 1);
	struct plan *p;

	expect_refusal(t, &s, ENOSPC,
		       "NUMA node 1 needs 4 cores: 4 for vnf fw1 (vcpus); it has 3; say numa.nics: "
		       "preferred (their devices are there), lower vcpus");
	t = two_nodes(3);
	v->cpu.vcpus = 3;
	site_add(&s, 1, 64 * MIB, false)->numa_node = 1;
	expect_refusal(t, &s, ENOSPC, "say numa.node: auto or numa.nics: preferred, lower vcpus");
	s.site.n_vnfs = 1;
	t = two_nodes(4);
	host_pages(t, 0, 100, 0);
	host_pages(t, 1, 31, 0);
	expect_refusal(t, &s, ENOSPC, "too few free 2Mi hugepages on NUMA node 1: 32 needed");
	t = two_nodes(4);
	host_pages(t, 0, 100, 0);
	host_pages(t, 1, 31, 0);
	v->numa_nics = false;
	p = expect_plan(t, &s);
	assert_int_equal(p->vnf[0].node, 0);
	assert_int_equal(p->n_reasons, 1);
	assert_string_equal(p->reason[0], "vnf fw1, interface vf0: its device is on NUMA node 1, "
					  "its memory on node 0");
	plan_free(p);
	topo_free(t);
}

static void
test_nodes_that_contradict(void **state)
{
	struct topo *t = two_nodes(4);
	struct test_site s;
	struct site_vnf *v = one_vnf(&s, t, 2, 1);

	v->numa_node = 0;
	expect_refusal(
		t, &s, EINVAL,
		"vnf fw1: numa.node is 0, but numa.nics is required and its device wan1 is on "
		"node 1");
	t = two_nodes(4);
	v->numa_node = NODE_AUTO;
	site_vf(v, 2);
	site_vf(v, 0);
	expect_refusal(t, &s, EINVAL,
		       "its devices are on different NUMA nodes (wan1 on node 1, wan0 on node 0)");
	t = two_nodes(4);
	v->n_interfaces = 1;
	v->cpu.pin[1] = 2;
	expect_refusal(
		t, &s, EINVAL,
		"vCPU 1 is pinned to CPU 2 of NUMA node 0, but numa.nics is required and its "
		"devices are on node 1");
	t = two_nodes(4);
	v->cpu.pin[1] = PIN_AUTO;
	t->pf[1].node = 7;
	expect_refusal(t, &s, EINVAL,
		       "its device wan1 is on NUMA node 7, which has no memory that this process");
	t = two_nodes(4);
	t->n_cpus = 4; /* those of node 1 are offline */
	expect_refusal(t, &s, EINVAL,
		       "its device wan1 is on NUMA node 1, which has no CPUs that this process");
	t = two_nodes(4);
	t->n_cpus = 4;
	v->cells = 2;
	expect_refusal(t, &s, EINVAL, "needs a host NUMA node of its own; this host has 1 with");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sysfs),
		cmocka_unit_test(test_sysfs_too_many),
		cmocka_unit_test(test_devices_are_found),
		cmocka_unit_test(test_devices_are_refused),
		cmocka_unit_test(test_required_and_preferred),
		cmocka_unit_test(test_no_room_beside_the_nic),
		cmocka_unit_test(test_nodes_that_contradict),
	};

	return cmocka_run_group_tests_name("rt devices", tests, NULL, NULL);
}
