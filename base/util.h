/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small things that every folder needs and that libc does not have.
 * Header only; nothing here allocates, logs or makes a system call.
 */
#ifndef CORELANE_BASE_UTIL_H
#define CORELANE_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK        __attribute__((warn_unused_result))

#ifndef container_of /* DPDK's headers have one too, to the same effect */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#endif

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Rounds @v up to a multiple of @align, a power of two. The caller excludes overflow. */
static inline uint64_t
align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline uint64_t
align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

#endif
