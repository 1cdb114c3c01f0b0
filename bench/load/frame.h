/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames that the load sends: built once into every transmit buffer, checked by sample where they
 * arrive, so that a switch which loses, mixes up or never writes data cannot win.
 *
 * Ethernet, IPv4, UDP, then 16 bytes of ours, then a pattern. "Size" is the frame in memory, without
 * FCS, and without the 12-byte virtio_net_hdr_mrg_rxbuf in front. Host K behind port P has the MAC
 * 02:00:00:0P:KK:KK; port P talks to port P^1.
 */
#ifndef CORELANE_BENCH_LOAD_FRAME_H
#define CORELANE_BENCH_LOAD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_VNET_HDR  12 /* virtio 1.2, 5.1.6: VIRTIO_F_VERSION_1 always has num_buffers */
#define FRAME_MIN       60
#define FRAME_MAX       9018
#define FRAME_HOSTS_MAX 65536

struct frame_plan {
	uint16_t size;  /* FRAME_MIN..FRAME_MAX */
	uint32_t pairs; /* hosts behind each port */
	bool mesh;      /* every host talks to every other one, not only to its own peer */
	bool broadcast; /* port 0 sends to everybody, the others only listen */
	bool rewrite;   /* addresses are written into each frame anew, though they stay the same */
};

/*
 * Writes buffer @id of port @port: header, frame of pair @id, pattern. @buf holds FRAME_VNET_HDR + size
 * bytes.
 */
void frame_build(uint8_t *buf, const struct frame_plan *plan, unsigned int port, uint16_t id);

/* Whether a buffer's addresses are written each time that it is sent. */
static inline bool
frame_varies(const struct frame_plan *plan, uint16_t buffers)
{
	return plan->mesh || plan->rewrite || plan->pairs > buffers;
}

/* Where a port is in its list of addresses; zero: at the beginning. */
struct frame_walk {
	uint32_t source, shift;
};

/* Gives the frame the next source and destination: each pair in turn, or each combination. */
static inline void
frame_address(uint8_t *buf, const struct frame_plan *plan, struct frame_walk *walk)
{
	uint32_t from = walk->source, to = from + (plan->mesh ? walk->shift : 0);
	uint16_t dst, src = __builtin_bswap16((uint16_t)from);

	dst = __builtin_bswap16((uint16_t)(to < plan->pairs ? to : to - plan->pairs));
	if (!plan->broadcast)
		__builtin_memcpy(buf + FRAME_VNET_HDR + 4, &dst, sizeof(dst));
	__builtin_memcpy(buf + FRAME_VNET_HDR + 10, &src, sizeof(src));
	if (++walk->source == plan->pairs) {
		walk->source = 0;
		walk->shift = walk->shift + 1 == plan->pairs ? 0 : walk->shift + 1;
	}
}

/* A 64-bit stamp of the sender's (a time), and its reading. */
static inline void
frame_stamp(uint8_t *buf, uint64_t stamp)
{
	__builtin_memcpy(buf + FRAME_VNET_HDR + 50, &stamp, sizeof(stamp));
}

static inline uint64_t
frame_stamped(const uint8_t *buf)
{
	uint64_t stamp;

	__builtin_memcpy(&stamp, buf + FRAME_VNET_HDR + 50, sizeof(stamp));
	return stamp;
}

/*
 * Looks at all of a frame that @port received in a buffer with @len bytes written, then spoils it, so
 * that a buffer which is handed back without having been written again is found out.
 * NULL when it is right, else what is wrong with it.
 */
const char *frame_check(uint8_t *buf, uint32_t len, const struct frame_plan *plan,
			unsigned int port);

#endif
