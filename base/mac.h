/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet addresses as text. */
#ifndef CORELANE_BASE_MAC_H
#define CORELANE_BASE_MAC_H

#include <stdint.h>

/* Six bytes of two hexadecimal digits with colons between them, and nothing else. 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[6]);

#endif
