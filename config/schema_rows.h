/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How rows of the table are written, and the parts of it that stand in files of their own. Private
 * to config/schema*.c.
 */
#ifndef CORELANE_CONFIG_SCHEMA_ROWS_H
#define CORELANE_CONFIG_SCHEMA_ROWS_H

#include "base/util.h"
#include "config/schema.h"

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

#define FIELD(type, member)                                                                        \
	.offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)
#define TAG(type, member)                                                                          \
	.tag = offsetof(struct type, member), .tag_width = sizeof(((struct type *)0)->member)
#define LATER(key, text)                                                                           \
	{                                                                                          \
		.name = key, .type = KEY_LATER, .help = text                                       \
	}
#define SCHEMA(called, table) .what = called, .key = table, .n = ARRAY_SIZE(table)

extern const struct config_schema config_host_spec, config_vnf_spec;
extern const struct config_schema config_switch;                 /* interface.switch */
extern const struct config_schema config_rule;                   /* allow and deny of its filter */
extern const struct config_schema config_interface, config_disk; /* items of a VNF's lists */

#endif
