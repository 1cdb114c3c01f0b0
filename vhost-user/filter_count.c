/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/filter_count.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counters by name, while a set is made. */
struct names {
	struct filter_counter **slot;
	uint32_t mask;
};

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static struct filter_counter **
names_slot(const struct names *names, const char *name)
{
	uint64_t h = 0;
	uint32_t at;

	for (const char *c = name; *c; c++)
		h = mix(h, (uint8_t)*c);
	for (at = (uint32_t)h & names->mask; names->slot[at]; at = (at + 1) & names->mask)
		if (strcmp(names->slot[at]->name, name) == 0)
			break;
	return &names->slot[at];
}

/* The counter of rule @i, which goes on, is shared, or is new. */
static int
name_rule(struct filter_counters *s, uint32_t i, const struct filter_rule *r,
	  const struct names *old, const struct names *mine)
{
	struct filter_counter **slot, *c;
	char name[FILTER_NAME_LEN];

	if (r->name[0])
		memcpy(name, r->name, sizeof(name));
	else
		snprintf(name, sizeof(name), "#%u", i + 1);
	slot = names_slot(mine, name);
	if (!*slot) {
		c = *names_slot(old, name);
		if (!c)
			c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		memcpy(c->name, name, sizeof(name));
		c->refs++;
		s->listed[s->n++] = c;
		*slot = c;
	}
	s->rule[i] = *slot;
	return 0;
}

int
filter_counters_init(struct filter_counters *c, const struct filter_rule *rules, uint32_t n,
		     const struct filter_counters *old)
{
	uint32_t n_old = old ? old->n : 0, size = 16;
	struct names was = {0}, mine = {0};
	int r = -ENOMEM;

	while (size < 2 * (n + n_old))
		size *= 2;
	was.mask = mine.mask = size - 1;
	was.slot = calloc(size, sizeof(struct filter_counter *));
	mine.slot = calloc(size, sizeof(struct filter_counter *));
	c->rule = calloc(n + 1, sizeof(struct filter_counter *));
	c->listed = calloc(n + 1, sizeof(struct filter_counter *));
	if (was.slot && mine.slot && c->rule && c->listed) {
		r = 0;
		for (uint32_t i = 0; i < n_old; i++)
			*names_slot(&was, old->listed[i]->name) = old->listed[i];
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = name_rule(c, i, &rules[i], &was, &mine);
	}
	free(was.slot);
	free(mine.slot);
	return r;
}

void
filter_counters_fini(struct filter_counters *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (--c->listed[i]->refs == 0)
			free(c->listed[i]);
	free(c->rule);
	free(c->listed);
}
