/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object a line, written in pieces to a sink: no memory, integers only. Keys are the
 * caller's literals; values are escaped so that the line is always ASCII and valid JSON.
 */
#ifndef CORELANE_PROBE_JSON_H
#define CORELANE_PROBE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	void (*put)(void *arg, const char *text, size_t len);
	void *arg;
	bool comma; /* a value has been written at this level */
};

/* {"probe":"EVENT" */
void json_open(struct json *j, const char *event);
/* }\n */
void json_close(struct json *j);

void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_hex(struct json *j, const char *key, uint64_t value); /* "0x1f": a string */
void json_bool(struct json *j, const char *key, bool value);
void json_mac(struct json *j, const char *key, const uint8_t mac[6]);

/* Nested: key NULL inside an array. */
void json_begin(struct json *j, const char *key, char bracket);
void json_end(struct json *j, char bracket);

/* A string whose text comes in pieces through json_text(), already safe. */
void json_str_begin(struct json *j, const char *key);
void json_str_end(struct json *j);

#define FMT_U64_MAX 21
/* Decimal with NUL, returns the length. */
size_t fmt_u64(char out[FMT_U64_MAX], uint64_t value);

#endif
