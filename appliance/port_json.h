/* SPDX-License-Identifier: Apache-2.0 */
/* What the switch says, as JSON: for answers to commands. NULL without memory. */
#ifndef CORELANE_APPLIANCE_PORT_JSON_H
#define CORELANE_APPLIANCE_PORT_JSON_H

#include <jansson.h>

#include "base/switch_msg.h"

/* All of a port that is not as when nothing is said, its counters, and what was dropped why. */
json_t *port_json_full(const struct port_cfg *c, const struct port_stats *s);
json_t *port_json_stats(const struct port_stats *s);
json_t *port_json_mac(const struct switch_mac *m);
json_t *port_json_lane(const struct switch_lane *l);
json_t *port_json_trace(const struct switch_trace *t);

/* "kind": of a port_cfg. */
const char *port_json_kind(const struct port_cfg *c);

#endif
