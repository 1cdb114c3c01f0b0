/* SPDX-License-Identifier: Apache-2.0 */
/* mode=exits: what leaving the guest costs, kind by kind, count= of each. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/report.h"

#define DEFAULT_COUNT 1000

static struct hist hist;
static struct virtio dev;
static struct virtq q;

static void
nothing(void)
{
}

static void
pio_read(void)
{
	inb(0x3fd); /* COM1's line status: a device in the VMM */
}

static void
pio_write(void)
{
	outb(0x80, 0); /* the POST port: nobody */
}

static void
mmio_read(void)
{
	mmio_read8(dev.common + VCOMMON_STATUS);
}

/* A queue with nothing new in it: ioeventfd, so only as far as the kernel. */
static void
notify(void)
{
	mmio_write16(q.notify, q.index);
}

static void
ask_cpuid(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
}

static void
ring0(void)
{
	rdmsr(0xc0000080); /* int3, rdmsr, iretq */
}

static void
measure(const struct probe *p, const char *kind, void (*op)(void))
{
	uint64_t n = p->args.count ? p->args.count : DEFAULT_COUNT;
	struct json *j = out_json();

	hist_reset(&hist);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t t0 = rdtsc();

		op();
		hist_record(&hist, clock_ns(rdtsc() - t0));
	}
	json_open(j, "result");
	json_str(j, "mode", "exits");
	json_str(j, "kind", kind);
	report_hist(j, &hist, p->args.hist);
	json_close(j);
}

/* Any virtio device with a queue that the device reads from: a NIC's first send queue, or the rng's. */
static const char *
open_any(const struct probe *p)
{
	struct pci_dev *d = machine_find(p, VIRTIO_ID_NET);
	uint16_t index = 1;
	const char *e;

	if (!d) {
		d = machine_find(p, VIRTIO_ID_RNG);
		index = 0;
	}
	if (!d)
		return "no NIC and no rng: MMIO and notification were not timed";
	e = virtio_open(&dev, d);
	if (!e)
		e = virtio_features(&dev, 0, 0);
	if (!e)
		e = virtio_queue(&dev, &q, index, 16);
	return e ? e : virtio_ready(&dev);
}

bool
mode_exits(struct probe *p)
{
	const char *e;

	measure(p, "nothing", nothing);
	measure(p, "pio-read", pio_read);
	measure(p, "pio-write", pio_write);
	measure(p, "cpuid", ask_cpuid);
	measure(p, "ring0", ring0);
	e = open_any(p);
	if (e) {
		out_error(e, NULL);
		return false;
	}
	measure(p, "mmio-read", mmio_read);
	measure(p, "notify", notify);
	return true;
}
