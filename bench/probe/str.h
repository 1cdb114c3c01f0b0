/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler expects to find without a libc, and the string helpers that the probe needs. */
#ifndef CORELANE_PROBE_STR_H
#define CORELANE_PROBE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
