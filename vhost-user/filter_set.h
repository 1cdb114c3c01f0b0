/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of rules made into something that finds the first one that matches a frame, however long the
 * list is. Immutable once made (but for its counters), shared by reference.
 *
 * Rules whose masks are alike lie in one hash table (tuple space search, Srinivasan 1999; masks are
 * made a little coarser first, so that there are few: TupleMerge, Daly 2017), so making one costs time
 * in proportion to the rules, and a look-up costs a hash for each kind of mask. DPDK's rte_acl is not
 * used: docs/decisions says why.
 */
#ifndef CORELANE_VHOST_USER_FILTER_SET_H
#define CORELANE_VHOST_USER_FILTER_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/filter.h"
#include "vhost-user/filter_key.h"

#define FILTER_NONE UINT32_MAX

struct filter_set;

/* -EINVAL with words that name the rule. @number counts from 0. Any thread. */
int filter_check(const struct filter_rule *r, uint32_t number, struct err *e);

/*
 * Checks and compiles @n (<= FILTER_RULES_MAX) rules, first match wins. Rules of the same name share a
 * counter; one without a name is called "#3" after its place. Counters of @old (NULL: none) go on under
 * names that are still there. 0; -EINVAL; -E2BIG (too many, or too many that hardly differ); -ENOMEM. Control thread.
 */
int filter_set_make(const struct filter_rule *rules, uint32_t n, const struct filter_set *old,
		    struct filter_set **ret, struct err *e);

struct filter_set *filter_set_ref(struct filter_set *s);
/* Lets go of one reference. NULL is accepted. */
void filter_set_put(struct filter_set *s);

/* The number of the first rule that matches, or FILTER_NONE. Any thread. */
uint32_t filter_set_find(const struct filter_set *s, const union filter_key *key);

/* Whether any rule asks for a protocol or a port, so that a frame must show them. */
bool filter_set_needs_layer4(const struct filter_set *s);

bool filter_set_denies(const struct filter_set *s, uint32_t rule);
const char *filter_set_name(const struct filter_set *s, uint32_t rule);
/* One thread at a time: a port's lane, or whoever holds its chain. */
void filter_set_count(struct filter_set *s, uint32_t rule, uint64_t packets, uint64_t bytes);

/* Up to @n counters from the @from-th on, in the order in which their names first stand in the list. */
uint32_t filter_set_counts(const struct filter_set *s, uint32_t from, struct filter_count *ret,
			   uint32_t n);

/* How many hash tables a look-up may ask. For tests. */
uint32_t filter_set_tables(const struct filter_set *s);

#endif
