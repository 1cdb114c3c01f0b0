/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/console.h"

#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/str.h"

#define PAGE 4096

static struct virtio dev;
static struct virtq rx, tx;
static uint8_t *rx_buf, *tx_buf;
static uint32_t rx_len, rx_at;

static void
give(void)
{
	struct vseg s = {(uintptr_t)rx_buf, PAGE, true};

	vring_add(&rx.ring, &s, 1);
	virtq_kick(&rx);
}

/* Nobody takes what we write: back to the serial port, which says so. */
static void
lost(const char *why, const char *text, size_t len)
{
	out_redirect(NULL);
	serial_write("\n", 1);
	out_error("virtio-console", why);
	serial_write(text, len);
}

static void
console_write(const char *text, size_t len)
{
	struct vseg s = {(uintptr_t)tx_buf, (uint32_t)len, false};
	uint64_t t0 = rdtsc();
	uint32_t got;
	uint16_t id;

	/* out.c hands out at most a page at a time. */
	memcpy(tx_buf, text, len);
	if (vring_add(&tx.ring, &s, 1) < 0) {
		lost("the ring is full", text, len);
		return;
	}
	virtq_kick(&tx);
	while (!vring_get(&tx.ring, &id, &got)) {
		if (tx.ring.broken || rdtsc() - t0 > 10 * tsc.hz) {
			lost(tx.ring.broken ? tx.ring.broken : "takes nothing", text, len);
			return;
		}
		cpu_pause();
	}
}

const char *
console_open(const struct probe *p)
{
	uint64_t packed = p->args.rings == RINGS_PACKED ? VIRTIO_F_RING_PACKED : 0;
	struct pci_dev *d = machine_find(p, VIRTIO_ID_CONSOLE);
	const char *e;

	if (!d)
		return "there is no virtio-console";
	e = virtio_open(&dev, d);
	if (!e)
		e = virtio_features(&dev, packed, packed);
	if (!e)
		e = virtio_queue(&dev, &rx, 0, 8);
	if (!e)
		e = virtio_queue(&dev, &tx, 1, 8);
	if (!e)
		e = virtio_ready(&dev);
	if (e)
		return e;
	rx_buf = heap_alloc(PAGE);
	tx_buf = heap_alloc(PAGE);
	if (!rx_buf || !tx_buf)
		return "out of memory";
	give();
	out_redirect(console_write);
	return NULL;
}

int
console_read(void)
{
	uint16_t id;
	uint8_t c;

	if (rx_at == rx_len) {
		rx_at = 0;
		if (!vring_get(&rx.ring, &id, &rx_len)) {
			rx_len = 0;
			return -1;
		}
		if (!rx_len) {
			give();
			return -1;
		}
	}
	c = rx_buf[rx_at++];
	if (rx_at == rx_len)
		give();
	return c;
}
