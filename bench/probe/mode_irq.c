/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mode=irq: as loop, but one frame at a time, and the receiver learns of it by MSI-X. Shows that
 * interrupts arrive; the time they take is reported and means something on real hardware only.
 */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/report.h"

#define VECTOR        NET_IRQ
#define DEFAULT_COUNT 100
#define APIC_BASE     0xfee00000u
#define APIC_SVR      (APIC_BASE + 0xf0)

extern volatile uint64_t irq_count[256];

static struct hist hist;
static struct sender tx;

static bool
one(const struct probe *p, struct nic *from, struct nic *to, uint64_t seq, uint64_t *ret_missed)
{
	uint64_t before = irq_count[VECTOR], t0 = rdtsc(), wait = clock_ticks(1000000000);
	uint32_t len;

	if (!sender_one(&tx, FRAME_DATA, seq, to->mac))
		return false;
	while (irq_count[VECTOR] == before && rdtsc() - t0 < wait)
		cpu_pause();
	if (irq_count[VECTOR] == before)
		++*ret_missed;
	else
		hist_record(&hist, clock_ns(rdtsc() - t0));
	t0 = rdtsc();
	while (!nic_rx(to, 0, &len) && rdtsc() - t0 < wait) {
		if (nic_failed(to))
			return false;
	}
	nic_tx_pending(from);
	nic_rx(to, 0, &len); /* gives the buffer back */
	return true;
}

bool
mode_irq(struct probe *p)
{
	struct nic_name rx_name = p->args.rx;
	uint64_t n = p->args.count ? p->args.count : DEFAULT_COUNT, missed = 0, i;
	struct nic *from, *to;
	struct json *j = out_json();
	bool ok = true;

	if (!rx_name.set)
		rx_name.index = 1;
	from = nics_get(p, &p->args.tx);
	to = from ? nics_get(p, &rx_name) : NULL;
	if (!to || from == to)
		return false;
	outb(0x21, 0xff); /* the old controllers stay silent, where there are any */
	outb(0xa1, 0xff);
	mmio_write32(APIC_SVR, 0x1ff);
	hist_reset(&hist);
	sender_init(&tx, from, &p->args, to->mac);
	vring_interrupts(&to->rx[0].q.ring, true);
	cpu_interrupts(true);
	for (i = 0; ok && i < n; i++)
		ok = one(p, from, to, i, &missed);
	cpu_interrupts(false);
	json_open(j, "result");
	json_str(j, "mode", "irq");
	json_u64(j, "frames", i);
	json_u64(j, "interrupts", irq_count[VECTOR]);
	json_u64(j, "missed", missed);
	report_hist(j, &hist, p->args.hist);
	json_close(j);
	return ok && !missed;
}
