/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scalar: text to value and back, without context. Strict: what could be read two ways is
 * refused (leading zeros, fractions, other units).
 */
#ifndef CORELANE_CONFIG_VALUE_H
#define CORELANE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Smallest first, each ended by a NULL suffix. */
extern const struct unit unit_size[];     /* bytes: "", Ki, Mi, Gi */
extern const struct unit unit_bytes[];    /* bytes: "", kB, Ki, MB, Mi, GB, Gi */
extern const struct unit unit_duration[]; /* nanoseconds: us, ms, s */
extern const struct unit unit_rate[];     /* bits a second: kbps, Mbps, Gbps */

#define VALUE_LEN 32

/* Decimal, with a minus sign or without. -EINVAL on syntax, -ERANGE when it does not fit. */
int value_number(const char *text, int64_t *ret);

/* As value_number(), or "0x" and hexadecimal digits. */
int value_hex(const char *text, int64_t *ret);

/* A whole number and a unit, "8Gi". -EINVAL on syntax, -ERANGE above INT64_MAX. */
int value_scaled(const char *text, const struct unit *units, uint64_t *ret);

/* The shortest form that reads back as @v, a multiple of the smallest unit. Returns @buf. */
const char *value_format(uint64_t v, const struct unit *units, char buf[VALUE_LEN]);

/* true or false. -EINVAL. */
int value_bool(const char *text, bool *ret);

const char *value_format_mac(const uint8_t mac[6], char buf[VALUE_LEN]);

/* An RFC 1123 label in lower case: a-z, 0-9 and inner "-", 1 to 63 bytes. */
bool value_is_label(const char *text);

#endif
