/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest left to others about a frame (virtio 1.2, 5.1.6.2): a checksum to finish, segments to cut
 * (TCP over IPv4 or IPv6, UDP). It travels with the frame and is done here, in software, where the
 * receiver did not say that it takes such frames. No DPDK.
 *
 * Everything is read from a private copy of the frame's first bytes. Of the rest only the checksum is
 * computed, over memory that its guest may change meanwhile: it then gets a checksum that is wrong, and
 * so does nobody else.
 */
#ifndef CORELANE_VHOST_USER_OFFLOAD_H
#define CORELANE_VHOST_USER_OFFLOAD_H

#include "vhost-user/pkt.h"

/* Not in all kernels' headers. Virtio 1.2, 5.1.3 and 5.1.6. */
#define OFFLOAD_GSO_UDP_L4   5
#define OFFLOAD_F_GUEST_USO4 54
#define OFFLOAD_F_GUEST_USO6 55
#define OFFLOAD_F_HOST_USO   56

/* What a receiver may take: bits of swport.takes. */
#define OFFLOAD_CSUM 1u
#define OFFLOAD_TSO4 2u
#define OFFLOAD_TSO6 4u
#define OFFLOAD_USO  8u
#define OFFLOAD_ECN  0x10u

#define OFFLOAD_SEGMENTS_MAX                                                                       \
	256 /* of one frame: 64 KiB of the smallest path MTU (RFC 791: 576) twice */
#define OFFLOAD_PARTS_MAX 1024

/* One a lane: what offload_finish() makes lies here until it returns. */
struct offload_scratch {
	struct pkt pkt[PKT_BURST];
	struct pkt *all[PKT_BURST];
	uint8_t head[PKT_BURST][PKT_HEADROOM + PKT_DEEP];
	struct pkt_seg seg[OFFLOAD_PARTS_MAX];
	uint32_t n_pkt, n_seg;
};

/* What a receiver of these negotiated virtio features takes. */
uint32_t offload_takes(uint64_t features);

/* What a receiver must take to get the frame as it is. Of a frame without PKT_OFFLOAD: 0. */
static inline uint32_t
offload_needs(const struct pkt *pkt)
{
	static const uint8_t of[8] = {
		[VIRTIO_NET_HDR_GSO_NONE] = OFFLOAD_CSUM,
		[VIRTIO_NET_HDR_GSO_TCPV4] = OFFLOAD_CSUM | OFFLOAD_TSO4,
		[VIRTIO_NET_HDR_GSO_UDP] = 0x80, /* UFO: nobody takes it */
		[VIRTIO_NET_HDR_GSO_TCPV6] = OFFLOAD_CSUM | OFFLOAD_TSO6,
		[OFFLOAD_GSO_UDP_L4] = OFFLOAD_CSUM | OFFLOAD_USO,
		[2] = 0x80,
		[6] = 0x80,
		[7] = 0x80,
	};

	if (!(pkt->flags & PKT_OFFLOAD))
		return 0;
	return of[pkt->off.gso_type & 7] | (pkt->off.gso_type & VIRTIO_NET_HDR_GSO_ECN) >> 3;
}

/*
 * The length of a frame as an MTU means it: of a frame to be cut, that of its segments, or somewhat less
 * (their headers may have options; what is cut here is measured again).
 */
static inline uint32_t
offload_len(const struct pkt *pkt)
{
	if (!(pkt->flags & PKT_OFFLOAD) || pkt->off.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return pkt->len;
	return pkt->off.csum_start + pkt->off.gso_size +
	       ((pkt->off.gso_type & 7) == OFFLOAD_GSO_UDP_L4 ? 8u : 20u);
}

typedef void offload_emit(void *arg, struct pkt *const *pkt, uint32_t n);

/*
 * Does all that @pkt->off asks for and emits the frames that come of it, in order, at most PKT_BURST at
 * a time, with deep heads and headroom. They are valid while @emit runs. 0, or -EINVAL and nothing was
 * emitted: it asks for what cannot be done.
 */
int offload_finish(struct offload_scratch *s, const struct pkt *pkt, offload_emit *emit, void *arg);

#endif
