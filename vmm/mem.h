/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM, and the one gate to it. RAM is a memfd per region, mapped once, prefaulted and bound to
 * its NUMA nodes before the first vCPU runs. Nobody else turns a guest address into a pointer.
 *
 * Layout (x86, the PC's): [0, min(size, 3 GiB)) below the hole, the rest from 4 GiB up.
 * The hole: PCI BARs from 0xC0000000, ECAM at 0xE0000000 (one bus, 1 MiB), IOAPIC, LAPIC.
 */
#ifndef CORELANE_VMM_MEM_H
#define CORELANE_VMM_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"

#define MEM_REGIONS_MAX 4
#define MEM_CELLS_MAX   VMM_CELLS_MAX
#define MEM_SPANS_MAX   (MEM_CELLS_MAX + 1) /* the PCI hole cuts at most one cell in two */

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

/* What a guest's NUMA node shall have. */
struct mem_cell {
	uint64_t size; /* a multiple of the page size */
	int node;      /* host node to bind to, or -1: anywhere */
};

/* Guest addresses that belong to one cell: cells lie one behind the other, across regions. */
struct mem_span {
	uint64_t gpa, size;
	unsigned int cell;
	int node;
};

struct mem {
	struct mem_region
		region[MEM_REGIONS_MAX]; /* by rising gpa; disjoint; never adjacent-merged */
	unsigned int n;
	uint64_t page_size;
	struct mem_span span[MEM_SPANS_MAX]; /* by rising gpa; all of the regions' bytes */
	unsigned int n_spans;
};

/*
 * Makes the RAM of @n cells in pages of @page_size, each on its host node, and touches every page.
 * -ENOMEM when there are too few hugepages: the text says how many are needed and free.
 */
int mem_create(struct mem *m, const struct mem_cell *cell, size_t n, uint64_t page_size,
	       struct err *e);
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
