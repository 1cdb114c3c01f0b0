/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/filter_set.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/filter_count.h"

#define TABLES_MAX  128 /* a look-up may hash as often */
#define CHAIN_LIMIT 8   /* rules that a coarse mask may bring together */
#define CHAIN_MAX   256 /* rules that may be compared one by one for a frame */
#define END         UINT32_MAX

struct mask {
	uint64_t w[FILTER_KEY_WORDS];
};

/* Rules that are found by the same bits of a key. */
struct table {
	struct mask mask;
	uint8_t word[FILTER_KEY_WORDS]; /* those that the mask has bits of */
	uint32_t n_words;
	uint32_t first; /* number of its first rule */
	uint64_t salt;
};

struct node {
	union filter_key value;
	struct mask mask;
	uint16_t source_port[2], target_port[2]; /* {0, 65535}: any */
	uint32_t next;                           /* in the same bucket; numbers go up */
};

struct filter_set {
	_Atomic uint32_t refs;
	uint32_t n, n_tables, bucket_mask;
	bool layer4;
	struct node *node; /* by rule number */
	uint32_t *bucket;  /* first node, or END */
	uint8_t *action;   /* by rule number */
	struct filter_counters count;
	struct table table[TABLES_MAX]; /* by first */
};

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint32_t
bucket_of(const struct filter_set *s, const struct table *t, const union filter_key *key)
{
	uint64_t h = t->salt;

	for (uint32_t i = 0; i < t->n_words; i++)
		h = mix(h, key->w[t->word[i]] & t->mask.w[t->word[i]]);
	return (uint32_t)h & s->bucket_mask;
}

static bool
node_matches(const struct node *n, const union filter_key *key)
{
	uint64_t differ = 0;

	for (uint32_t i = 0; i < FILTER_KEY_WORDS; i++)
		differ |= (n->value.w[i] ^ key->w[i]) & n->mask.w[i];
	return differ == 0 && key->f.source_port >= n->source_port[0] &&
	       key->f.source_port <= n->source_port[1] && key->f.target_port >= n->target_port[0] &&
	       key->f.target_port <= n->target_port[1];
}

uint32_t
filter_set_find(const struct filter_set *s, const union filter_key *key)
{
	uint32_t best = FILTER_NONE;

	for (uint32_t i = 0; i < s->n_tables && s->table[i].first < best; i++) {
		uint32_t at = s->bucket[bucket_of(s, &s->table[i], key)];

		/* a chain may hold rules of other tables: what matches, matches */
		for (; at < best; at = s->node[at].next)
			if (node_matches(&s->node[at], key))
				best = at;
	}
	return best;
}

static void
set_prefix(uint8_t *mask, unsigned int bits)
{
	memset(mask, 0xff, bits / 8);
	if (bits % 8)
		mask[bits / 8] = (uint8_t)(0xff << (8 - bits % 8));
}

/* The leading bits that all ports of a range have in common. */
static uint16_t
range_mask(const uint16_t port[2])
{
	uint32_t differ = port[0] ^ port[1];

	return differ ? (uint16_t) ~((2u << (31 - __builtin_clz(differ))) - 1) : UINT16_MAX;
}

static bool
any_port(const uint16_t port[2])
{
	return port[1] == 0;
}

/* The bits of a key that the rule asks for; of a range of ports, what bits can say. */
static void
rule_to_mask(const struct filter_rule *r, struct filter_fields *m)
{
	memset(m, 0, sizeof(*m));
	m->ether_type = r->ether_type ? 0xffff : 0;
	m->vlan = r->vlan ? 0xffff : 0;
	m->protocol = r->has_protocol ? 0xff : 0;
	m->flags = r->has_protocol ? KEY_IP : 0;
	memcpy(m->source_mac, r->source_mac_mask, 6);
	memcpy(m->target_mac, r->target_mac_mask, 6);
	if (r->family) {
		m->flags |= KEY_IPV4 | KEY_IPV6;
		set_prefix(m->source, r->source_prefix);
		set_prefix(m->target, r->target_prefix);
	}
	if (!any_port(r->source_port) || !any_port(r->target_port))
		m->flags |= KEY_PORTS;
	m->source_port = any_port(r->source_port) ? 0 : range_mask(r->source_port);
	m->target_port = any_port(r->target_port) ? 0 : range_mask(r->target_port);
}

static void
rule_to_node(const struct filter_rule *r, struct node *n)
{
	union filter_key mask;

	rule_to_mask(r, &mask.f);
	memset(n, 0, sizeof(*n));
	memcpy(&n->mask, &mask, sizeof(n->mask));
	n->value.f.ether_type = r->ether_type;
	n->value.f.vlan = r->vlan;
	n->value.f.protocol = r->protocol;
	n->value.f.flags = KEY_PORTS | KEY_IP | (r->family == 6 ? KEY_IPV6 : KEY_IPV4);
	memcpy(n->value.f.source_mac, r->source_mac, 6);
	memcpy(n->value.f.target_mac, r->target_mac, 6);
	memcpy(n->value.f.source, r->source, 16);
	memcpy(n->value.f.target, r->target, 16);
	n->value.f.source_port = r->source_port[0];
	n->value.f.target_port = r->target_port[0];
	for (uint32_t i = 0; i < FILTER_KEY_WORDS; i++)
		n->value.w[i] &= n->mask.w[i];
	memcpy(n->source_port, r->source_port, sizeof(n->source_port));
	memcpy(n->target_port, r->target_port, sizeof(n->target_port));
	if (any_port(r->source_port))
		n->source_port[1] = UINT16_MAX;
	if (any_port(r->target_port))
		n->target_port[1] = UINT16_MAX;
}

static unsigned int
coarse_prefix(uint8_t family, unsigned int bits)
{
	static const uint8_t step4[] = {32, 24, 16, 8}, step6[] = {128, 64, 48, 32, 16};
	const uint8_t *step = family == 6 ? step6 : step4;
	size_t n = family == 6 ? ARRAY_SIZE(step6) : ARRAY_SIZE(step4);

	for (size_t i = 0; i < n; i++)
		if (bits >= step[i])
			return step[i];
	return 0;
}

/* Whole addresses stay, makers' prefixes stay, anything else asks for nothing. */
static void
coarse_mac(uint8_t mask[6])
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	bool maker = memcmp(mask, all, 3) == 0;

	if (memcmp(mask, all, 6) == 0)
		return;
	memset(mask, 0, 6);
	if (maker)
		memset(mask, 0xff, 3);
}

static void
coarse_mask(const struct filter_rule *r, struct mask *ret)
{
	struct filter_rule coarse = *r;
	union filter_key m;

	coarse.source_prefix = (uint8_t)coarse_prefix(r->family, r->source_prefix);
	coarse.target_prefix = (uint8_t)coarse_prefix(r->family, r->target_prefix);
	coarse_mac(coarse.source_mac_mask);
	coarse_mac(coarse.target_mac_mask);
	rule_to_mask(&coarse, &m.f);
	if (m.f.source_port != UINT16_MAX)
		m.f.source_port = 0;
	if (m.f.target_port != UINT16_MAX)
		m.f.target_port = 0;
	memcpy(ret, &m, sizeof(*ret));
}

/* The table of this mask, made when there is room for one; NULL. */
static struct table *
table_of(struct filter_set *s, const struct mask *mask)
{
	struct table *t;

	for (uint32_t i = 0; i < s->n_tables; i++)
		if (memcmp(&s->table[i].mask, mask, sizeof(*mask)) == 0)
			return &s->table[i];
	if (s->n_tables == TABLES_MAX)
		return NULL;
	t = &s->table[s->n_tables];
	*t = (struct table){.mask = *mask, .salt = s->n_tables++, .first = END};
	for (uint8_t i = 0; i < FILTER_KEY_WORDS; i++)
		if (mask->w[i])
			t->word[t->n_words++] = i;
	return t;
}

/* Of the tables that there are, the one in which the rule is compared with the fewest others. */
static struct table *
best_table(struct filter_set *s, const struct node *n, const uint32_t *length, uint32_t *ret_bucket)
{
	struct table *best = NULL;

	for (uint32_t i = 0; i < s->n_tables; i++) {
		struct table *t = &s->table[i];
		uint64_t beyond = 0;
		uint32_t b = 0;

		for (uint32_t k = 0; k < FILTER_KEY_WORDS; k++)
			beyond |= t->mask.w[k] & ~n->mask.w[k];
		if (beyond)
			continue; /* it asks for bits that the rule leaves open */
		b = bucket_of(s, t, &n->value);
		if (best && length[b] >= length[*ret_bucket])
			continue;
		best = t;
		*ret_bucket = b;
	}
	return best; /* never NULL: the first table asks for nothing */
}

/* Where the rule goes: with others of a coarse mask, unless too many of them cannot be told apart. */
static struct table *
choose_table(struct filter_set *s, const struct filter_rule *r, uint32_t number,
	     const uint32_t *length, uint32_t *ret_bucket)
{
	const struct node *n = &s->node[number];
	struct mask coarse;
	struct table *t;

	coarse_mask(r, &coarse);
	t = table_of(s, &coarse);
	if (t) {
		*ret_bucket = bucket_of(s, t, &n->value);
		if (length[*ret_bucket] < CHAIN_LIMIT)
			return t;
	}
	table_of(s, &n->mask); /* one more to choose from, when there is room */
	return best_table(s, n, length, ret_bucket);
}

/*
 * A later rule that asks for the same, which will never be reached, goes out of the chain at *@at.
 * Returns how many did: one at most, since others went before.
 */
static uint32_t
drop_same(struct filter_set *s, const struct node *n, uint32_t *at)
{
	for (; *at != END; at = &s->node[*at].next) {
		const struct node *m = &s->node[*at];

		if (memcmp(&m->value, &n->value, sizeof(m->value)) == 0 &&
		    memcmp(&m->mask, &n->mask, sizeof(m->mask)) == 0 &&
		    memcmp(m->source_port, n->source_port, sizeof(m->source_port)) == 0 &&
		    memcmp(m->target_port, n->target_port, sizeof(m->target_port)) == 0) {
			*at = m->next;
			return 1;
		}
	}
	return 0;
}

static int
by_first(const void *a, const void *b)
{
	const struct table *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* From the last rule to the first, so that each chain begins with its first. */
static int
fill_tables(struct filter_set *s, const struct filter_rule *rules)
{
	uint32_t *length = calloc(s->bucket_mask + 1, sizeof(*length));
	const struct mask none = {0};
	int r = 0;

	if (!length)
		return -ENOMEM;
	memset(s->bucket, 0xff, (s->bucket_mask + 1) * sizeof(*s->bucket)); /* END */
	table_of(s, &none); /* for rules that no other table can hold */
	for (uint32_t i = s->n; i-- > 0 && r == 0;) {
		struct table *t;
		uint32_t b = 0;

		rule_to_node(&rules[i], &s->node[i]);
		t = choose_table(s, &rules[i], i, length, &b);
		t->first = i;
		length[b] -= drop_same(s, &s->node[i], &s->bucket[b]);
		s->node[i].next = s->bucket[b];
		s->bucket[b] = i;
		if (++length[b] > CHAIN_MAX)
			r = -ELOOP;
	}
	free(length);
	qsort(s->table, s->n_tables, sizeof(s->table[0]), by_first);
	while (s->n_tables && s->table[s->n_tables - 1].first == END)
		s->n_tables--;
	return r;
}

static void
free_set(struct filter_set *s)
{
	if (!s)
		return;
	filter_counters_fini(&s->count);
	free(s->node);
	free(s->bucket);
	free(s->action);
	free(s);
}

static int
make_arrays(struct filter_set *s, uint32_t n)
{
	uint32_t buckets = 16;

	while (buckets < 2 * n)
		buckets *= 2;
	s->bucket_mask = buckets - 1;
	s->n = n;
	s->node = calloc(n + 1, sizeof(*s->node));
	s->bucket = calloc(buckets, sizeof(*s->bucket));
	s->action = calloc(n + 1, sizeof(*s->action));
	return s->node && s->bucket && s->action ? 0 : -ENOMEM;
}

int
filter_set_make(const struct filter_rule *rules, uint32_t n, const struct filter_set *old,
		struct filter_set **ret, struct err *e)
{
	struct filter_set *s;
	int r;

	if (n > FILTER_RULES_MAX)
		return err_set(e, E2BIG, "%u rules; a port has at most %d a direction", n,
			       FILTER_RULES_MAX);
	for (uint32_t i = 0; i < n; i++) {
		r = filter_check(&rules[i], i, e);
		if (r < 0)
			return r;
	}
	s = calloc(1, sizeof(*s));
	r = s ? make_arrays(s, n) : -ENOMEM;
	if (r == 0) {
		s->refs = 1;
		r = fill_tables(s, rules);
	}
	if (r == 0)
		r = filter_counters_init(&s->count, rules, n, old ? &old->count : NULL);
	if (r < 0) {
		free_set(s);
		if (r == -ELOOP)
			return err_set(
				e, E2BIG,
				"%u rules, of which more than %d differ in ranges of ports or "
				"partial masks only and would be looked at one by one for "
				"each frame; merge them, or make them differ in addresses",
				n, CHAIN_MAX);
		return err_sys(e, -r, "%u rules", n);
	}
	for (uint32_t i = 0; i < n; i++) {
		s->action[i] = rules[i].action;
		s->layer4 |=
			rules[i].has_protocol || rules[i].source_port[1] || rules[i].target_port[1];
	}
	*ret = s;
	return 0;
}

struct filter_set *
filter_set_ref(struct filter_set *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
filter_set_put(struct filter_set *s)
{
	/* acq_rel: whoever is last sees what the others did with it */
	if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free_set(s);
}

bool
filter_set_needs_layer4(const struct filter_set *s)
{
	return s->layer4;
}

bool
filter_set_denies(const struct filter_set *s, uint32_t rule)
{
	return s->action[rule] == FILTER_DENY;
}

const char *
filter_set_name(const struct filter_set *s, uint32_t rule)
{
	return s->count.rule[rule]->name;
}

void
filter_set_count(struct filter_set *s, uint32_t rule, uint64_t packets, uint64_t bytes)
{
	struct filter_counter *c = s->count.rule[rule];

	counter_add(&c->packets, packets);
	counter_add(&c->bytes, bytes);
}

uint32_t
filter_set_counts(const struct filter_set *s, uint32_t from, struct filter_count *ret, uint32_t n)
{
	uint32_t k;

	for (k = 0; k < n && from < s->count.n; k++, from++) {
		const struct filter_counter *c = s->count.listed[from];

		memcpy(ret[k].name, c->name, sizeof(ret[k].name));
		ret[k].packets = counter_get(&c->packets);
		ret[k].bytes = counter_get(&c->bytes);
	}
	return k;
}

uint32_t
filter_set_tables(const struct filter_set *s)
{
	return s->n_tables;
}
