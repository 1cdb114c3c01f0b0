/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/net.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/str.h"

#define F_MTU     (1ull << 3)
#define F_MAC     (1ull << 5)
#define F_MRG     (1ull << 15)
#define F_STATUS  (1ull << 16)
#define F_CTRL_VQ (1ull << 17)
#define F_MQ      (1ull << 22)

#define HDR         12 /* struct virtio_net_hdr with num_buffers (5.1.6) */
#define NUM_BUFFERS 10
#define RX_STRIDE   2048
#define RX_BATCH    32 /* buffers given back before the device is shown them */
#define ETH_MIN     14

#define CTRL_MQ          4
#define CTRL_MQ_VQ_PAIRS 0

/* Gives buffer @b to the device to receive into. There is room: a ring has one for each buffer. */
static void
give(struct netq *q, uint16_t b)
{
	struct vseg s = {(uintptr_t)(q->buf + (size_t)b * q->stride), q->stride, true};
	int id = vring_add(&q->q.ring, &s, 1);

	if (id >= 0)
		q->owner[id] = b;
}

static const char *
setup_rx(struct nic *n, struct netq *q)
{
	uint16_t size = q->q.ring.size;

	q->buf = heap_alloc((size_t)size * q->stride);
	if (!q->buf)
		return "out of memory for receive buffers";
	for (uint16_t i = 0; i < size; i++)
		give(q, i);
	return NULL;
}

static const char *
setup_tx(struct nic *n, struct netq *q)
{
	uint16_t size = q->q.ring.size;

	q->buf = heap_alloc((size_t)size * q->stride);
	if (!q->buf)
		return "out of memory for send buffers";
	q->current = -1;
	for (uint16_t i = 0; i < size; i++)
		q->spare[i] = (uint16_t)(size - 1 - i);
	q->n_spare = size;
	return NULL;
}

static const char *
setup_queues(struct nic *n, const struct args *a)
{
	uint32_t max = NET_FRAME_MAX + HDR;
	const char *e = NULL;

	for (unsigned int i = 0; !e && i < n->n_pairs; i++) {
		struct netq *rx = &n->rx[i], *tx = &n->tx[i];

		rx->stride = n->mrg ? RX_STRIDE : (max + 63) & ~63u;
		tx->stride = (max + 63) & ~63u;
		n->v.vector = a->mode == MODE_IRQ ? 0 : VIRTIO_NO_VECTOR;
		e = virtio_queue(&n->v, &rx->q, (uint16_t)(2 * i), (uint16_t)a->ring);
		n->v.vector = VIRTIO_NO_VECTOR;
		if (!e)
			e = virtio_queue(&n->v, &tx->q, (uint16_t)(2 * i + 1), (uint16_t)a->ring);
		if (!e)
			e = setup_rx(n, rx);
		if (!e)
			e = setup_tx(n, tx);
	}
	if (!e && (n->v.features & F_CTRL_VQ)) {
		n->ctrl_buf = heap_alloc(64);
		e = n->ctrl_buf ? virtio_queue(&n->v, &n->ctrl, (uint16_t)(2 * n->max_pairs), 16)
				: "out of memory";
	}
	return e;
}

/* A command on the control queue; answers within a second. */
static const char *
ctrl(struct nic *n, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	struct vseg s[2] = {{(uintptr_t)n->ctrl_buf, 2 + len, false},
			    {(uintptr_t)n->ctrl_buf + 32, 1, true}};
	volatile uint8_t *ack = n->ctrl_buf + 32;
	uint64_t t0 = rdtsc();
	uint32_t got;
	uint16_t id;

	n->ctrl_buf[0] = class;
	n->ctrl_buf[1] = cmd;
	memcpy(n->ctrl_buf + 2, data, len);
	*ack = 0xff;
	if (vring_add(&n->ctrl.ring, s, 2) < 0)
		return "the control queue is full";
	virtq_kick(&n->ctrl);
	while (!vring_get(&n->ctrl.ring, &id, &got)) {
		if (n->ctrl.ring.broken)
			return n->ctrl.ring.broken;
		if (rdtsc() - t0 > tsc.hz)
			return "the control queue does not answer";
		cpu_pause();
	}
	return *ack ? "a control command was refused" : NULL;
}

static void
read_config(struct nic *n)
{
	uint64_t c = n->v.config;

	for (unsigned int i = 0; (n->v.features & F_MAC) && n->v.config_len >= 6 && i < 6; i++)
		n->mac[i] = mmio_read8(c + i);
	if ((n->v.features & F_MQ) && n->v.config_len >= 10)
		n->max_pairs = mmio_read16(c + 8);
	if ((n->v.features & F_MTU) && n->v.config_len >= 12)
		n->mtu = mmio_read16(c + 10);
}

const char *
nic_open(struct nic *n, struct pci_dev *pci, const struct args *a)
{
	uint64_t wanted = F_MAC | F_MTU | F_STATUS | (a->mrg ? F_MRG : 0) |
			  (a->indirect ? VIRTIO_F_INDIRECT_DESC : 0) |
			  (a->rings == RINGS_PACKED ? VIRTIO_F_RING_PACKED : 0);
	uint64_t needed = F_MAC | (a->rings == RINGS_PACKED ? VIRTIO_F_RING_PACKED : 0) |
			  (a->indirect ? VIRTIO_F_INDIRECT_DESC : 0);
	const char *e = virtio_open(&n->v, pci);
	uint16_t pairs;

	if (a->queues > 1)
		needed |= F_CTRL_VQ | F_MQ;
	if (!e)
		e = virtio_features(&n->v, wanted, needed);
	if (e)
		return e;
	if (a->mode == MODE_IRQ && pci_msix(pci, NET_IRQ, 0))
		return "has no usable MSI-X table";
	n->max_pairs = 1;
	read_config(n);
	if (a->queues > n->max_pairs)
		return "has fewer queue pairs than queues= asks for";
	n->mrg = n->v.features & F_MRG;
	n->chain = a->chain;
	n->n_pairs = pairs = (uint16_t)a->queues;
	e = setup_queues(n, a);
	if (!e)
		e = virtio_ready(&n->v);
	for (unsigned int i = 0; !e && i < n->n_pairs; i++)
		virtq_kick(&n->rx[i].q);
	if (!e && pairs > 1)
		e = ctrl(n, CTRL_MQ, CTRL_MQ_VQ_PAIRS, &pairs, sizeof(pairs));
	return e;
}

static uint8_t *
fail(struct nic *n, const char *what)
{
	if (!n->error)
		n->error = what;
	return NULL;
}

/* The next used buffer, held from now on. NULL: none, or the device broke the rules. */
static uint8_t *
take(struct nic *n, struct netq *q, uint32_t *ret_len)
{
	uint16_t id;

	if (!vring_get(&q->q.ring, &id, ret_len))
		return q->q.ring.broken ? fail(n, q->q.ring.broken) : NULL;
	q->hold[q->held++] = q->owner[id];
	return q->buf + (size_t)q->owner[id] * q->stride;
}

/* The rest of a frame that spans buffers, put together in n->whole. */
static uint8_t *
merge(struct nic *n, struct netq *q, uint16_t count, const uint8_t *first, uint32_t *len)
{
	uint64_t t0 = rdtsc();
	uint32_t total = *len, l;

	if (total > sizeof(n->whole))
		return fail(n, "a merged frame is too long");
	memcpy(n->whole, first, total);
	while (q->held < count) {
		uint8_t *b = take(n, q, &l);

		/* A device may publish a frame's buffers one by one: wait a little. */
		if (!b && !n->error && rdtsc() - t0 < tsc.hz)
			continue;
		if (!b)
			return fail(n, "the rest of a merged frame never came");
		if (l > sizeof(n->whole) - total)
			return fail(n, "a merged frame is too long");
		memcpy(n->whole + total, b, l);
		total += l;
	}
	n->merged++;
	*len = total;
	return n->whole;
}

uint8_t *
nic_rx(struct nic *n, unsigned int qi, uint32_t *ret_len)
{
	struct netq *q = &n->rx[qi];
	uint16_t count = 1;
	uint32_t len;
	uint8_t *b;

	while (q->held)
		give(q, q->hold[--q->held]);
	if (q->q.ring.unshown >= RX_BATCH)
		virtq_kick(&q->q);
	b = take(n, q, &len);
	if (!b) {
		if (q->q.ring.unshown)
			virtq_kick(&q->q);
		return NULL;
	}
	if (len < HDR + ETH_MIN)
		return fail(n, "a received frame is shorter than its headers");
	if (n->mrg)
		memcpy(&count, b + NUM_BUFFERS, 2);
	if (!count || count > q->q.ring.size)
		return fail(n, "num_buffers of a received frame is out of range");
	*ret_len = len - HDR;
	return count == 1 ? b + HDR : merge(n, q, count, b + HDR, ret_len);
}

static void
reclaim(struct nic *n, struct netq *q)
{
	uint32_t len;
	uint16_t id;

	while (vring_get(&q->q.ring, &id, &len))
		q->spare[q->n_spare++] = q->owner[id];
	if (q->q.ring.broken)
		fail(n, q->q.ring.broken);
}

uint8_t *
nic_tx_buf(struct nic *n, unsigned int qi)
{
	struct netq *q = &n->tx[qi];
	unsigned int segs = n->chain ? 2 : 1;

	if (q->current < 0) {
		if (q->n_spare < q->q.ring.size / 2 || q->q.ring.n_free < segs)
			reclaim(n, q);
		if (!q->n_spare || q->q.ring.n_free < segs)
			return NULL;
		q->current = (int16_t)q->spare[--q->n_spare];
	}
	return q->buf + (size_t)q->current * q->stride + HDR;
}

void
nic_tx_put(struct nic *n, unsigned int qi, uint32_t len)
{
	struct netq *q = &n->tx[qi];
	/* The header stays as heap_alloc() left it: no offloads. */
	uint64_t b = (uintptr_t)(q->buf + (size_t)q->current * q->stride);
	struct vseg whole = {b, HDR + len, false};
	struct vseg parts[2] = {{b, HDR, false}, {b + HDR, len, false}};
	int id = n->chain ? vring_add(&q->q.ring, parts, 2) : vring_add(&q->q.ring, &whole, 1);

	if (id < 0) /* only after an offence: nic_tx_buf() saw the room */
		return;
	q->owner[id] = (uint16_t)q->current;
	q->current = -1;
}

void
nic_tx_flush(struct nic *n, unsigned int qi)
{
	struct netq *q = &n->tx[qi];

	if (q->q.ring.unshown)
		virtq_kick(&q->q);
}

unsigned int
nic_tx_pending(struct nic *n)
{
	unsigned int pending = 0;

	for (unsigned int i = 0; i < n->n_pairs; i++) {
		reclaim(n, &n->tx[i]);
		pending += n->tx[i].q.ring.n_out;
	}
	return pending;
}

uint64_t
nic_kicks(const struct nic *n)
{
	uint64_t kicks = n->ctrl.kicks;

	for (unsigned int i = 0; i < n->n_pairs; i++)
		kicks += n->rx[i].q.kicks + n->tx[i].q.kicks;
	return kicks;
}
