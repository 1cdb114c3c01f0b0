/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mode=smp: starts cpus= - 1 others (INIT, SIPI through the xAPIC, whose page ring 3 may write), one at
 * a time; each notes its APIC id and TSC in ring 3.
 */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/layout.h"
#include "bench/probe/modes.h"
#include "bench/probe/out.h"
#include "bench/probe/str.h"

#define APIC_BASE 0xfee00000u
#define APIC_ID   (APIC_BASE + 0x20)
#define APIC_SVR  (APIC_BASE + 0xf0)
#define ICR_LOW   (APIC_BASE + 0x300)
#define ICR_HIGH  (APIC_BASE + 0x310)

#define ICR_INIT    0x4500u /* assert */
#define ICR_SIPI    0x4600u
#define ICR_PENDING 0x1000u

#define STACK 16384

extern char ap_page[], ap_page_end[];
extern uint64_t ap_frame[5];
extern uint32_t ap_index;

void ap_main(uint32_t index);

static struct ap {
	uint32_t up, apic_id;
	uint64_t tsc, rounds;
} aps[PROBE_CPUS];
static uint32_t quit;

/* On the AP. It counts until everybody is up, which shows that all run at once; then it sleeps. */
void
ap_main(uint32_t index)
{
	struct ap *ap = &aps[index];

	ap->apic_id = mmio_read32(APIC_ID) >> 24;
	ap->tsc = rdtsc();
	/* Pairs with the acquire in start_one(). */
	__atomic_store_n(&ap->up, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&ap->rounds, ap->rounds + 1, __ATOMIC_RELAXED);
		cpu_pause();
	}
	for (;;)
		cpu_hlt();
}

static void
send_ipi(uint32_t apic_id, uint32_t what)
{
	uint64_t t0 = rdtsc();

	mmio_write32(ICR_HIGH, apic_id << 24);
	mmio_write32(ICR_LOW, what);
	while ((mmio_read32(ICR_LOW) & ICR_PENDING) && rdtsc() - t0 < tsc.hz / 10)
		cpu_pause();
}

static bool
wait_up(struct ap *ap, uint64_t ns)
{
	uint64_t end = rdtsc() + clock_ticks(ns);

	while (!__atomic_load_n(&ap->up, __ATOMIC_ACQUIRE)) {
		if (rdtsc() >= end)
			return false;
		cpu_pause();
	}
	return true;
}

static bool
start_one(uint32_t index)
{
	uint8_t *stack = heap_alloc(STACK);
	uint64_t t0 = rdtsc();
	struct json *j = out_json();
	bool up;

	if (!stack)
		return false;
	ap_index = index;
	ap_frame[3] = (uint64_t)(uintptr_t)stack + STACK - 8; /* as after a call */
	send_ipi(index, ICR_INIT);
	wait_up(&aps[index], 10000000); /* the manual's 10 ms */
	send_ipi(index, ICR_SIPI | AP_PAGE >> 12);
	up = wait_up(&aps[index], 200000000);
	if (!up) {
		send_ipi(index, ICR_SIPI | AP_PAGE >> 12);
		up = wait_up(&aps[index], 2000000000);
	}
	json_open(j, "cpu");
	json_u64(j, "index", index);
	json_bool(j, "up", up);
	json_u64(j, "apic_id", aps[index].apic_id);
	json_i64(j, "start_ns", up ? (int64_t)clock_ns(aps[index].tsc - t0) : -1);
	json_close(j);
	return up;
}

static uint32_t
moved(uint64_t cpus, const uint64_t *before)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < cpus; i++)
		n += __atomic_load_n(&aps[i].rounds, __ATOMIC_RELAXED) != before[i];
	return n;
}

bool
mode_smp(struct probe *p)
{
	uint64_t before[PROBE_CPUS], end;
	struct json *j = out_json();
	uint32_t up = 1, running = 1;

	memcpy((void *)AP_PAGE, ap_page, (size_t)(ap_page_end - ap_page));
	mmio_write32(APIC_SVR, 0x1ff);
	for (uint32_t i = 1; i < p->args.cpus; i++)
		up += start_one(i);
	for (uint32_t i = 1; i < p->args.cpus; i++)
		before[i] = __atomic_load_n(&aps[i].rounds, __ATOMIC_RELAXED);
	/* Each must be seen to move; a busy host may take its time with that. */
	end = rdtsc() + clock_ticks(5000000000ull);
	do
		running = 1 + moved(p->args.cpus, before);
	while (running < up && rdtsc() < end);
	__atomic_store_n(&quit, 1, __ATOMIC_RELEASE);
	json_open(j, "result");
	json_str(j, "mode", "smp");
	json_u64(j, "cpus", p->args.cpus);
	json_u64(j, "up", up);
	json_u64(j, "running", running);
	json_u64(j, "apic_id", mmio_read32(APIC_ID) >> 24);
	json_close(j);
	return up == p->args.cpus && running == up;
}
