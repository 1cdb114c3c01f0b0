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
static struct nic *nic;

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
	mmio_read8(nic->v.common + VCOMMON_STATUS);
}

/* A queue with nothing new in it: ioeventfd, so only as far as the kernel. */
static void
notify(void)
{
	mmio_write16(nic->tx[0].q.notify, nic->tx[0].q.index);
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

bool
mode_exits(struct probe *p)
{
	measure(p, "nothing", nothing);
	measure(p, "pio-read", pio_read);
	measure(p, "pio-write", pio_write);
	measure(p, "cpuid", ask_cpuid);
	measure(p, "ring0", ring0);
	if (!nics_count(p)) {
		out_error("no NIC: MMIO and notification were not timed", NULL);
		return true;
	}
	nic = nics_get(p, &p->args.tx);
	if (!nic)
		return false;
	measure(p, "mmio-read", mmio_read);
	measure(p, "notify", notify);
	return true;
}
