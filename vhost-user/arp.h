/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP (RFC 826) of an endpoint of our own: answers for its address, and knows the stations that its
 * packets go to. It believes only what it asked for: an answer without a question changes nothing, and
 * a station that announces another address is asked again.
 *
 * Addresses of IP are in host order, those of Ethernet in the low 48 bits of a number, first byte
 * highest. No allocation, no DPDK.
 */
#ifndef CORELANE_VHOST_USER_ARP_H
#define CORELANE_VHOST_USER_ARP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ARP_FRAME     60 /* what arp_make() makes: padded to Ethernet's minimum */
#define ARP_BROADCAST UINT64_C(0xffffffffffff)

enum arp_op { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
	uint16_t op;
	uint64_t sender_mac, target_mac;
	uint32_t sender_ip, target_ip;
};

/*
 * A frame of @len bytes as ARP for IPv4 over Ethernet. false: it is none, is short, or lies: its sender
 * is zero or a group, or another than the frame's.
 */
bool arp_parse(const uint8_t *frame, uint32_t len, struct arp *ret);

/* Writes ARP_FRAME bytes to @frame; to @a->target_mac, or to everybody when that is 0. */
void arp_make(uint8_t *frame, const struct arp *a);

/* A station that we send to. The control thread asks, whoever polls the device hears. */
struct arp_hop {
	uint32_t ip;              /* constant */
	_Atomic uint64_t mac;     /* 0: not known */
	_Atomic uint32_t asked;   /* 1: an answer is awaited */
	_Atomic uint32_t heard;   /* 1: an answer came since the last arp_hop_tick() */
	_Atomic uint32_t doubted; /* 1: it said that it moved */
	uint32_t age;             /* control thread: ticks (seconds) since it last answered */
	_Atomic uint64_t moved;   /* times that its address changed */
};

#define ARP_FRESH  30 /* seconds that an answer is believed without asking again */
#define ARP_DIRECT 3  /* questions to the station itself before everybody is asked */
#define ARP_DEAD   45 /* seconds after which it is not known any more */

/* What somebody at @a->sender_ip, which is the hop's, told us at @local. Any thread. */
void arp_hop_hear(struct arp_hop *h, const struct arp *a, uint32_t local);

/*
 * A second has passed. true: *@ret_to is whom to ask now, ARP_BROADCAST or the station itself.
 * Control thread.
 */
bool arp_hop_tick(struct arp_hop *h, uint64_t *ret_to);

uint64_t mac_number(const uint8_t mac[6]);
void mac_bytes(uint64_t number, uint8_t ret[6]);

#endif
