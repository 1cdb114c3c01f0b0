/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of a declaration a running site can follow, and which it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/judge.h"
#include "config/load.h"

static const char base[] =
	"apiVersion: corelane/v1\nkind: Host\nmetadata: {name: h}\n"
	"spec:\n  switch: {threads: 1}\n"
	"  devices: [{name: up, tap: cl0}, {name: pf, mac: \"52:54:00:00:00:01\", sriov: {vfs: "
	"1}}]\n"
	"---\napiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\n"
	"spec: {vlan: 5, uplink: up}\n"
	"---\napiVersion: corelane/v1\nkind: Network\nmetadata: {name: big}\nspec: {mtu: 9000}\n"
	"---\napiVersion: corelane/v1\nkind: VNF\nmetadata: {name: a}\n"
	"spec:\n  boot: {probe: {}}\n  memory: {size: 64Mi}\n"
	"  interfaces:\n"
	"  - {name: x, switch: {network: n, queues: 1}}\n"
	"  - {name: y, tap: {bridge: br0}}\n";

static struct site *
load(const char *text)
{
	struct config_problems problems;
	struct site *s = NULL;

	if (config_load_buffer("t", ".", text, strlen(text), &s, &problems) < 0)
		fail_msg("%s\n%s", problems.item[0].text, text);
	config_problems_free(&problems);
	return s;
}

/* base with the first @from made @to. */
static char *
edit(const char *from, const char *to)
{
	const char *at = strstr(base, from);
	char *text = malloc(sizeof(base) + strlen(to));

	assert_non_null(at);
	sprintf(text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
	return text;
}

/* How many changes there are, and of them how many cannot be made; the words of the first of those. */
static void
expect(const char *from, const char *to, size_t n, size_t refused, const char *words)
{
	char *text = edit(from, to);
	struct site *before = load(base), *after = load(text);
	struct judged j;
	bool said = !words;

	assert_int_equal(judge(before, after, &j), 0);
	if (j.n != n || j.n_refused != refused)
		fail_msg("%s -> %s: %zu changes, %zu refused (%s %s)", from, to, j.n, j.n_refused,
			 j.n ? j.change[0].who : "", j.n ? j.change[0].path : "");
	for (size_t i = 0; i < j.n && words; i++)
		said |= j.needs[i] && strstr(j.needs[i], words);
	assert_true(said);
	judged_free(&j);
	site_free(before);
	site_free(after);
	free(text);
}

static void
what_the_switch_does_is_changed(void **state)
{
	(void)state;
	expect("queues: 1", "queues: 1", 0, 0, NULL);
	expect("queues: 1", "vlan: 7", 1, 0, NULL);
	expect("queues: 1", "trunk: [3, 4], native: 5", 3, 0, NULL); /* and no vlan */
	expect("queues: 1", "filter: [{deny: {protocol: tcp}}, {allow: {}}]", 2, 0, NULL);
	expect("queues: 1", "limit: {ingress: 1Gbps, burst: 1MB}, isolate: true", 3, 0, NULL);
	expect("spec: {vlan: 5, uplink: up}", "spec: {vlan: 6, snooping: true}", 4, 0, NULL);
	expect("{name: up, tap: cl0}", "{name: up, tap: cl1, lldp: true}", 2, 0, NULL);
	expect("{name: up, tap: cl0}", "{name: up, tap: cl0}, {name: two, kernel: cl2}", 1, 0,
	       NULL);
	expect("metadata: {name: big}\nspec: {mtu: 9000}",
	       "metadata: {name: big}\nspec: {mtu: 1400}", 1, 0, NULL);
	expect("network: n, queues: 1", "network: n, spoofCheck: false, macLimit: 9", 2, 0, NULL);
}

static void
what_was_told_at_the_start_is_not(void **state)
{
	static const char vnf[] = "the VNF has to be started again";

	(void)state;
	expect("queues: 1", "queues: 2", 1, 1, vnf);
	expect("queues: 1", "mac: \"02:00:00:00:00:01\"", 1, 1, vnf);
	expect("size: 64Mi", "size: 128Mi", 1, 1, vnf);
	expect("{bridge: br0}", "{bridge: br1}", 1, 1, vnf);
	expect("  - {name: y, tap: {bridge: br0}}\n", "", 1, 1, vnf);
	expect("network: n,", "network: big,", 2, 1, "guests were told their MTU");
	expect("spec: {vlan: 5, uplink: up}", "spec: {vlan: 5, uplink: up, mtu: 1400}", 1, 1,
	       "guests were told their MTU");
	expect("threads: 1", "threads: 2", 1, 1, "the switch has to be started again");
	expect("vfs: 1", "vfs: 2", 1, 1, "the site has to be started again");
	expect(", {name: pf, mac: \"52:54:00:00:00:01\", sriov: {vfs: 1}}", "", 1, 1,
	       "the site has to be started again");
	expect("metadata: {name: a}", "metadata: {name: b}", 2, 2, vnf);
	/* One of each: both are told, one of them stands in the way. */
	expect("queues: 1", "queues: 2, vlan: 7", 2, 1, vnf);
}

static void
order_counts_where_guests_see_it(void **state)
{
	(void)state;
	expect("  - {name: x, switch: {network: n, queues: 1}}\n"
	       "  - {name: y, tap: {bridge: br0}}\n",
	       "  - {name: y, tap: {bridge: br0}}\n"
	       "  - {name: x, switch: {network: n, queues: 1}}\n",
	       1, 1, "the VNF has to be started again");
	expect("{name: up, tap: cl0}, {name: pf, mac: \"52:54:00:00:00:01\", sriov: {vfs: 1}}",
	       "{name: pf, mac: \"52:54:00:00:00:01\", sriov: {vfs: 1}}, {name: up, tap: cl0}", 0,
	       0, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_switch_does_is_changed),
		cmocka_unit_test(what_was_told_at_the_start_is_not),
		cmocka_unit_test(order_counts_where_guests_see_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
