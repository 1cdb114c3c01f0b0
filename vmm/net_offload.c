/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/net_offload.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "base/util.h"

/* Linux 6.2 and later; older headers lack them. It takes both or none. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define TUN_F_USO (TUN_F_USO4 | TUN_F_USO6)

enum { /* 5.1.6 */
       H_NEEDS_CSUM = 1,
       H_DATA_VALID = 2,
       GSO_NONE = 0,
       GSO_TCPV4 = 1,
       GSO_TCPV6 = 4,
       GSO_UDP_L4 = 5,
       GSO_ECN = 0x80,
};

/* A kind of segment: which feature lets the driver send it, which lets it receive it. */
static const struct {
	uint8_t gso_type;
	uint64_t host, guest;
	unsigned int tun;
} kinds[] = {
	{GSO_TCPV4, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4},
	{GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6},
	{GSO_UDP_L4, VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6,
	 TUN_F_USO},
};

static int
set(int tap, unsigned int flags)
{
	return ioctl(tap, TUNSETOFFLOAD, (unsigned long)flags) < 0 ? -errno : 0;
}

int
net_offload_find(int tap, uint64_t *ret)
{
	const unsigned int basic = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	uint64_t f = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_ECN |
		     VIRTIO_NET_F_GUEST_ECN;
	bool uso = set(tap, basic | TUN_F_USO) == 0;
	int r = uso ? 0 : set(tap, basic);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (uso || kinds[i].tun != TUN_F_USO)
			f |= kinds[i].host | kinds[i].guest;
	if (r == 0)
		r = set(tap, 0);
	if (r == 0)
		*ret = f;
	return r;
}

bool
net_offload_ok(uint64_t f)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((f & kinds[i].host && !(f & VIRTIO_NET_F_CSUM)) ||
		    (f & kinds[i].guest && !(f & VIRTIO_NET_F_GUEST_CSUM)))
			return false;
	if (f & VIRTIO_NET_F_HOST_ECN && !(f & (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)))
		return false;
	return !(f & VIRTIO_NET_F_GUEST_ECN) ||
	       f & (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6);
}

int
net_offload_set(int tap, uint64_t f)
{
	unsigned int flags = f & VIRTIO_NET_F_GUEST_CSUM ? TUN_F_CSUM : 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((f & kinds[i].guest) == kinds[i].guest)
			flags |= kinds[i].tun;
	if (f & VIRTIO_NET_F_GUEST_ECN)
		flags |= TUN_F_TSO_ECN;
	return set(tap, flags);
}

/* The row of the segments that the header speaks of, or -1. */
static int
kind_of(const struct virtio_net_hdr *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((h->gso_type & ~GSO_ECN) == kinds[i].gso_type)
			return (int)i;
	return -1;
}

const char *
net_offload_out(struct virtio_net_hdr *h, uint64_t f, uint64_t len)
{
	int kind = kind_of(h);

	h->num_buffers = 0;
	h->flags &= H_NEEDS_CSUM;
	if (!(h->flags & H_NEEDS_CSUM))
		h->csum_start = h->csum_offset = 0;
	else if (!(f & VIRTIO_NET_F_CSUM))
		return "a checksum was left to the host, which was not negotiated";
	else if ((uint64_t)h->csum_start + h->csum_offset + 2 > len)
		return "a checksum outside the frame";
	if (h->gso_type == GSO_NONE) {
		h->hdr_len = h->gso_size = 0;
		return NULL;
	}
	if (kind < 0 || !(f & kinds[kind].host) ||
	    (h->gso_type & GSO_ECN && !(f & VIRTIO_NET_F_HOST_ECN)))
		return "a kind of segmentation that was not negotiated";
	if (h->gso_size == 0 || !(h->flags & H_NEEDS_CSUM) || h->hdr_len > len)
		return "segmentation without a size, a checksum, or with more header than frame";
	return NULL;
}

bool
net_offload_in(struct virtio_net_hdr *h, uint64_t f)
{
	int kind = kind_of(h);

	if (!(f & VIRTIO_NET_F_GUEST_CSUM)) {
		if (h->flags & H_NEEDS_CSUM)
			return false;
		h->flags = 0;
	}
	if (h->gso_type == GSO_NONE)
		return true;
	return kind >= 0 && f & kinds[kind].guest;
}
