/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that several kinds of interfaces have. Private to config/schema*.c. */
#ifndef CORELANE_CONFIG_SCHEMA_IF_H
#define CORELANE_CONFIG_SCHEMA_IF_H

#include "config/schema_rows.h"
#include "config/site.h"

#define INTERFACE_QUEUES(limit)                                                                    \
	{                                                                                          \
		.name = "queues", .type = KEY_NUMBER, .dflt = "1", FIELD(site_interface, queues),  \
		.min = 1, .max = limit, .help = "queue pairs"                                      \
	}
#define INTERFACE_MAC                                                                              \
	{                                                                                          \
		.name = "mac", .type = KEY_MAC, .flags = KEY_AUTO, .dflt = "auto",                 \
		FIELD(site_interface, mac), .aux = offsetof(struct site_interface, mac_auto),      \
		.help = "the guest's address: auto or six bytes"                                   \
	}

#endif
