/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe's NIC against a device that is this file: frames in one buffer and in several, a ring that
 * is full, and a device that lies in the virtio-net header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/probe/clock.h"
#include "bench/probe/heap.h"
#include "bench/probe/net.h"

#define SIZE 8
#define HDR  12

struct clock tsc;
static void *given[64];
static unsigned int n_given;
static bool packed, mergeable;

/* What net.c asks of the rest of the probe. */

void *
heap_alloc(size_t size)
{
	size = (size + 4095) & ~(size_t)4095;
	given[n_given] = aligned_alloc(4096, size);
	memset(given[n_given], 0, size);
	return given[n_given++];
}

const char *
virtio_open(struct virtio *v, struct pci_dev *pci)
{
	*v = (struct virtio){.pci = pci};
	return NULL;
}

const char *
virtio_features(struct virtio *v, uint64_t wanted, uint64_t needed)
{
	v->features = wanted & ~(1ull << 3 | 1ull << 5); /* no configuration space to read */
	if (!mergeable)
		v->features &= ~(1ull << 15);
	return NULL;
}

const char *
virtio_queue(struct virtio *v, struct virtq *q, uint16_t index, uint16_t size)
{
	vring_init(&q->ring, heap_alloc(vring_bytes(size, packed, false)), size, packed, false);
	q->index = index;
	return NULL;
}

const char *
virtio_ready(struct virtio *v)
{
	return NULL;
}

void
virtq_kick(struct virtq *q)
{
	vring_publish(&q->ring);
	q->kicks++;
}

int
pci_msix(struct pci_dev *d, uint8_t vector, uint32_t apic_id)
{
	return -1;
}

/* The device: split rings, buffers used in the order in which they became available. */
static struct nic nic;
static uint16_t rx_at, tx_at;

static void
start(bool mrg, bool chain)
{
	struct args a;

	args_default(&a);
	a.ring = SIZE;
	a.chain = chain;
	mergeable = mrg;
	memset(&nic, 0, sizeof(nic));
	rx_at = tx_at = 0;
	tsc.hz = 1000000; /* a second of the probe is over at once */
	assert_null(nic_open(&nic, NULL, &a));
	assert_int_equal(nic.mrg, mrg);
}

static int
done(void **state)
{
	while (n_given)
		free(given[--n_given]);
	return 0;
}

static void
use(struct vring *v, uint16_t id, uint32_t len)
{
	uint16_t at = v->device[1];

	memcpy(&v->device[2 + at % SIZE * 4], &(uint32_t[2]){id, len}, 8);
	v->device[1] = (uint16_t)(at + 1);
}

/* Fills the next receive buffer: header with @count, or just data (@count -1), then says @used bytes. */
static void
deliver(int count, uint8_t fill, uint32_t len, uint32_t used)
{
	struct vring *v = &nic.rx[0].q.ring;
	const struct vdesc *d = v->desc;
	uint8_t *b;
	uint16_t id;

	assert_int_not_equal(rx_at, v->driver[1]);
	id = v->driver[2 + rx_at++ % SIZE];
	b = (uint8_t *)(uintptr_t)d[id].addr;
	assert_true(d[id].flags & VDESC_WRITE);
	if (count >= 0) {
		memset(b, 0, HDR);
		memcpy(b + 10, &(uint16_t){(uint16_t)count}, 2);
		b += HDR;
	}
	memset(b, fill, len);
	use(v, id, used);
}

static void
test_one_buffer(void **state)
{
	uint32_t len;
	uint8_t *b;

	for (int mrg = 0; mrg < 2; mrg++) {
		start(mrg, false);
		assert_null(nic_rx(&nic, 0, &len));
		for (int i = 0; i < 5 * SIZE; i++) {
			/* Without MRG_RXBUF num_buffers means nothing. */
			deliver(mrg, (uint8_t)i, 64, HDR + 64);
			b = nic_rx(&nic, 0, &len);
			assert_non_null(b);
			assert_int_equal(len, 64);
			assert_int_equal(b[0], (uint8_t)i);
			assert_int_equal(b[63], (uint8_t)i);
			assert_null(nic_rx(&nic, 0, &len));
		}
		assert_null(nic.error);
		assert_int_equal(nic.rx[0].q.ring.n_out, SIZE);
	}
}

static void
test_merged(void **state)
{
	uint32_t len;
	uint8_t *b;

	start(true, false);
	for (int i = 0; i < 20; i++) {
		deliver(3, 1, 2048 - HDR, 2048);
		deliver(-1, 2, 2048, 2048);
		deliver(-1, 3, 100, 100);
		b = nic_rx(&nic, 0, &len);
		assert_non_null(b);
		assert_int_equal(len, 2048 - HDR + 2048 + 100);
		assert_int_equal(b[2048 - HDR - 1], 1);
		assert_int_equal(b[2048 - HDR], 2);
		assert_int_equal(b[2048 - HDR + 2047], 2);
		assert_int_equal(b[len - 1], 3);
		assert_null(nic_rx(&nic, 0, &len));
	}
	assert_null(nic.error);
	assert_int_equal(nic.merged, 20);
	assert_int_equal(nic.rx[0].q.ring.n_out, SIZE);
}

static void
expect_error(const char *what)
{
	uint32_t len;

	assert_null(nic_rx(&nic, 0, &len));
	assert_non_null(nic.error);
	assert_non_null(strstr(nic.error, what));
}

static void
test_lies(void **state)
{
	start(true, false);
	deliver(0, 0, 64, HDR + 64);
	expect_error("num_buffers");
	start(true, false);
	deliver(SIZE + 1, 0, 64, HDR + 64);
	expect_error("num_buffers");
	start(true, false);
	deliver(1, 0, 0, HDR + 13);
	expect_error("shorter than its headers");
	start(false, false);
	deliver(1, 0, 0, 0);
	expect_error("shorter than its headers");
	start(true, false);
	deliver(2, 0, 64, HDR + 64);
	expect_error("never came");
	start(true, false);
	deliver(1, 0, 64, 2049);
	expect_error("more than the buffer holds");
	start(true, false);
	deliver(6, 0, 2048 - HDR, 2048);
	for (int i = 0; i < 5; i++)
		deliver(-1, 0, 2048, 2048);
	expect_error("too long");
	start(true, false);
	deliver(2, 0, 64, HDR + 64);
	use(&nic.rx[0].q.ring, SIZE, 10); /* the second buffer is one that there is not */
	expect_error("did not have");
}

/* Takes everything that was sent; returns how many, checks each. */
static unsigned int
device_sends(bool chain)
{
	struct vring *v = &nic.tx[0].q.ring;
	const struct vdesc *d = v->desc;
	unsigned int n = 0;

	for (; tx_at != v->driver[1]; n++) {
		uint16_t id = v->driver[2 + tx_at++ % SIZE];
		const uint8_t *hdr = (const uint8_t *)(uintptr_t)d[id].addr, *data = hdr + HDR;

		for (int i = 0; i < HDR; i++)
			assert_int_equal(hdr[i], 0);
		assert_false(d[id].flags & VDESC_WRITE);
		if (chain) {
			assert_int_equal(d[id].len, HDR);
			data = (const uint8_t *)(uintptr_t)d[d[id].next].addr;
			assert_int_equal(d[d[id].next].len, 60);
		} else {
			assert_int_equal(d[id].len, HDR + 60);
		}
		assert_int_equal(data[0], data[59]);
		use(v, id, 0);
	}
	return n;
}

static unsigned int
fill_ring(uint8_t *mark)
{
	unsigned int n = 0;
	uint8_t *b;

	while ((b = nic_tx_buf(&nic, 0))) {
		assert_ptr_equal(nic_tx_buf(&nic, 0), b); /* the same until it is put */
		memset(b, ++*mark, 60);
		nic_tx_put(&nic, 0, 60);
		n++;
	}
	nic_tx_flush(&nic, 0);
	return n;
}

static void
test_send(void **state)
{
	for (int chain = 0; chain < 2; chain++) {
		unsigned int room = chain ? SIZE / 2 : SIZE;
		uint8_t mark = 0;

		start(true, chain);
		for (int i = 0; i < 50; i++) {
			assert_int_equal(fill_ring(&mark), room);
			assert_int_equal(nic_tx_pending(&nic), room);
			assert_int_equal(device_sends(chain), room);
			assert_int_equal(nic_tx_pending(&nic), 0);
		}
		assert_null(nic.error);
	}
}

static void
test_send_lies(void **state)
{
	uint8_t mark = 0;

	start(true, false);
	fill_ring(&mark);
	use(&nic.tx[0].q.ring, 3, 1); /* says that it wrote into what it was to read */
	assert_null(nic_tx_buf(&nic, 0));
	assert_non_null(nic.error);
	start(true, false);
	fill_ring(&mark);
	use(&nic.tx[0].q.ring, 3, 0);
	use(&nic.tx[0].q.ring, 3, 0);
	assert_int_equal(nic_tx_pending(&nic), SIZE - 1);
	assert_non_null(nic.error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_one_buffer, done),
		cmocka_unit_test_teardown(test_merged, done),
		cmocka_unit_test_teardown(test_lies, done),
		cmocka_unit_test_teardown(test_send, done),
		cmocka_unit_test_teardown(test_send_lies, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
