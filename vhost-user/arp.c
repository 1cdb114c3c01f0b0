/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/arp.h"

#include <string.h>

#include "base/be.h"

#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV4 0x0800
#define ETHER_LEN      14
#define ARP_LEN        28
#define GROUP          (UINT64_C(1) << 40)

uint64_t
mac_number(const uint8_t mac[6])
{
	uint64_t v = 0;

	for (int i = 0; i < 6; i++)
		v = v << 8 | mac[i];
	return v;
}

void
mac_bytes(uint64_t number, uint8_t ret[6])
{
	for (int i = 5; i >= 0; i--, number >>= 8)
		ret[i] = (uint8_t)number;
}

bool
arp_parse(const uint8_t *frame, uint32_t len, struct arp *ret)
{
	/* hardware type 1, protocol IPv4, lengths 6 and 4 */
	static const uint8_t form[6] = {0, 1, 8, 0, 6, 4};
	const uint8_t *p = frame + ETHER_LEN;
	struct arp a;

	if (len < ETHER_LEN + ARP_LEN || be_get16(frame + 12) != ETHERTYPE_ARP ||
	    memcmp(p, form, sizeof(form)) != 0)
		return false;
	a.op = be_get16(p + 6);
	a.sender_mac = mac_number(p + 8);
	a.sender_ip = be_get32(p + 14);
	a.target_mac = mac_number(p + 18);
	a.target_ip = be_get32(p + 24);
	if ((a.op != ARP_REQUEST && a.op != ARP_REPLY) || a.sender_mac == 0 ||
	    (a.sender_mac & GROUP) || a.sender_mac != mac_number(frame + 6))
		return false;
	*ret = a;
	return true;
}

void
arp_make(uint8_t *frame, const struct arp *a)
{
	uint8_t *p = frame + ETHER_LEN;

	memset(frame, 0, ARP_FRAME);
	mac_bytes(a->target_mac ? a->target_mac : ARP_BROADCAST, frame);
	mac_bytes(a->sender_mac, frame + 6);
	be_put16(frame + 12, ETHERTYPE_ARP);
	be_put16(p, 1);
	be_put16(p + 2, ETHERTYPE_IPV4);
	p[4] = 6;
	p[5] = 4;
	be_put16(p + 6, a->op);
	mac_bytes(a->sender_mac, p + 8);
	be_put32(p + 14, a->sender_ip);
	/* RFC 826: of a question the target's hardware address means nothing */
	mac_bytes(a->op == ARP_REPLY ? a->target_mac : 0, p + 18);
	be_put32(p + 24, a->target_ip);
}

void
arp_hop_hear(struct arp_hop *h, const struct arp *a, uint32_t local)
{
	uint64_t known = atomic_load_explicit(&h->mac, memory_order_relaxed);

	/* relaxed all over: each is a number that stands for itself */
	if (a->op != ARP_REPLY || a->target_ip != local ||
	    !atomic_exchange_explicit(&h->asked, 0, memory_order_relaxed)) {
		/* a question of its own, or news that nobody asked for */
		if (known != a->sender_mac)
			atomic_store_explicit(&h->doubted, 1, memory_order_relaxed);
		return;
	}
	if (known && known != a->sender_mac)
		atomic_fetch_add_explicit(&h->moved, 1, memory_order_relaxed);
	atomic_store_explicit(&h->mac, a->sender_mac, memory_order_relaxed);
	atomic_store_explicit(&h->heard, 1, memory_order_relaxed);
}

bool
arp_hop_tick(struct arp_hop *h, uint64_t *ret_to)
{
	uint64_t mac = atomic_load_explicit(&h->mac, memory_order_relaxed);
	bool doubted = atomic_exchange_explicit(&h->doubted, 0, memory_order_relaxed);

	if (atomic_exchange_explicit(&h->heard, 0, memory_order_relaxed))
		h->age = 0;
	else if (h->age < ARP_DEAD)
		h->age++;
	if (mac && h->age >= ARP_DEAD) {
		atomic_store_explicit(&h->mac, 0, memory_order_relaxed);
		mac = 0;
	}
	if (mac && h->age < ARP_FRESH && !doubted)
		return false;
	/* one that says that it moved may be gone from where it was: everybody is asked */
	*ret_to = mac && !doubted && h->age < ARP_FRESH + ARP_DIRECT ? mac : ARP_BROADCAST;
	atomic_store_explicit(&h->asked, 1, memory_order_relaxed);
	return true;
}
