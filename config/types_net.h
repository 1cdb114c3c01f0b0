/* SPDX-License-Identifier: Apache-2.0 */
/* Types of what stands in frames: addresses, ports, and lists of them. Private to config/. */
#ifndef CORELANE_CONFIG_TYPES_NET_H
#define CORELANE_CONFIG_TYPES_NET_H

#include <stdio.h>

#include "config/schema.h"

/* As the functions of struct type in types.c. */
int type_parse_ip(const struct config_key *k, const char *text, void *field, char *why);
int type_parse_ports(const struct config_key *k, const char *text, void *field, char *why);
int type_parse_mac_mask(const struct config_key *k, const char *text, void *field, char *why);
void type_print_ip(const struct config_key *k, const void *field, FILE *out);
void type_print_ports(const struct config_key *k, const void *field, FILE *out);
void type_print_mac_mask(const struct config_key *k, const void *field, FILE *out);

/* Whether @type is one of the lists below. */
bool type_is_items(enum key_type type);
/*
 * Adds one item of such a list to @field, whose rest is zero. -EINVAL, with the rest of the sentence
 * that begins with the key's name in @why.
 */
int type_add_item(const struct config_key *k, const char *text, void *field, char *why);
/* "[200, \"300-310\"]" */
void type_print_items(const struct config_key *k, const void *field, FILE *out);

#endif
