/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP anti-spoofing: a port that declares addresses sends from these only. Checked are IPv4 and IPv6
 * sources, senders of ARP and RARP, and what neighbour advertisements claim. Always allowed is what a
 * host must say before it has an address: DHCP and IGMP from 0.0.0.0, ARP probes, neighbour and router
 * solicitations and MLD reports from ::. Link-local IPv6 addresses, of which a host has one at least
 * that nobody declares (RFC 4862, RFC 8064), are allowed unless the port declares some: then these and
 * the one made from the frame's MAC only.
 */
#ifndef CORELANE_VHOST_USER_FEAT_IP_H
#define CORELANE_VHOST_USER_FEAT_IP_H

#include "vhost-user/feature.h"

extern const struct feature feat_ip;

#endif
