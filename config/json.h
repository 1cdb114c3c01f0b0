/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree as JSON, for what we hand on to others without knowing its vocabulary (netplan's, in a
 * cloud-init seed). JSON is YAML too, so that nobody has to guess what was meant.
 */
#ifndef CORELANE_CONFIG_JSON_H
#define CORELANE_CONFIG_JSON_H

#include <stddef.h>

#include "config/node.h"

#define JSON_KEY_MAX 256u /* libyaml takes keys up to 1,024 bytes */

/*
 * Plain scalars that are numbers by JSON's grammar, booleans by YAML 1.1 (yes, on, True too) or null
 * stay what they are, everything else is a string: 52:54:00:12:34:56 is no sexagesimal number here.
 * Every text below @n has passed text_is_lines(), and nothing is bad. Writes to @buf, which has to be
 * large enough, without a NUL; NULL: writes nothing. Returns the number of bytes.
 */
size_t json_write(const struct node *n, char *buf);

#endif
