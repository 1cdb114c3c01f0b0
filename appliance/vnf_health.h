/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done when a guest does not feel well: its watchdog expires, its kernel panics. Told with the
 * VNF's name, counted over all its lives, and for the watchdog acted upon as declared.
 */
#ifndef CORELANE_APPLIANCE_VNF_HEALTH_H
#define CORELANE_APPLIANCE_VNF_HEALTH_H

#include "appliance/translate.h"
#include "appliance/vnf.h"

void vnf_health_panic(struct vnf *v, const char *text);
void vnf_health_watchdog(struct vnf *v);

/* The fds of @h are about to be handed in: keeps what will be asked at the end of this life. */
void vnf_health_life_begins(struct vnf *v, const struct handin *h);
/* Lets go of that. */
void vnf_health_fini(struct vnf *v);

/* A VMM has ended: keeps what it counted. true: it was to end, so that the guest is started again. */
bool vnf_health_life_ended(struct vnf *v);

#endif
