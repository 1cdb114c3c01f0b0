/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as frames from the outer network: what is taken for VXLAN lies inside of the frame and
 * says what its headers say; what is wrapped again is found again; ARP that nobody asked for changes
 * nothing; a station is never looked for behind a peer that there is not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/arp.h"
#include "vhost-user/vxlan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 5
#define LOCAL 0x0a000001u

static void
require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_vxlan: %s\n", what);
	abort();
}

/* The frame on the heap, with nothing behind what may be looked at. */
static void
outer(const uint8_t *frame, uint32_t len, struct vxlan_macs *macs)
{
	uint32_t have = MIN_OF(len, VXLAN_LOOK_AT);
	uint8_t *copy = malloc(have ? have : 1), again[VXLAN_OUTER + 14] = {0};
	struct vxlan_seen seen, back;

	require(copy != NULL, "memory");
	memcpy(copy, frame, have);
	if (vxlan_parse(copy, have, len, 4789, &seen) == VXLAN_FRAME) {
		struct vxlan_path path = {.local = seen.source,
					  .peer = seen.target,
					  .udp_port = 4789,
					  .vni = seen.vni};

		require(seen.at >= VXLAN_OUTER && seen.at + 14 <= have, "the inner header's place");
		require(seen.len >= 14 && seen.at + seen.len <= len, "the inner frame's length");
		require(seen.vni <= VXLAN_VNI_MAX, "a network of 24 bits");
		vxlan_push(again, &path, 14, seen.vni);
		require(vxlan_parse(again, sizeof(again), sizeof(again), 4789, &back) ==
					VXLAN_FRAME &&
				back.source == seen.source && back.target == seen.target &&
				back.vni == seen.vni && back.len == 14,
			"what was pushed is parsed");
		vxlan_learn(macs, mac_number(copy + seen.at + 6), seen.source % PEERS);
		require(vxlan_find(macs, mac_number(copy + seen.at)) < PEERS, "a peer that is one");
	}
	free(copy);
}

static void
arp(const uint8_t *frame, uint32_t len, struct arp_hop *hop, bool asked)
{
	uint64_t before = atomic_load(&hop->mac);
	uint8_t made[ARP_FRAME];
	struct arp a, back;

	if (!arp_parse(frame, len, &a))
		return;
	require(a.sender_mac != 0 && !(a.sender_mac >> 40 & 1), "a sender that is a station");
	arp_make(made, &a);
	require(arp_parse(made, sizeof(made), &back) && back.op == a.op &&
			back.sender_mac == a.sender_mac && back.sender_ip == a.sender_ip &&
			back.target_ip == a.target_ip,
		"what was made is parsed");
	atomic_store(&hop->asked, asked);
	arp_hop_hear(hop, &a, LOCAL);
	require(asked || atomic_load(&hop->mac) == before, "an answer without a question");
	require(a.op == ARP_REPLY || atomic_load(&hop->mac) == before, "a question that answers");
}

/* Frames one after another: two bytes of length, the bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vxlan_macs macs;
	struct arp_hop hop = {.ip = 0x0a000002};
	uint64_t to;

	macs.seed = size;
	while (size >= 2) {
		uint32_t len = (uint32_t)(data[0] << 8 | data[1]) % 9100;
		uint32_t here;

		data += 2;
		size -= 2;
		here = MIN_OF(len, (uint32_t)size);
		/* a frame may be longer than what we have of it, beyond what is looked at */
		outer(data, here < VXLAN_LOOK_AT ? here : len, &macs);
		arp(data, here, &hop, len & 1);
		atomic_fetch_add(&macs.now, len & 0x1f);
		if (arp_hop_tick(&hop, &to))
			require(to != 0, "somebody is asked");
		data += here;
		size -= here;
	}
	vxlan_expire(&macs, 100);
	return 0;
}
