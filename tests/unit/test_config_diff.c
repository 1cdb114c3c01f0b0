/* SPDX-License-Identifier: Apache-2.0 */
/* What two declarations say differently: every kind of key, items that come and go, documents likewise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/diff.h"
#include "tests/unit/config_util.h"

#define HEAD                                                                                       \
	"apiVersion: corelane/v1\nkind: Host\nmetadata: {name: h}\n"                               \
	"spec: {devices: [{name: t0, tap: a}, {name: t1, tap: b}]}\n---\n"                         \
	"apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\nspec: {vlan: 5}\n---\n"
#define VNF(name, spec)                                                                            \
	"apiVersion: corelane/v1\nkind: VNF\nmetadata: {name: " name "}\n"                         \
	"spec:\n  boot: {probe: {}}\n  memory: {size: 64Mi}\n" spec

static struct site *
load(const char *text)
{
	struct config_problems problems;
	struct site *s = NULL;

	if (config_load_buffer("t", ".", text, strlen(text), &s, &problems) < 0)
		fail_msg("%s", problems.item[0].text);
	config_problems_free(&problems);
	return s;
}

/* One line a difference; the caller frees it. */
static char *
differences(const char *before, const char *after)
{
	struct site *a = load(before), *b = load(after);
	struct config_change *c = NULL;
	char *text = NULL;
	size_t n = 0, size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(config_diff(a, b, &c, &n), 0);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s: %s: %s -> %s\n", c[i].who, c[i].path,
			c[i].before ? c[i].before : "none", c[i].after ? c[i].after : "none");
	fclose(out);
	config_changes_free(c, n);
	site_free(a);
	site_free(b);
	return text;
}

static void
expect(const char *before, const char *after, const char *want)
{
	char *got = differences(before, after);

	assert_string_equal(got, want);
	free(got);
}

static void
test_values(void **state)
{
	expect(HEAD VNF("a", "  cpu: {vcpus: 2}\n"), HEAD VNF("a", "  cpu: {vcpus: 2}\n"), "");
	expect(HEAD VNF("a", "  cpu: {vcpus: 2, pin: {0: 4}}\n"),
	       HEAD VNF("a", "  cpu: {vcpus: 3, pin: {0: 4, 1: 6}, policy: shared}\n"),
	       "vnf a: spec.cpu.vcpus: 2 -> 3\n"
	       "vnf a: spec.cpu.policy: dedicated -> shared\n"
	       "vnf a: spec.cpu.pin: 0: 4  -> 0: 4 1: 6 \n"
	       "vnf a: spec.cpu.realtime.vcpus: \"0-1\" -> none\n");
	expect(HEAD VNF("a", ""),
	       HEAD VNF("a", "  console: {ports: [x, y]}\n  watchdog: {action: pause}\n"),
	       "vnf a: spec.console.ports:  -> x, y\n"
	       "vnf a: spec.watchdog: none -> watchdog\n");
}

static void
test_items(void **state)
{
	const char *before = HEAD VNF("a", "  interfaces:\n"
					   "  - {name: x, switch: {network: n, trunk: [1, 2]}}\n"
					   "  - {name: y, switch: {network: n}}\n");
	const char *after =
		HEAD VNF("a", "  interfaces:\n"
			      "  - {name: z, tap: {}}\n"
			      "  - {name: x, switch: {network: n, trunk: [1, 3], ips: [10.0.0.1],\n"
			      "     filter: [{deny: {protocol: tcp}}]}}\n");

	expect(before, after,
	       "vnf a: spec.interfaces.x.switch.trunk: [\"1-2\"] -> [1, 3]\n"
	       "vnf a: spec.interfaces.x.switch.ips: [] -> [\"10.0.0.1\"]\n"
	       "vnf a: spec.interfaces.x.switch.filter.1: none -> filter\n"
	       "vnf a: spec.interfaces.y: interface -> none\n"
	       "vnf a: spec.interfaces.z: none -> interface\n");
	/* The order alone is no difference where items have names. */
	expect(HEAD VNF("a", "  interfaces:\n  - {name: x, tap: {}}\n  - {name: y, tap: {}}\n"),
	       HEAD VNF("a", "  interfaces:\n  - {name: y, tap: {}}\n  - {name: x, tap: {}}\n"),
	       "");
	expect(HEAD VNF("a", "  interfaces:\n  - {name: x, tap: {}}\n"),
	       HEAD VNF("a", "  interfaces:\n  - {name: x, switch: {network: n}}\n"),
	       "vnf a: spec.interfaces.x.switch: none -> switch\n"
	       "vnf a: spec.interfaces.x.tap: tap -> none\n");
}

static void
test_documents(void **state)
{
	expect(HEAD VNF("a", "") "---\n" VNF("b", ""), HEAD VNF("c", "") "---\n" VNF("b", ""),
	       "vnf a: : vnf -> none\nvnf c: : none -> vnf\n");
	expect("apiVersion: corelane/v1\nkind: Network\nmetadata: {name: n}\n---\n" VNF("a", ""),
	       HEAD VNF("a", ""),
	       "host default: metadata.name: \"default\" -> \"h\"\n"
	       "host default: spec.devices.t0: none -> device\n"
	       "host default: spec.devices.t1: none -> device\n"
	       "network n: spec.vlan: none -> 5\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
