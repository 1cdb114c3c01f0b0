/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM, and the one gate to it. RAM is a memfd per region, mapped once, prefaulted and bound to
 * its NUMA node before the first vCPU runs. Nobody else turns a guest address into a pointer.
 *
 * Layout (x86, the PC's): [0, min(size, 3 GiB)) below the hole, the rest from 4 GiB up.
 * The hole: PCI BARs from 0xC0000000, ECAM at 0xE0000000 (one bus, 1 MiB), IOAPIC, LAPIC.
 */
#ifndef CORELANE_VMM_MEM_H
#define CORELANE_VMM_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MEM_REGIONS_MAX 4

#define GPA_LOW_RAM_MAX   0xC0000000ull
#define GPA_PCI_BARS      0xC0000000ull
#define GPA_PCI_BARS_SIZE 0x20000000ull
#define GPA_ECAM          0xE0000000ull
#define GPA_ECAM_SIZE     0x00100000ull /* bus 0 only (PCIe 5.0, 7.2.2: 4 KiB a function) */
#define GPA_HIGH_RAM      0x100000000ull

struct mem_region {
	uint64_t gpa, size;
	uint8_t *hva;       /* MAP_SHARED of fd */
	int fd;             /* memfd; vhost-user back ends get it */
	uint64_t fd_offset; /* of this region inside fd */
};

struct mem {
	struct mem_region
		region[MEM_REGIONS_MAX]; /* by rising gpa; disjoint; never adjacent-merged */
	unsigned int n;
	uint64_t page_size;
};

/*
 * Makes @size bytes of RAM in pages of @page_size on host node @node (-1: anywhere), touches every
 * page. -ENOMEM when there are too few hugepages: the text says how many are needed and free.
 */
int mem_create(struct mem *m, uint64_t size, uint64_t page_size, int node, struct err *e);
void mem_destroy(struct mem *m);

/*
 * The gate. A pointer to guest bytes [@gpa, @gpa + @len), or NULL when any of them is not RAM or the
 * range spans two regions or wraps. The bytes may change under the caller's feet: copy, then check.
 * Any thread. Valid until mem_destroy().
 */
void *mem_at(const struct mem *m, uint64_t gpa, uint64_t len);

/* Copies across regions too. 0 or -EFAULT (nothing copied). */
int mem_read(const struct mem *m, uint64_t gpa, void *dst, size_t len);
int mem_write(const struct mem *m, uint64_t gpa, const void *src, size_t len);

#endif
