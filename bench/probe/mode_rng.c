/* SPDX-License-Identifier: Apache-2.0 */
/* mode=rng: reads count= bytes from the virtio-rng and looks whether they could be random. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"

#define PAGE          4096
#define DEFAULT_BYTES 65536

static struct virtio dev;
static struct virtq q;

static const char *
open_rng(const struct probe *p)
{
	uint64_t packed = p->args.rings == RINGS_PACKED ? VIRTIO_F_RING_PACKED : 0;
	struct pci_dev *d = machine_find(p, VIRTIO_ID_RNG);
	const char *e;

	if (!d)
		return "there is no virtio-rng";
	e = virtio_open(&dev, d);
	if (!e)
		e = virtio_features(&dev, packed, packed);
	if (!e)
		e = virtio_queue(&dev, &q, 0, 8);
	return e ? e : virtio_ready(&dev);
}

/* One page asked for; how much came, or 0 with *@ret_error. */
static uint32_t
read_some(uint8_t *buf, const char **ret_error)
{
	struct vseg s = {(uintptr_t)buf, PAGE, true};
	uint64_t t0 = rdtsc();
	uint32_t len;
	uint16_t id;

	vring_add(&q.ring, &s, 1);
	virtq_kick(&q);
	while (!vring_get(&q.ring, &id, &len)) {
		if (q.ring.broken || rdtsc() - t0 > 10 * tsc.hz) {
			*ret_error = q.ring.broken ? q.ring.broken : "does not answer";
			return 0;
		}
		cpu_pause();
	}
	if (!len)
		*ret_error = "wrote nothing";
	return len;
}

bool
mode_rng(struct probe *p)
{
	uint64_t want = p->args.count ? p->args.count : DEFAULT_BYTES, got = 0, ones = 0, same = 0;
	const char *error = open_rng(p);
	uint8_t *buf = heap_alloc(PAGE), last = 0;
	struct json *j = out_json();
	uint64_t t0 = rdtsc(), ppm;

	while (!error && got < want) {
		uint32_t len = read_some(buf, &error);

		for (uint32_t i = 0; i < len; i++) {
			for (uint8_t b = buf[i]; b; b &= (uint8_t)(b - 1))
				ones++;
			same += buf[i] == last;
			last = buf[i];
		}
		got += len;
	}
	if (error) {
		out_error("virtio-rng", error);
		return false;
	}
	ppm = ones * 125000 / got;
	json_open(j, "result");
	json_str(j, "mode", "rng");
	json_u64(j, "bytes", got);
	json_u64(j, "elapsed_ns", clock_ns(rdtsc() - t0));
	json_u64(j, "ones_ppm", ppm);
	json_u64(j, "repeats", same);
	json_close(j);
	/* Half the bits, one byte in 256 like the one before; wide margins for short reads. */
	return got < 1024 || (ppm > 400000 && ppm < 600000 && same < got / 32);
}
