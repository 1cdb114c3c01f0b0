/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each scalar type of the schema table does: text to field, and field to text.
 */
#ifndef CORELANE_CONFIG_TYPES_H
#define CORELANE_CONFIG_TYPES_H

#include <stdbool.h>
#include <stdio.h>

#include "config/schema.h"
#include "config/site.h"

#define COMPLAINT_LEN 512

/* Whether values of @type are scalars that the two functions below handle. */
bool type_is_scalar(enum key_type type);

/*
 * Parses @text as @k's type into its field of the struct at @base. -EINVAL, with the rest of the
 * sentence that begins with the key's name in @why ("5000 is not 1..4094"), and the field untouched.
 */
int type_parse(const struct config_key *k, const char *text, void *base, char why[COMPLAINT_LEN]);

/* Prints the field as YAML that type_parse() reads back. @site names what KEY_REF points to. */
void type_print(const struct config_key *k, const void *base, const struct site *site, FILE *out);

/* An integer field of 1, 2, 4 or 8 bytes at @field. */
void field_store(void *field, size_t width, int64_t v);
int64_t field_load(const void *field, size_t width);

#endif
