/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_path: runs each case of the forwarding path for a fixed number of frames. By itself it tells
 * the time a frame took on this CPU; bench/count runs it under callgrind and tells instructions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "tests/bench/path/path.h"

#define ROUNDS 300

#ifdef __clang__
#define COMPILER "clang " STRING(__clang_major__)
#else
#define COMPILER "gcc " STRING(__GNUC__)
#endif
#define STRING(x)  STRING_(x)
#define STRING_(x) #x

static const char usage[] = "usage: switch_path [CASE...]   (without: all of them)\n"
			    "       switch_path --list | --compiler\n";

/* What is not named: two ports, bursts of 32 frames of 64 bytes each way, one address each, split rings. */
static const struct path_case cases[] = {
	{.name = "split-64"},
	{.name = "packed-64", .packed = true},
	{.name = "split-1518", .plan.size = 1514},
	{.name = "packed-1518", .plan.size = 1514, .packed = true},
	{.name = "split-64-alone", .burst = 1},
	{.name = "packed-64-alone", .burst = 1, .packed = true},
	{.name = "split-64-vlan", .vlan = true},
	{.name = "split-1000-pairs", .plan.pairs = 1000, .learn = 100},
	{.name = "split-mesh", .plan = {.pairs = 1000, .mesh = true}},
	{.name = "packed-mesh", .plan = {.pairs = 1000, .mesh = true}, .packed = true},
	/* all of them three times: once to be learnt, once more to be remembered */
	{.name = "split-100000-macs", .plan.pairs = 50000, .learn = 3 * 50000 / 32},
	{.name = "split-broadcast-4", .plan.broadcast = true, .ports = 4},
	{.name = "split-64-of-8-ports", .ports = 8},
	{.name = "split-64-features-elsewhere", .ports = 8, .features = true},
	{.name = "split-64-of-64-ports", .ports = 64},
	{.name = "split-64-native", .native = true},
	{.name = "split-64-policed", .policed = true},
	{.name = "split-64-filter", .rules = 1},
	{.name = "split-64-filter-10000", .rules = 10000},
};

static struct path_case
complete(const struct path_case *c)
{
	struct path_case all = *c;

	all.ports = c->ports ? c->ports : 2;
	all.burst = c->burst ? c->burst : 32;
	all.rounds = c->rounds ? c->rounds : ROUNDS;
	all.learn = c->learn ? c->learn : 50;
	all.plan.size = c->plan.size ? c->plan.size : 64;
	all.plan.pairs = c->plan.pairs ? c->plan.pairs : 1;
	return all;
}

struct result {
	uint64_t frames; /* received */
	uint64_t ticks;
	const char *wrong;
};

/* The guests' part of a round. Returns frames received. */
static uint64_t
play(const struct path_case *c, struct guest *const *guest)
{
	uint64_t received = 0;

	for (unsigned int i = 0; i < c->ports; i++)
		received += guest_receive(guest[i], &c->plan);
	for (unsigned int i = 0; i < (c->plan.broadcast ? 1u : 2u); i++)
		guest_send(guest[i], &c->plan, c->burst);
	return received;
}

/* bench/count has callgrind count subject_round() inside of this, and dump when it returns. */
static __attribute__((noinline)) void
path_counted(const struct path_case *c, struct subject *s, struct guest *const *guest,
	     struct result *r)
{
	for (uint32_t i = 0; i < c->rounds; i++) {
		uint64_t start;

		play(c, guest);
		start = __builtin_ia32_rdtsc();
		subject_round(s);
		r->ticks += __builtin_ia32_rdtsc() - start;
		for (unsigned int k = 0; k < c->ports; k++)
			r->frames += guest_receive(guest[k], &c->plan);
	}
}

static int
run_case(const struct path_case *c, struct err *e)
{
	struct guest *guest[PATH_PORTS_MAX] = {NULL};
	struct subject *s = NULL;
	struct result result = {0};
	uint64_t want = (uint64_t)c->rounds * c->burst * (c->plan.broadcast ? c->ports - 1 : 2);
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < c->ports; i++) {
		guest[i] = guest_open(i, c->packed, &c->plan, e);
		r = guest[i] ? 0 : -e->code;
	}
	if (r == 0) {
		s = subject_make(c, guest, e);
		r = s ? 0 : -e->code;
	}
	for (uint32_t i = 0; r == 0 && i < c->learn; i++) {
		play(c, guest);
		subject_round(s);
	}
	if (r == 0) {
		path_counted(c, s, guest, &result);
		for (unsigned int i = 0; i < c->ports && !result.wrong; i++)
			result.wrong = guest_wrong(guest[i]);
		if (result.wrong)
			r = err_set(e, EIO, "%s", result.wrong);
		else if (result.frames != want)
			r = err_set(e, EIO, "%llu of %llu frames arrived",
				    (unsigned long long)result.frames, (unsigned long long)want);
	}
	if (r == 0)
		printf("%-32s %8llu frames %8.1f ticks\n", c->name,
		       (unsigned long long)result.frames,
		       (double)result.ticks / (double)result.frames);
	subject_free(s);
	for (unsigned int i = 0; i < c->ports; i++)
		guest_close(guest[i]);
	return r;
}

static bool
wanted(const char *name, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

int
main(int argc, char **argv)
{
	bool list;
	int done = 0;

	if (argc > 1 && strcmp(argv[1], "--compiler") == 0) {
		puts(COMPILER);
		return EXIT_OK;
	}
	list = argc > 1 && strcmp(argv[1], "--list") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path_case one;
		struct err e = {0};

		if (list)
			puts(cases[i].name);
		if (list || !wanted(cases[i].name, argv + 1, argc - 1))
			continue;
		done++;
		one = complete(&cases[i]);
		if (run_case(&one, &e) < 0) {
			fprintf(stderr, "switch_path: %s: %s\n", cases[i].name, e.text);
			return EXIT_FAILED;
		}
	}
	if (!list && done == 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
