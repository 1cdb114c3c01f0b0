/* SPDX-License-Identifier: Apache-2.0 */
/* The few instructions that C has no words for, and what ring 0 does for ring 3 (traps.S). */
#ifndef CORELANE_PROBE_CPU_H
#define CORELANE_PROBE_CPU_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t
rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void
cpu_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void
outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void
outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void
outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint8_t
inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t
inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t
inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

/* One exit for a whole string, where one outb each would be one exit a byte. */
static inline void
outsb(uint16_t port, const void *bytes, uint64_t n)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"(port) : "memory");
}

/*
 * Device registers: one access of exactly that size, in an instruction simple enough for every
 * emulator of instructions.
 */
static inline uint8_t
mmio_read8(uint64_t a)
{
	uint8_t v;

	__asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(a) : "memory");
	return v;
}

static inline uint16_t
mmio_read16(uint64_t a)
{
	uint16_t v;

	__asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline uint32_t
mmio_read32(uint64_t a)
{
	uint32_t v;

	__asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void
mmio_write8(uint64_t a, uint8_t v)
{
	__asm__ volatile("movb %0, (%1)" ::"q"(v), "r"(a) : "memory");
}

static inline void
mmio_write16(uint64_t a, uint16_t v)
{
	__asm__ volatile("movw %0, (%1)" ::"r"(v), "r"(a) : "memory");
}

static inline void
mmio_write32(uint64_t a, uint32_t v)
{
	__asm__ volatile("movl %0, (%1)" ::"r"(v), "r"(a) : "memory");
}

static inline void
cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "0"(leaf), "2"(sub));
}

/* The service gate. Numbers as in traps.S. */
enum service {
	SVC_HLT,    /* hlt with interrupts as they are (off: for ever) */
	SVC_RDMSR,  /* ecx: which */
	SVC_WRMSR,  /* ecx: which, edx:edi the value */
	SVC_IF,     /* edi: ring 3's flags, 0x202 or 2 */
	SVC_TRIPLE, /* triple fault */
	SVC_WAIT,   /* sti; hlt: sleeps until an interrupt */
};

static inline void
cpu_hlt(void)
{
	__asm__ volatile("int3" ::"a"(SVC_HLT) : "memory", "cc");
}

static inline void
cpu_wait(void)
{
	__asm__ volatile("int3" ::"a"(SVC_WAIT) : "memory", "cc");
}

static inline void
cpu_triple_fault(void)
{
	__asm__ volatile("int3" ::"a"(SVC_TRIPLE) : "memory", "cc");
}

static inline void
cpu_interrupts(bool on)
{
	__asm__ volatile("int3" ::"a"(SVC_IF), "D"(on ? 0x202ul : 2ul) : "memory", "cc");
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint64_t lo = SVC_RDMSR, hi;

	__asm__ volatile("int3" : "+a"(lo), "=d"(hi) : "c"(msr) : "memory", "cc");
	return hi << 32 | (uint32_t)lo;
}

static inline void
wrmsr(uint32_t msr, uint64_t value)
{
	uint64_t op = SVC_WRMSR;

	__asm__ volatile("int3"
			 : "+a"(op)
			 : "c"(msr), "d"(value >> 32), "D"((uint32_t)value)
			 : "memory", "cc");
}

#endif
