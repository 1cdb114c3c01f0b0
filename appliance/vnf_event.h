/* SPDX-License-Identifier: Apache-2.0 */
/* What the VMM of a VNF says of itself. Private to appliance/vnf*.c. */
#ifndef CORELANE_APPLIANCE_VNF_EVENT_H
#define CORELANE_APPLIANCE_VNF_EVENT_H

#include "appliance/vnf.h"

/* Takes every event that is in the start socket of the VNF @arg; a callback of the event loop. */
void vnf_event_ready(void *arg, uint32_t events);

#endif
