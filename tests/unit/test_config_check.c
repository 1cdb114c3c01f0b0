/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-checks: what needs more than one value to be wrong, and what is resolved on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/config_util.h"

#define DOC(kind, name) "---\napiVersion: corelane/v1\nkind: " kind "\nmetadata: {name: " name "}\n"
#define HOST(name)      DOC("Host", name)
#define NETWORK(name)   DOC("Network", name)
#define VNF(name, rest) DOC("VNF", name) "spec: {boot: {probe: }, " rest "}\n"
#define MEM             "memory: {size: 4Mi}"

static struct site *
load(const char *text)
{
	struct config_problems problems;
	struct site *site = NULL;
	int r;

	r = config_load_buffer("t.yaml", "/site", text, strlen(text), &site, &problems);
	if (r < 0)
		fail_msg("%s", problems.n ? problems.item[0].text : "?");
	config_problems_free(&problems);
	return site;
}

static void
test_names(void **state)
{
	assert_complaints(
		NETWORK("a") NETWORK("b") NETWORK("a") VNF("a", MEM) VNF("b", MEM) VNF("b", MEM)
			VNF("b", MEM) HOST("a") HOST("b"),
		"t.yaml:12:18: network: the name a is taken by the one at t.yaml:4:18; give one of "
		"them another name\n"
		"t.yaml:26:18: vnf: the name b is taken by the one at t.yaml:21:18; give one of "
		"them another name\n"
		"t.yaml:31:18: vnf: the name b is taken by the one at t.yaml:21:18; give one of "
		"them another name\n"
		"t.yaml:39:7: host b: a site is one host; the other Host document is at "
		"t.yaml:34:1");
	/* Names that could not be read are not alike. */
	assert_complaints(DOC("Network", "[]") DOC("Network", "[]"),
			  "t.yaml:4:18: network: name is a list; a single value is wanted\n"
			  "t.yaml:8:18: network: name is a list; a single value is wanted");
}

static void
test_memory(void **state)
{
	assert_complaints(VNF("v", "memory: {size: 3Mi}"),
			  "t.yaml:5:40: vnf v: memory size 3Mi is not a multiple of pageSize 2Mi; "
			  "2Mi or 4Mi would be");
	assert_complaints(VNF("v", "memory: {size: 512Mi, pageSize: 1Gi}"),
			  "t.yaml:5:40: vnf v: memory size 512Mi is not a multiple of pageSize "
			  "1Gi; 1Gi would be");
	assert_complaints(VNF("v", "memory: {pageSize: 4Ki, size: 4Mi}"),
			  "t.yaml:5:44: vnf v: pageSize 4Ki needs cpu policy shared; dedicated "
			  "needs 2Mi or 1Gi");
	assert_complaints(VNF("v", "memory: {size: 16385Gi}"),
			  "t.yaml:5:40: vnf v: size 16385Gi is not 1Mi..16384Gi");
	assert_complaints(VNF("v", "memory: {size: 512Ki}"),
			  "t.yaml:5:40: vnf v: size 512Ki is not 1Mi..16384Gi");
	/* What was not understood is not judged again. */
	assert_complaints(VNF("v", "memory: {size: 2052Ki, pageSize: 4K}"),
			  "t.yaml:5:58: vnf v: pageSize 4K is not 4Ki, 2Mi or 1Gi; did you mean "
			  "4Ki?");
	assert_complaints(VNF("v", "memory: {size: 4Mi, pageSize: 4Ki}, cpu: {policy: any}"),
			  "t.yaml:5:75: vnf v: policy any is not dedicated or shared");
	assert_complaints(VNF("v", "memory: "),
			  "t.yaml:5:33: vnf v: key size is missing in memory (guest memory)");
	assert_complaints(VNF("v", "numa: "),
			  "t.yaml:5:7: vnf v: key memory is missing in spec (guest memory)");
}

static void
test_pins(void **state)
{
	assert_complaints(VNF("v", "cpu: {vcpus: 2, pin: {0: 4, 1: 4, 2: 5, 3: 5}}, " MEM),
			  "t.yaml:5:46: vnf v: pin gives CPU 4 to vCPU 0 and to vCPU 1\n"
			  "t.yaml:5:46: vnf v: pin names vCPU 2; with vcpus 2 there are 0..1\n"
			  "t.yaml:5:46: vnf v: pin names vCPU 3; with vcpus 2 there are 0..1\n"
			  "t.yaml:5:46: vnf v: pin gives CPU 5 to vCPU 2 and to vCPU 3");
	assert_complaints(VNF("v", "cpu: {vcpus: 0, pin: {7: 4}}, " MEM),
			  "t.yaml:5:38: vnf v: vcpus 0 is not 1..64");
	assert_complaints(VNF("v", "cpu: {pin: some}, " MEM),
			  "t.yaml:5:36: vnf v: pin some is not auto or a mapping such as {0: 4, 1: "
			  "5}");
	assert_complaints(VNF("v", "cpu: {pin: {}}, " MEM),
			  "t.yaml:5:36: vnf v: pin as written is not auto or a mapping such as {0: "
			  "4, 1: 5}");
	assert_complaints(VNF("v", "cpu: {pin: {0: [1]}}, " MEM),
			  "t.yaml:5:40: vnf v: pin is a list; a single value is wanted");
	assert_complaints(VNF("v", "cpu: {pin: *x}, " MEM),
			  "t.yaml:5:36: aliases (*) are not supported; write the value out");
}

static void
test_realtime(void **state)
{
	struct site *s;

	assert_complaints(VNF("v", "cpu: {vcpus: 4, realtime: {vcpus: \"2-5\"}}, " MEM),
			  "t.yaml:5:59: vnf v: realtime vcpus names vCPU 4; with vcpus 4 there are "
			  "0..3");
	assert_complaints(
		VNF("v", "cpu: {policy: shared, realtime: {vcpus: 0}}, " MEM),
		"t.yaml:5:65: vnf v: realtime vcpus needs cpu policy dedicated: a SCHED_FIFO "
		"thread would starve whoever shares its core");
	assert_complaints(VNF("v", "cpu: {realtime: {vcpus: \"\"}}, " MEM),
			  "t.yaml:5:49: vnf v: vcpus \"\" is not a CPU list such as \"0-3,8\", or "
			  "none");
	s = load(VNF("all", "cpu: {vcpus: 3, realtime: {priority: 5}}, " MEM)
			 VNF("none", "cpu: {vcpus: 3, realtime: {vcpus: none}}, " MEM)
				 VNF("shared", "cpu: {vcpus: 3, policy: shared}, " MEM));
	assert_int_equal(cpuset_count(&s->vnfs[0].cpu.realtime_vcpus), 3);
	assert_true(cpuset_has(&s->vnfs[0].cpu.realtime_vcpus, 2));
	assert_int_equal(s->vnfs[0].cpu.realtime_priority, 5);
	assert_true(cpuset_empty(&s->vnfs[1].cpu.realtime_vcpus));
	assert_true(cpuset_empty(&s->vnfs[2].cpu.realtime_vcpus));
	site_free(s);
}

static void
test_boot(void **state)
{
#define BOOT(text) DOC("VNF", "v") "spec: {" MEM ", boot: " text "}\n"
	assert_complaints(BOOT("{kernel: {image: a}, probe: }"),
			  "t.yaml:5:56: vnf v: boot has kernel and also probe; only one of kernel "
			  "or probe is possible");
	assert_complaints(BOOT("{}"), "t.yaml:5:35: vnf v: boot needs one of kernel or probe");
	assert_complaints(BOOT(""), "t.yaml:5:35: vnf v: boot needs one of kernel or probe");
	assert_complaints(BOOT("{firmware: x}"),
			  "t.yaml:5:36: vnf v: key firmware in boot (boot through UEFI) is not "
			  "supported yet");
	assert_complaints(BOOT("{kernel: {image: \"\"}}"), "t.yaml:5:52: vnf v: image is empty");
	assert_complaints(BOOT("{kernel: {image: a, args: \"a\\nb\"}}"),
			  "t.yaml:5:61: vnf v: args holds a line break or an invisible character");
	assert_complaints(DOC("VNF", "v"),
			  "t.yaml:2:1: vnf v: key spec is missing in the document (what it should "
			  "be)");
	assert_complaints(DOC("VNF", "v") "spec:\n",
			  "t.yaml:5:6: vnf v: key boot is missing in spec (what the machine "
			  "starts: exactly one of kernel and probe)\n"
			  "t.yaml:5:6: vnf v: key memory is missing in spec (guest memory)");
}

static void
test_interfaces(void **state)
{
#define IFS(text) VNF("v", MEM ", interfaces: [" text "]")
	assert_complaints(IFS("{name: a, tap: }, {name: a, tap: }"),
			  "t.yaml:5:84: vnf v: two interfaces are called a; the other one is at "
			  "t.yaml:5:59");
	assert_complaints(NETWORK("svc-a") IFS("{name: a, switch: {network: svc_b}}"),
			  "t.yaml:9:87: vnf v, interface a: network svc_b is not a name of a-z, "
			  "0-9 and inner \"-\", at most 63 long");
	assert_complaints(NETWORK("svc-a") IFS("{name: a, switch: {network: svc-b}}"),
			  "t.yaml:9:87: vnf v, interface a: network svc-b does not exist; did you "
			  "mean svc-a?");
	/* Behind a broken document there may be the network. */
	assert_complaints(IFS("{name: a, switch: {network: svc-b}}") "---\n]",
			  "t.yaml:7:1: not YAML: did not find expected node content (while parsing "
			  "a block node from line 7)");
	assert_complaints(DOC("Netwrk", "svc-b") IFS("{name: a, switch: {network: svc-b}}"),
			  "t.yaml:3:7: kind Netwrk is not Host, Network or VNF; did you mean "
			  "Network?");
	assert_complaints(
		IFS("{switch: {network: x}}, {tap: {mac: \"02:00:00:00:00:01\"}}, "
		    "{tap: {mac: \"02:00:00:00:00:01\"}}"),
		"t.yaml:5:59: vnf v, interface #1: key name is missing in interface "
		"(unique in its VNF)\n"
		"t.yaml:5:78: vnf v, interface #1: network x does not exist\n"
		"t.yaml:5:83: vnf v, interface #2: key name is missing in interface "
		"(unique in its VNF)\n"
		"t.yaml:5:118: vnf v, interface #3: key name is missing in interface "
		"(unique in its VNF)\n"
		"t.yaml:5:130: vnf v, interface #3: mac 02:00:00:00:00:01 already belongs "
		"to vnf v, interface #2 at t.yaml:5:83");
}

/* What a seed holds has an end, and so has a key in it. */
static void
test_long_texts(void **state)
{
	char *text = calloc(1, 3 << 20), *p;

	assert_non_null(text);
	p = stpcpy(text, DOC("VNF", "v") "spec: {boot: {probe: }, " MEM
					 ", disks: [{name: s, cloudInit: {userData: \"");
	memset(p, 'x', (1 << 20) + 1);
	p += (1 << 20) + 1;
	p = stpcpy(p, "\", networkConfig: {a: \"");
	memset(p, 'y', 1 << 20);
	p += 1 << 20;
	p = stpcpy(p, "\"}}}, {name: t, cloudInit: {networkConfig: {");
	memset(p, 'k', 257);
	strcpy(p + 257, ": 1}}}]}\n");
	assert_complaints(
		text,
		"t.yaml:5:86: vnf v, disk s: userData is 1048577 bytes long; at most 1048576 "
		"are possible\n"
		"t.yaml:5:1048682: vnf v, disk s: networkConfig is 1048585 bytes long; at most "
		"1048576 are possible\n"
		"t.yaml:5:2097566: vnf v, disk t: networkConfig has a key of more than 256 "
		"bytes");
	free(text);
}

static void
test_too_many(void **state)
{
	char text[2048], *p = text;

	p += sprintf(p, "%s", DOC("VNF", "v") "spec: {boot: {probe: }, " MEM ", interfaces: [");
	for (int i = 0; i < 17; i++)
		p += sprintf(p, "{name: i%d, tap: },", i);
	strcpy(p, "]}\n");
	assert_complaints(text,
			  "t.yaml:5:58: vnf v: interfaces has 17 items; at most 16 are possible");
}

static void
test_too_many_documents(void **state)
{
	char *text = calloc(1, 1 << 20), *p = text;

	assert_non_null(text);
	for (int i = 0; i < 1025; i++)
		p += sprintf(p,
			     "---\napiVersion: corelane/v1\nkind: Network\nmetadata: {name: n%d}\n",
			     i);
	p += sprintf(p, VNF("v", MEM ", interfaces: [{name: a, switch: {network: n1023}}]"));
	assert_complaints(text, "t.yaml:4099:7: network n1024: more than 1024 documents of this "
				"kind");
	free(text);
}

static void
test_macs(void **state)
{
	assert_complaints(
		VNF("v", MEM ", interfaces: [{name: a, tap: {mac: \"02:00:00:00:00:01\"}}]")
			VNF("w",
			    MEM ", interfaces: [{name: a, tap: {mac: \"02:00:00:00:00:02\"}}, "
				"{name: b, vhostUser: {socket: /s, mac: \"02:00:00:00:00:01\"}}]"),
		"t.yaml:10:142: vnf w, interface b: mac 02:00:00:00:00:01 already belongs to vnf "
		"v, interface a at t.yaml:5:59");
	assert_complaints(IFS("{name: a, tap: {mac: \"00:00:00:00:00:00\"}}"),
			  "t.yaml:5:80: vnf v, interface a: mac 00:00:00:00:00:00 is no address; "
			  "an interface needs one of its own");
}

static void
test_auto_macs(void **state)
{
	static const char first[] =
		HOST("h") VNF("v", MEM ", interfaces: [{name: a, tap: }, {name: b, tap: }]")
			VNF("w", MEM ", interfaces: [{name: a, tap: }]");
	static const char other[] = HOST("i") VNF("v", MEM ", interfaces: [{name: a, tap: }]");
	char taken[512];
	struct site *s = load(first), *t = load(first), *u = load(other);
	const uint8_t *mac = s->vnfs[0].interfaces[0].mac;

	assert_same_site(s, t);
	assert_int_equal(mac[0], 2);
	assert_true(s->vnfs[0].interfaces[0].mac_auto);
	assert_memory_not_equal(mac, s->vnfs[0].interfaces[1].mac, 6);
	assert_memory_not_equal(mac, s->vnfs[1].interfaces[0].mac, 6);
	assert_memory_not_equal(mac, u->vnfs[0].interfaces[0].mac, 6);
	site_free(t);
	/* Somebody gave that very address to another interface: the automatic one moves. */
	snprintf(taken, sizeof(taken),
		 HOST("h") VNF("v", MEM ", interfaces: [{name: a, tap: }]")
			 VNF("x", MEM ", interfaces: [{name: x, tap: {mac: "
				      "\"%02x:%02x:%02x:%02x:%02x:%02x\"}}]"),
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	t = load(taken);
	assert_memory_equal(t->vnfs[1].interfaces[0].mac, mac, 6);
	assert_memory_not_equal(t->vnfs[0].interfaces[0].mac, mac, 6);
	assert_int_equal(t->vnfs[0].interfaces[0].mac[0], 2);
	site_free(s);
	site_free(t);
	site_free(u);
}

static void
test_sockets(void **state)
{
	char text[512], longest[109];

	assert_complaints(
		VNF("v", MEM ", interfaces: [{name: a, vhostUser: {socket: /s}}, {name: b, "
			     "vhostUser: {socket: /t}}]")
			VNF("w", MEM ", interfaces: [{name: c, vhostUser: {socket: /t}}, {name: d, "
				     "vhostUser: {socket: /t}}, {name: e, tap: }]"),
		"t.yaml:10:89: vnf w, interface c: socket /t already belongs to vnf v, interface "
		"b\n"
		"t.yaml:10:125: vnf w, interface d: socket /t already belongs to vnf v, interface "
		"b");
	memset(longest, 's', sizeof(longest) - 1);
	longest[0] = '/';
	longest[108] = '\0';
	snprintf(text, sizeof(text), IFS("{name: a, vhostUser: {socket: %s}}"), longest);
	assert_complaints(text, "t.yaml:5:89: vnf v, interface a: socket is 108 bytes long; at "
				"most 107 fit");
	longest[107] = '\0';
	snprintf(text, sizeof(text), IFS("{name: a, vhostUser: {socket: %s}}"), longest);
	assert_complaints(text, "");
}

static void
test_device_names(void **state)
{
	assert_complaints(IFS("{name: a, tap: {bridge: \"..\"}}"),
			  "t.yaml:5:83: vnf v, interface a: bridge .. is not a network device's "
			  "name");
	assert_complaints(IFS("{name: a, tap: {bridge: .}}"),
			  "t.yaml:5:83: vnf v, interface a: bridge . is not a network device's "
			  "name");
	assert_complaints(IFS("{name: a, tap: {bridge: b r}}"),
			  "t.yaml:5:83: vnf v, interface a: bridge b r is not a network device's "
			  "name");
	assert_complaints(IFS("{name: a, tap: {bridge: a23456789012345}}"), "");
}

/* Every field that the loader promises, of a site that gives all of them. */
static void
test_fields(void **state)
{
	char *text = read_text("tests/golden/config/valid-pair.yaml");
	struct site *s = load(text);
	const struct site_vnf *v = &s->vnfs[0], *w = &s->vnfs[1];

	assert_string_equal(s->host.name, "edge-17");
	assert_false(s->host.housekeeping_auto);
	assert_true(cpuset_has(&s->host.housekeeping, 16));
	assert_int_equal(s->host.overlap, OVERLAP_ALLOW);
	assert_int_equal(s->networks[0].vlan, 200);
	assert_int_equal(s->networks[0].mtu, 9000);
	assert_int_equal(s->networks[0].mac_age_ns, 60000000000);
	assert_int_equal(s->networks[1].vlan, VLAN_NONE);
	assert_int_equal(s->networks[1].where.line, 14);
	assert_string_equal(v->base_dir, "/site");
	assert_int_equal(v->boot.kind, BOOT_KERNEL);
	assert_string_equal(v->boot.image, "vmlinuz");
	assert_int_equal(v->boot.image_where.line, 21);
	assert_int_equal(v->boot.image_where.column, 21);
	assert_string_equal(v->boot.image_where.file, "t.yaml");
	assert_int_equal(v->boot.initrd_where.column, 38);
	assert_int_equal(v->cpu.where.line, 23);
	assert_int_equal(v->memory.where.line, 30);
	assert_int_equal(v->cpu.threads, THREADS_REQUIRE);
	assert_int_equal(v->cpu.emulator, EMULATOR_ISOLATE);
	assert_int_equal(v->cpu.pin[1], 5);
	assert_int_equal(v->cpu.pin[2], PIN_AUTO);
	assert_int_equal(v->cpu.realtime_priority, 2);
	assert_int_equal(v->numa_node, 1);
	assert_int_equal(v->memory.size, 8ull << 30);
	assert_int_equal(v->memory.page_size, 1 << 30);
	assert_int_equal(v->n_interfaces, 4);
	assert_int_equal(v->interfaces[0].kind, IF_VHOST_USER);
	assert_int_equal(v->interfaces[0].role, SOCKET_CONNECT);
	assert_int_equal(v->interfaces[0].mac[4], 1);
	assert_int_equal(v->interfaces[0].mtu, 1500);
	assert_int_equal(v->interfaces[1].vlan, 300);
	assert_int_equal(v->interfaces[1].mtu, 9000);
	assert_int_equal(v->interfaces[1].queues, 2);
	assert_int_equal(v->interfaces[2].vlan, 200);
	assert_int_equal(v->interfaces[2].where.line, 36);
	assert_string_equal(v->interfaces[3].bridge, "br-mgmt");
	assert_int_equal(w->boot.kind, BOOT_PROBE);
	assert_string_equal(w->boot.args, "mode=echo");
	assert_int_equal(w->cpu.policy, CPU_SHARED);
	assert_int_equal(w->numa_node, NODE_AUTO);
	assert_int_equal(w->interfaces[0].network, 1);
	assert_int_equal(w->interfaces[0].vlan, VLAN_NONE);
	assert_string_equal(w->interfaces[1].bridge, "");
	site_free(s);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),    cmocka_unit_test(test_memory),
		cmocka_unit_test(test_pins),     cmocka_unit_test(test_realtime),
		cmocka_unit_test(test_boot),     cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_too_many_documents),
		cmocka_unit_test(test_macs),     cmocka_unit_test(test_auto_macs),
		cmocka_unit_test(test_sockets),  cmocka_unit_test(test_device_names),
		cmocka_unit_test(test_fields),   cmocka_unit_test(test_long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
