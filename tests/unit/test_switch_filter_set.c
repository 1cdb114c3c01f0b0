/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of rules as a whole: refused ones, counters that outlive them, very long ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "vhost-user/filter_set.h"

static uint32_t
rnd(uint32_t below)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32) % below;
}

static struct filter_set *
compile(const struct filter_rule *rules, uint32_t n, const struct filter_set *old)
{
	struct filter_set *s = NULL;
	struct err e = {0};

	if (filter_set_make(rules, n, old, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

/* Words name the rule and the field; nothing is made. */
static void
test_refused(void **state)
{
	static const struct {
		struct filter_rule rule;
		const char *words;
	} bad[] = {
		{{.name = "a b"}, "printable"},
		{{.action = 2}, "action"},
		{{.family = 5}, "family"},
		{{.has_protocol = 2}, "has_protocol"},
		{{.ether_type = 0x5ff}, "length"},
		{{.vlan = 4095}, "vlan"},
		{{.family = 4, .source_prefix = 33}, "prefix"},
		{{.family = 6, .target_prefix = 129}, "prefix"},
		{{.family = 4, .ether_type = 0x86dd}, "EtherType"},
		{{.source_port = {2, 1}}, "source ports"},
		{{.target_port = {1, 0}}, "target ports"},
		{{.has_protocol = 1, .protocol = 1, .target_port = {1, 1}}, "no ports"},
	};
	struct filter_set *s = NULL;
	struct filter_rule two[2] = {{.name = "fine"}};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		two[1] = bad[i].rule;
		assert_int_equal(filter_set_make(two, 2, NULL, &s, &e), -EINVAL);
		assert_non_null(strstr(e.text, bad[i].words));
		assert_non_null(strstr(e.text, "#2"));
		assert_null(s);
	}
	memset(two[1].name, 'x', sizeof(two[1].name));
	assert_int_equal(filter_set_make(two, 2, NULL, &s, &e), -EINVAL);
	assert_int_equal(filter_set_make(two, FILTER_RULES_MAX + 1, NULL, &s, &e), -E2BIG);
}

/* A list that would hold up every frame is not taken, in words; so many that hardly differ are. */
static void
test_alike(void **state)
{
	static struct filter_rule rules[1000];
	struct filter_set *s = NULL;
	struct err e = {0};

	for (uint32_t i = 0; i < ARRAY_SIZE(rules); i++) {
		rules[i].target_port[0] = (uint16_t)(1 + i);
		rules[i].target_port[1] = (uint16_t)(40000 + i);
	}
	assert_int_equal(filter_set_make(rules, ARRAY_SIZE(rules), NULL, &s, &e), -E2BIG);
	assert_non_null(strstr(e.text, "one by one"));
	assert_null(s);
	filter_set_put(compile(rules, 200, NULL));
	for (uint32_t i = 0; i < ARRAY_SIZE(rules); i++) {
		rules[i].family = 4;
		rules[i].source_prefix = 32;
		memcpy(rules[i].source, &i, 4);
	}
	filter_set_put(compile(rules, ARRAY_SIZE(rules), NULL));
}

static const struct filter_count *
count_of(const struct filter_set *s, const char *name)
{
	static struct filter_count c[8];
	uint32_t n = filter_set_counts(s, 0, c, ARRAY_SIZE(c));

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(c[i].name, name) == 0)
			return &c[i];
	return NULL;
}

/* Counters go on under their names when the rules are replaced, also while the old set still counts. */
static void
test_counters(void **state)
{
	struct filter_rule a[] = {{.name = "web"}, {.name = "dns"}, {.name = "web"}, {.name = ""}};
	struct filter_rule b[] = {{.name = "dns"}, {.name = "new"}, {.name = ""}};
	struct filter_set *s = compile(a, ARRAY_SIZE(a), NULL), *t;
	struct filter_count c[2];

	filter_set_count(s, 0, 2, 200);
	filter_set_count(s, 1, 1, 60);
	filter_set_count(s, 2, 3, 300);
	filter_set_count(s, 3, 7, 700);
	assert_int_equal(count_of(s, "web")->packets, 5);
	assert_int_equal(count_of(s, "web")->bytes, 500);
	assert_int_equal(count_of(s, "#4")->packets, 7);
	assert_int_equal(filter_set_counts(s, 0, c, 2), 2);
	assert_int_equal(filter_set_counts(s, 2, c, 2), 1);
	assert_string_equal(c[0].name, "#4");
	t = compile(b, ARRAY_SIZE(b), s);
	filter_set_count(s, 1, 1, 60); /* a thread that has not seen the new set yet */
	filter_set_put(s);
	filter_set_count(t, 0, 1, 60);
	assert_int_equal(count_of(t, "dns")->packets, 3);
	assert_int_equal(count_of(t, "new")->packets, 0);
	assert_int_equal(count_of(t, "#3")->packets, 0);
	assert_null(count_of(t, "web"));
	assert_string_equal(filter_set_name(t, 2), "#3");
	filter_set_put(filter_set_ref(t));
	filter_set_put(t);
	filter_set_put(NULL);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The kinds of large lists: addresses, networks of every size, the same but for ranges of ports. */
static void
large_rule(struct filter_rule *r, uint32_t i, int kind)
{
	memset(r, 0, sizeof(*r));
	r->family = 4;
	r->action = FILTER_DENY;
	for (int k = 0; k < 4; k++) {
		r->source[k] = (uint8_t)rnd(256);
		r->target[k] = (uint8_t)rnd(256);
	}
	r->source_prefix = (uint8_t)(kind == 0 ? 32 : rnd(33));
	r->target_prefix = (uint8_t)(kind == 0 ? 32 : rnd(33));
	if (kind == 2) {
		r->source_prefix = r->target_prefix = 0;
		r->target_port[0] = (uint16_t)(1 + i);
		r->target_port[1] = (uint16_t)(2 + i);
	}
}

/* 10,000 rules are made in far less than the second after which others may come, of whatever kind. */
static void
test_large(void **state)
{
	static struct filter_rule rules[FILTER_RULES_MAX];

	for (int kind = 0; kind < 3; kind++) {
		double start = seconds(), made;
		struct filter_set *s;

		for (uint32_t i = 0; i < FILTER_RULES_MAX; i++)
			large_rule(&rules[i], i, kind);
		s = compile(rules, FILTER_RULES_MAX, NULL);
		made = seconds() - start;
		print_message("kind %d: %.1f ms, %u tables\n", kind, made * 1e3,
			      filter_set_tables(s));
		assert_true(filter_set_tables(s) <= 128);
		assert_true(made < 1);
		for (uint32_t i = 0; i < 2000; i++) {
			const struct filter_rule *r = &rules[rnd(FILTER_RULES_MAX)];
			uint32_t want = FILTER_NONE;
			union filter_key key = {.f = {.ether_type = 0x0800,
						      .protocol = 6,
						      .flags = KEY_IP | KEY_IPV4 | KEY_PORTS}};

			memcpy(key.f.source, r->source, 4);
			memcpy(key.f.target, r->target, 4);
			key.f.target_port = r->target_port[1];
			if (i % 4 == 0)
				key.f.source[rnd(4)] ^= 1;
			for (uint32_t k = 0; k < FILTER_RULES_MAX && want == FILTER_NONE; k++)
				if (filter_rule_matches(&rules[k], &key))
					want = k;
			assert_int_equal(filter_set_find(s, &key), want);
		}
		filter_set_put(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
