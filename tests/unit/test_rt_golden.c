/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans compared byte by byte: declarations (tests/golden/plan/SITE.yaml) on topologies, each with
 * the expected text in tests/golden/plan/NAME.txt. UPDATE_GOLDEN=1 in the environment rewrites the
 * files. Every plan's JSON must load too.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/util.h"
#include "config/load.h"
#include "rt/plan.h"

#define DIR "tests/golden/plan"

struct golden {
	const char *name, *topology, *site;
	bool json;
	bool pfs; /* the host has two physical functions, one on each of its first nodes */
};

static const struct golden cases[] = {
	{"one-core-refused", "core:1 pu:1", "pair", false, false},
	{"one-core-overlap", "core:1 pu:1", "pair-overlap", true, false},
	{"two-cores-refused", "l3:1 core:2 pu:1", "pair", false, false},
	{"two-cores-overlap", "l3:1 core:2 pu:1", "pair-overlap", false, false},
	{"three-cores-overlap", "l3:1 core:3 pu:1", "pair-overlap", false, false},
	{"four-cores", "l3:1 core:4 pu:1", "pair", true, false},
	{"overlap-not-needed", "l3:1 core:4 pu:1", "pair-overlap", false, false},
	{"smt", "pack:1 l3:1 core:10 pu:2", "edge", true, false},
	{"smt-pairs", "pack:1 l3:1 core:10 pu:2", "edge-pairs", false, false},
	{"smt-one-core-overlap", "core:1 pu:2", "pair-overlap", false, false},
	{"smt-small-overlap", "pack:1 l3:1 core:4 pu:2", "edge-overlap", false, false},
	{"smt-small-refused", "pack:1 l3:1 core:4 pu:2", "edge", false, false},
	{"no-smt-emulator-overlap", "l3:1 core:9 pu:1", "edge-overlap", false, false},
	{"no-smt-shared-overlap", "l3:1 core:6 pu:1", "edge-overlap", false, false},
	{"no-smt-pairs-refused", "l3:1 core:16 pu:1", "edge-pairs", false, false},
	{"two-nodes", "pack:2 numa:1 l3:1 core:8 pu:1", "edge", true, false},
	{"two-nodes-named", "pack:2 numa:1 l3:1 core:4 pu:2", "nodes", false, false},
	{"two-nodes-named-refused", "pack:2 numa:1 l3:1 core:1 pu:2", "nodes", false, false},
	{"one-node-named-refused", "pack:1 numa:1 l3:1 core:4 pu:2", "nodes", false, false},
	{"three-nodes", "pack:3 numa:1 l3:1 core:3 pu:2", "edge", false, false},
	{"six-nodes-spread", "pack:6 numa:1 l3:1 core:2 pu:1", "edge", false, false},
	{"sub-numa", "pack:2 numa:2 l3:1 core:5 pu:1", "edge", true, false},
	{"64-cores", "pack:1 numa:4 l3:2 core:8 pu:1", "edge", true, false},
	{"64-cores-one-node", "pack:1 numa:1 l3:8 core:8 pu:2", "edge-pairs", false, false},
	{"xml", DIR "/server.xml", "edge-pairs", true, false},
	{"xml-named", DIR "/server.xml", "nodes", false, false},
	{"pins", "pack:1 l3:1 core:4 pu:2", "pins-share-a-core", false, false},
	{"pins-missing-refused", "core:2 pu:1", "pins-share-a-core", false, false},
	{"devices", "pack:2 numa:1 l3:1 core:6 pu:1", "devices", true, true},
	{"devices-not-known", "pack:2 numa:1 l3:1 core:6 pu:1", "devices", true, false},
	{"devices-no-room-refused", "pack:2 numa:1 l3:1 core:4 pu:1", "devices", false, true},
	{"uplinks", "pack:2 numa:1 l3:1 core:8 pu:1", "uplinks", true, true},
	{"uplink-far", "pack:2 numa:1 l3:1 core:4 pu:1", "uplink-far", false, true},
	{"uplinks-not-known", "pack:1 l3:1 core:8 pu:2", "uplinks", false, false},
	{"uplinks-no-room-refused", "l3:1 core:4 pu:1", "uplinks", false, false},
	{"lanes-pinned", "pack:2 numa:1 l3:1 core:8 pu:1", "lanes", false, false},
	{"lanes-do-not-fit-overlap", "core:2 pu:1", "lanes-overlap", false, false},
	{"lanes-fit", "core:8 pu:1", "lanes-overlap", true, false},
	{"lanes-not-there-refused", "pack:1 numa:1 l3:1 core:8 pu:1", "lanes", false, false},
	{"devices-one-node-refused", "pack:1 l3:1 core:16 pu:1", "devices", false, true},
};

static char *
read_all(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "re");
	char *text = NULL, chunk[4096];
	FILE *mem = open_memstream(&text, ret_size);
	size_t n;

	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		fwrite(chunk, 1, n, mem);
	if (f)
		fclose(f);
	fclose(mem);
	return text;
}

static void
add_pfs(struct topo *t)
{
	for (size_t i = 0; i < 2; i++) {
		t->pf[i] = (struct topo_pf){.pci = {.bus = (uint8_t)(i + 1)},
					    .mac = {0x52, 0x54, 0, 0, 0, (uint8_t)(i + 1)},
					    .node = t->node[i % t->n_nodes].os,
					    .vfs_max = 7,
					    .driver = "igb"};
		snprintf(t->pf[i].netdev, sizeof(t->pf[i].netdev), "eth%zu", i);
	}
	t->n_pfs = 2;
	t->pfs_known = true;
}

/* What a person would see: the plan, or why there is none. */
static char *
make_text(const struct golden *g, bool json, size_t *ret_size)
{
	struct config_problems problems;
	struct err e = {0};
	struct site *site = NULL;
	struct topo *topo = NULL;
	struct plan *plan = NULL;
	char path[256], *text = NULL;
	FILE *out;
	int r;

	snprintf(path, sizeof(path), DIR "/%s.yaml", g->site);
	r = config_load(path, &site, &problems);
	for (size_t i = 0; i < problems.n; i++)
		print_error("%s\n", problems.item[i].text);
	config_problems_free(&problems);
	assert_int_equal(r, 0);
	assert_int_equal(topo_from(g->topology, &topo, &e), 0);
	if (g->pfs)
		add_pfs(topo);
	out = open_memstream(&text, ret_size);
	r = plan_make(site, topo, &plan, &e);
	if (r < 0)
		fprintf(out, "refused (%s): %s\n", r == -ENOSPC ? "ENOSPC" : "EINVAL", e.text);
	else
		assert_int_equal((json ? plan_print_json : plan_print)(plan, topo, out), 0);
	fclose(out);
	plan_free(plan);
	topo_free(topo);
	site_free(site);
	return text;
}

static void
show_difference(const char *path, const char *text, size_t size)
{
	char tmp[] = "/tmp/corelane-golden-XXXXXX", command[512];
	int fd = mkstemp(tmp);

	if (fd < 0)
		return;
	if (write(fd, text, size) == (ssize_t)size) {
		snprintf(command, sizeof(command), "diff -u '%s' '%s' >&2", path, tmp);
		if (system(command) == 0)
			print_error("%s: written differently, reads the same?\n", path);
	}
	close(fd);
	unlink(tmp);
}

static void
compare(const char *path, const char *text, size_t size)
{
	size_t want_size;
	char *want;

	if (getenv("UPDATE_GOLDEN")) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, size, f), size);
		assert_int_equal(fclose(f), 0);
		return;
	}
	want = read_all(path, &want_size);
	if (want_size != size || memcmp(want, text, size) != 0) {
		show_difference(path, text, size);
		fail_msg("%s: the plan is not as expected (UPDATE_GOLDEN=1 accepts it)", path);
	}
	free(want);
}

static void
test_case(void **state)
{
	const struct golden *g = *state;
	size_t size;
	char path[256], *text = make_text(g, false, &size);

	snprintf(path, sizeof(path), DIR "/%s.txt", g->name);
	compare(path, text, size);
	free(text);

	text = make_text(g, true, &size);
	if (strncmp(text, "refused", 7) != 0) {
		json_error_t error;
		json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

		if (!root)
			fail_msg("%s: JSON line %d: %s", g->name, error.line, error.text);
		assert_true(json_is_array(json_object_get(root, "vnfs")));
		json_decref(root);
	}
	if (g->json) {
		snprintf(path, sizeof(path), DIR "/%s.json", g->name);
		compare(path, text, size);
	}
	free(text);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(cases)];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		tests[i] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = test_case,
			.initial_state = (void *)(uintptr_t)&cases[i],
		};
	return cmocka_run_group_tests_name("rt/plan golden", tests, NULL, NULL);
}
