/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of host CPUs by OS number, as a plain value that can travel in a message.
 * Text form: the kernel's list format, "0-3,8,10-11" (Documentation/admin-guide/kernel-parameters).
 */
#ifndef CORELANE_BASE_CPUSET_H
#define CORELANE_BASE_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUSET_MAX      1024
#define CPUSET_TEXT_MAX (3 * CPUSET_MAX) /* bytes that hold the list form of any set, with NUL */

struct cpuset {
	uint64_t bits[CPUSET_MAX / 64];
};

void cpuset_zero(struct cpuset *s);
/* CPUs at or above CPUSET_MAX are ignored by add and del, and are never members. */
void cpuset_add(struct cpuset *s, unsigned int cpu);
void cpuset_del(struct cpuset *s, unsigned int cpu);
bool cpuset_has(const struct cpuset *s, unsigned int cpu);
bool cpuset_empty(const struct cpuset *s);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
unsigned int cpuset_count(const struct cpuset *s);

/* The lowest member >= @from, or -1 when there is none. */
int cpuset_next(const struct cpuset *s, unsigned int from);
#define cpuset_for_each(cpu, s)                                                                    \
	for (int cpu = cpuset_next((s), 0); cpu >= 0; cpu = cpuset_next((s), (unsigned int)cpu + 1))

/* In place: *@s = *@s op *@o. */
void cpuset_or(struct cpuset *s, const struct cpuset *o);
void cpuset_and(struct cpuset *s, const struct cpuset *o);
void cpuset_minus(struct cpuset *s, const struct cpuset *o);

/* -EINVAL on bad syntax, -ERANGE at or above CPUSET_MAX; *@ret untouched then. "" is the empty set. */
int cpuset_parse(const char *text, struct cpuset *ret);

/* Writes the list form, NUL-terminated, cut at @size as snprintf does. Returns @buf. */
char *cpuset_format(const struct cpuset *s, char *buf, size_t size);

#endif
