/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/clock.h"

#include "bench/probe/cpu.h"
#include "bench/probe/str.h"

#define PIT_HZ                  1193182u
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01u

struct clock tsc;

/* Linux Documentation/virt/kvm/x86/msr.rst */
struct pvclock {
	uint32_t version, pad0;
	uint64_t tsc_timestamp, system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad[2];
};

static uint64_t
from_cpuid15(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	if (r[0] < 0x15)
		return 0;
	cpuid(0x15, 0, r);
	return r[0] && r[1] && r[2] ? (uint64_t)r[2] * r[1] / r[0] : 0;
}

static uint64_t
from_cpuid16(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	if (r[0] < 0x16)
		return 0;
	cpuid(0x16, 0, r);
	return (r[0] & 0xffff) * 1000000ull;
}

static uint64_t
from_hypervisor(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return 0;
	cpuid(0x40000000, 0, r);
	if (r[0] < 0x40000010 || r[0] > 0x400000ff)
		return 0;
	cpuid(0x40000010, 0, r);
	return r[0] * 1000ull;
}

static uint64_t
from_kvmclock(void)
{
	static struct pvclock page __attribute__((aligned(64)));
	volatile struct pvclock *p = &page;
	uint32_t r[4];
	uint64_t hz;

	cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return 0;
	cpuid(0x40000000, 0, r);
	if (memcmp(&r[1], "KVMKVMKVM\0\0\0", 12))
		return 0;
	cpuid(0x40000001, 0, r);
	if (!(r[0] & 1u << 3)) /* KVM_FEATURE_CLOCKSOURCE2 */
		return 0;
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (uint64_t)(uintptr_t)&page | 1);
	/* KVM fills it before the vCPU runs again. ns = (ticks << shift) * mul >> 32 */
	hz = p->tsc_to_system_mul;
	if (!hz)
		return 0;
	hz = (1000000000ull << 32) / hz;
	hz = p->tsc_shift < 0 ? hz << -p->tsc_shift : hz >> p->tsc_shift;
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, 0);
	return hz;
}

/*
 * One measurement: ticks that channel 2 of the PIT takes for 10 ms, and between which bounds we saw
 * them. Gated by port 0x61; the output is bit 5. No PIT: the bit never moves, or is set at once.
 */
static uint64_t
pit_once(uint32_t count, uint64_t *ret_error)
{
	uint64_t before, started, last, now;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
	outb(0x42, count & 0xff);
	before = rdtsc();
	outb(0x42, (uint8_t)(count >> 8));
	started = now = rdtsc();
	if (inb(0x61) & 0x20)
		return 0;
	do {
		last = now;
		now = rdtsc();
		if (now - before > 10000000000ull)
			return 0;
	} while (!(inb(0x61) & 0x20));
	now = rdtsc();
	*ret_error = (now - before) - (last - started);
	return ((now - before) + (last - started)) / 2;
}

/* Whoever runs us may take the CPU away in the middle: tries until the bounds are within 0.2 %. */
static uint64_t
from_pit(void)
{
	const uint32_t count = PIT_HZ / 100;
	uint64_t best = 0, best_error = UINT64_MAX, error = 0;

	for (int i = 0; i < 20; i++) {
		uint64_t t = pit_once(count, &error);

		if (!t)
			break;
		if (error < best_error) {
			best_error = error;
			best = t;
		}
		if (best_error < best / 500)
			break;
	}
	return muldiv(best, PIT_HZ, count);
}

void
clock_init(uint64_t hz)
{
	static const struct {
		uint64_t (*ask)(void);
		const char *name;
	} sources[] = {{from_cpuid15, "cpuid15"},
		       {from_hypervisor, "hypervisor"},
		       {from_kvmclock, "kvmclock"},
		       {from_pit, "pit"},
		       {from_cpuid16, "cpuid16"}};

	tsc = (struct clock){.hz = hz, .source = hz ? "argument" : "none"};
	for (unsigned int i = 0; !tsc.hz && i < sizeof(sources) / sizeof(sources[0]); i++) {
		tsc.hz = sources[i].ask();
		tsc.source = tsc.hz ? sources[i].name : "none";
	}
	if (tsc.hz)
		tsc.ns_mul = (1000000000ull << 32) / tsc.hz;
}
