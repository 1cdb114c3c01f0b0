/* SPDX-License-Identifier: Apache-2.0 */
/* mode=pci, mem, reset, triplefault, hlt, flood, fault: for tests of the machine around us. */
#include "bench/probe/clock.h"
#include "bench/probe/cpu.h"
#include "bench/probe/heap.h"
#include "bench/probe/modes.h"
#include "bench/probe/nics.h"
#include "bench/probe/out.h"
#include "bench/probe/power.h"

#define STEP 0x200000ull

extern char __end[];

/* Configuration space through ports and through the window must be the same (ecam= says where). */
static uint64_t
compare(const struct pci_dev *d, uint64_t ecam)
{
	uint64_t different = 0;

	for (unsigned int at = 0; at < 256; at += 4) {
		uint32_t a, b;

		pci_init(0);
		a = pci_read(d, at, 4);
		pci_init(ecam);
		b = pci_read(d, at, 4);
		different += a != b;
	}
	return different;
}

bool
mode_pci(struct probe *p)
{
	struct json *j = out_json();
	struct pci_dev *d;
	unsigned int n = machine_scan(p, &d);
	uint64_t different = 0;

	for (unsigned int i = 0; i < n; i++) {
		json_open(j, "pci");
		json_u64(j, "dev", d[i].dev);
		json_u64(j, "fn", d[i].fn);
		json_hex(j, "vendor", d[i].vendor);
		json_hex(j, "device", d[i].device);
		json_hex(j, "class", d[i].class_rev >> 8);
		json_begin(j, "bars", '[');
		for (unsigned int b = 0; b < 6; b++)
			json_hex(j, NULL, pci_read(&d[i], PCI_BAR0 + b * 4, 4));
		json_end(j, ']');
		json_bool(j, "msix", pci_find_cap(&d[i], 0, PCI_CAP_MSIX));
		json_close(j);
		if (p->args.ecam)
			different += compare(&d[i], p->args.ecam);
	}
	json_open(j, "result");
	json_str(j, "mode", "pci");
	json_u64(j, "devices", n);
	json_bool(j, "compared", p->args.ecam);
	json_u64(j, "different", different);
	json_close(j);
	return n && !different;
}

/* Whether the word at @a is nobody's: not ours, not the initrd's, not the heap's. */
static bool
is_free(const struct boot *b, uint64_t a)
{
	return a >= (uint64_t)(uintptr_t)__end && !heap_has(a) &&
	       !(a >= b->initrd_addr && a - b->initrd_addr < b->initrd_size);
}

/* Calls with the last word of every 2 MiB of RAM; returns how often. */
static uint64_t
each(const struct boot *b, bool (*visit)(volatile uint64_t *word), uint64_t *ret_bad)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->n_ranges; i++) {
		const struct boot_range *r = &b->range[i];

		if (r->type != BOOT_RAM || r->addr < 0x100000)
			continue;
		for (uint64_t a = (r->addr | (STEP - 1)) - 7; a < r->addr + r->size; a += STEP) {
			if (!is_free(b, a))
				continue;
			*ret_bad += !visit((volatile uint64_t *)(uintptr_t)a);
			n++;
		}
	}
	return n;
}

static bool
mark(volatile uint64_t *word)
{
	*word = (uint64_t)(uintptr_t)word ^ 0x5aa55aa55aa55aa5ull;
	return true;
}

static bool
marked(volatile uint64_t *word)
{
	return *word == ((uint64_t)(uintptr_t)word ^ 0x5aa55aa55aa55aa5ull);
}

/* Every piece of RAM is there, and none is there twice: all are written before any is read. */
bool
mode_mem(struct probe *p)
{
	const struct boot *b = &p->boot;
	uint64_t bad = 0, n, ram = 0, high = 0;
	struct json *j = out_json();

	for (uint32_t i = 0; i < b->n_ranges; i++) {
		if (b->range[i].type != BOOT_RAM)
			continue;
		if (heap_map(b->range[i].addr, b->range[i].size)) {
			out_error("RAM beyond 512 GiB", NULL);
			return false;
		}
		ram += b->range[i].size;
		high += b->range[i].addr >= 0x100000000ull ? b->range[i].size : 0;
	}
	each(b, mark, &bad);
	n = each(b, marked, &bad);
	json_open(j, "result");
	json_str(j, "mode", "mem");
	json_u64(j, "ram", ram);
	json_u64(j, "ram_above_4g", high);
	json_u64(j, "checked", n);
	json_u64(j, "bad", bad);
	json_close(j);
	return n && !bad;
}

bool
mode_reset(struct probe *p)
{
	power_reset();
}

bool
mode_triplefault(struct probe *p)
{
	cpu_triple_fault();
	return false;
}

bool
mode_hlt(struct probe *p)
{
	struct json *j = out_json();

	json_open(j, "hlt");
	json_close(j);
	for (;;)
		cpu_hlt();
}

/* Reads where nothing is mapped: traps.S and fault_main() say so. */
bool
mode_fault(struct probe *p)
{
	mmio_read8(0x7fffffff0000ull);
	return false;
}

/* Lines as fast as they go out. */
bool
mode_flood(struct probe *p)
{
	uint64_t end = rdtsc() + clock_ticks(p->args.time), n = 0;
	struct json *j = out_json();

	while (rdtsc() < end && !(p->args.count && n >= p->args.count)) {
		json_open(j, "flood");
		json_u64(j, "n", n++);
		json_str(j, "text",
			 "the quick brown fox jumps over the lazy dog, again and again and again");
		json_close(j);
	}
	json_open(j, "result");
	json_str(j, "mode", "flood");
	json_u64(j, "lines", n);
	json_close(j);
	return true;
}
