/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policers: frames above a port's rate are dropped (red), those above the committed rate but within
 * the excess pass and are counted (yellow). RFC 2697, or RFC 2698 when a peak rate is declared; the
 * meters are DPDK's. Bytes are those of the frame without FCS, as everywhere in the switch.
 */
#ifndef CORELANE_VHOST_USER_FEAT_POLICE_H
#define CORELANE_VHOST_USER_FEAT_POLICE_H

#include "vhost-user/feature.h"

extern const struct feature feat_police_in, feat_police_out;

#endif
