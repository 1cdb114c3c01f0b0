/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every host path that the project reads or writes (/sys, /proc, /dev, /run) goes through a sysroot,
 * so that a captured or emulated host can stand in for the real one ("--sysroot DIR").
 * Paths are printf formats and start with "/"; they are resolved below the sysroot's directory
 * (".." in the formatted text is refused with -EINVAL).
 */
#ifndef CORELANE_BASE_SYSROOT_H
#define CORELANE_BASE_SYSROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpuset.h"
#include "base/util.h"

struct sysroot {
	int dirfd; /* owned; -1 when closed */
};

/* @dir NULL or "/" is the live host. 0 or -errno. */
int sysroot_open(const char *dir, struct sysroot *ret);
void sysroot_close(struct sysroot *s);

/* Reads a small file, strips trailing white space; -EFBIG when it does not fit. */
int sysroot_read_str(const struct sysroot *s, char *buf, size_t size, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Decimal, or hexadecimal with 0x. */
int sysroot_read_u64(const struct sysroot *s, uint64_t *ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int sysroot_read_cpuset(const struct sysroot *s, struct cpuset *ret, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
int sysroot_write_str(const struct sysroot *s, const char *text, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
bool sysroot_exists(const struct sysroot *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A new O_CLOEXEC fd, or -errno. */
int sysroot_openat(const struct sysroot *s, int flags, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
