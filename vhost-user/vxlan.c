/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/vxlan.h"

#include <string.h>

#include "base/be.h"
#include "vhost-user/arp.h"

#define ETHER_LEN     14
#define IPV4_MIN      20
#define UDP_LEN       8
#define VXLAN_LEN     8
#define TTL           64
#define DONT_FRAGMENT 0x4000
#define FRAGMENT      0x3fff /* more fragments, and the offset */
#define PROTO_UDP     17
#define FLAG_VNI      0x08
#define PORT_FIRST    49152 /* RFC 7348, 5: dynamic ports */

#define BUCKET     8 /* entries in a cache line */
#define PEER_SHIFT 12
#define MAC_SHIFT  16
#define STAMP_MASK 0xfffu
#define GROUP      (UINT64_C(1) << 40)

/* RFC 1071, over an even number of bytes. 0 when a right checksum is among them. */
static uint16_t
checksum(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2)
		sum += be_get16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void
vxlan_push(uint8_t *outer, const struct vxlan_path *path, uint32_t len, uint32_t hash)
{
	uint8_t *ip = outer + ETHER_LEN, *udp = ip + IPV4_MIN, *vx = udp + UDP_LEN;

	mac_bytes(path->hop_mac, outer);
	mac_bytes(path->our_mac, outer + 6);
	be_put16(outer + 12, 0x0800);

	ip[0] = 0x45;
	ip[1] = 0;
	be_put16(ip + 2, IPV4_MIN + UDP_LEN + VXLAN_LEN + len);
	be_put16(ip + 4, 0); /* RFC 6864: of an atomic datagram it means nothing */
	be_put16(ip + 6, DONT_FRAGMENT);
	ip[8] = TTL;
	ip[9] = PROTO_UDP;
	be_put16(ip + 10, 0);
	be_put32(ip + 12, path->local);
	be_put32(ip + 16, path->peer);
	be_put16(ip + 10, checksum(ip, IPV4_MIN));

	be_put16(udp, PORT_FIRST + (hash & 0x3fff));
	be_put16(udp + 2, path->udp_port);
	be_put16(udp + 4, UDP_LEN + VXLAN_LEN + len);
	be_put16(udp + 6, 0); /* RFC 7348, 5: should be zero */

	be_put32(vx, (uint32_t)FLAG_VNI << 24);
	be_put32(vx + 4, path->vni << 8);
}

enum vxlan_kind
vxlan_parse(const uint8_t *frame, uint32_t have, uint32_t len, uint16_t udp_port,
	    struct vxlan_seen *ret)
{
	const uint8_t *ip = frame + ETHER_LEN, *udp;
	uint32_t header, total;

	if (have < ETHER_LEN + IPV4_MIN + UDP_LEN || be_get16(frame + 12) != 0x0800 ||
	    ip[0] >> 4 != 4 || ip[9] != PROTO_UDP)
		return VXLAN_NONE;
	header = (ip[0] & 0xf) * 4u;
	if (header < IPV4_MIN || have < ETHER_LEN + header + UDP_LEN)
		return VXLAN_NONE;
	udp = ip + header;
	/* what is behind the header of a fragment is no port; the first one of them looks whole */
	if ((be_get16(ip + 6) & (FRAGMENT >> 1)) || be_get16(udp + 2) != udp_port)
		return VXLAN_NONE;
	total = be_get16(ip + 2);
	/* RFC 7348, 4.3: fragments may be dropped */
	if ((be_get16(ip + 6) & FRAGMENT) || total > len - ETHER_LEN || checksum(ip, header) != 0 ||
	    total < header + UDP_LEN + VXLAN_LEN + ETHER_LEN ||
	    be_get16(udp + 4) != total - header ||
	    have < ETHER_LEN + header + UDP_LEN + VXLAN_LEN + ETHER_LEN ||
	    !(udp[UDP_LEN] & FLAG_VNI))
		return VXLAN_BROKEN;
	/* a UDP checksum may be ignored here (RFC 7348, 4.1): the inner frame has its own */
	ret->source = be_get32(ip + 12);
	ret->target = be_get32(ip + 16);
	ret->udp_port = udp_port;
	ret->vni = be_get32(udp + UDP_LEN + 4) >> 8;
	ret->at = ETHER_LEN + header + UDP_LEN + VXLAN_LEN;
	ret->len = total - header - UDP_LEN - VXLAN_LEN;
	return VXLAN_FRAME;
}

static uint32_t
bucket_of(const struct vxlan_macs *t, uint64_t mac)
{
	uint64_t h = (mac ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 40) % (VXLAN_MAC_SLOTS / BUCKET) * BUCKET;
}

static uint32_t
age_of(uint64_t entry, uint32_t now)
{
	return (now - (uint32_t)entry) & STAMP_MASK;
}

void
vxlan_learn(struct vxlan_macs *t, uint64_t mac, uint32_t peer)
{
	uint32_t at = bucket_of(t, mac), to = at, oldest = 0;
	uint32_t now = atomic_load_explicit(&t->now, memory_order_relaxed) & STAMP_MASK;
	uint64_t entry = mac << MAC_SHIFT | (uint64_t)peer << PEER_SHIFT | now;

	if (mac == 0 || (mac & GROUP))
		return;
	/* relaxed: an entry stands for itself; of two threads that learn at once one wins */
	for (uint32_t i = at; i < at + BUCKET; i++) {
		uint64_t v = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
		uint32_t age = v ? age_of(v, now) : UINT32_MAX;

		if (v >> MAC_SHIFT == mac) {
			if (v != entry)
				atomic_store_explicit(&t->slot[i], entry, memory_order_relaxed);
			return;
		}
		if (age > oldest) {
			oldest = age;
			to = i;
		}
	}
	atomic_store_explicit(&t->slot[to], entry, memory_order_relaxed);
}

int
vxlan_find(const struct vxlan_macs *t, uint64_t mac)
{
	uint32_t at = bucket_of(t, mac);

	if (mac == 0 || (mac & GROUP))
		return -1;
	for (uint32_t i = at; i < at + BUCKET; i++) {
		uint64_t v = atomic_load_explicit(&t->slot[i], memory_order_relaxed);

		if (v >> MAC_SHIFT == mac)
			return (int)(v >> PEER_SHIFT & 0xf);
	}
	return -1;
}

void
vxlan_macs_inherit(struct vxlan_macs *t, const struct vxlan_macs *old,
		   const uint8_t to[VXLAN_PEERS])
{
	const uint64_t peer = UINT64_C(0xf) << PEER_SHIFT;

	t->seed = old->seed; /* each keeps its place */
	atomic_store_explicit(&t->now, atomic_load_explicit(&old->now, memory_order_relaxed),
			      memory_order_relaxed);
	for (uint32_t i = 0; i < VXLAN_MAC_SLOTS; i++) {
		uint64_t v = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
		uint64_t now = to[v >> PEER_SHIFT & 0xf];

		if (v && now != VXLAN_PEER_NONE)
			atomic_store_explicit(&t->slot[i], (v & ~peer) | now << PEER_SHIFT,
					      memory_order_relaxed);
	}
}

uint32_t
vxlan_expire(struct vxlan_macs *t, uint32_t units)
{
	uint32_t now = atomic_load_explicit(&t->now, memory_order_relaxed), left = 0;

	for (uint32_t i = 0; i < VXLAN_MAC_SLOTS; i++) {
		uint64_t v = atomic_load_explicit(&t->slot[i], memory_order_relaxed);

		if (v == 0)
			continue;
		/* it may be refreshed meanwhile: then it stays */
		if (age_of(v, now) < units ||
		    !atomic_compare_exchange_strong_explicit(&t->slot[i], &v, 0,
							     memory_order_relaxed,
							     memory_order_relaxed))
			left++;
	}
	return left;
}
