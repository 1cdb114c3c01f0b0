/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader told: copied out of its structures at once, so that their memory is free after. */
#ifndef CORELANE_PROBE_BOOT_H
#define CORELANE_PROBE_BOOT_H

#include <stddef.h>
#include <stdint.h>

#define BOOT_RANGES_MAX  128 /* boot_params has room for 128 (E820_MAX_ENTRIES_ZEROPAGE) */
#define BOOT_CMDLINE_MAX 2048
#define BOOT_RAM         1 /* of boot_range.type: the numbers of E820 */

struct boot_range {
	uint64_t addr, size;
	uint32_t type;
};

struct boot {
	uint32_t protocol; /* PROTO_* of layout.h */
	uint32_t n_ranges;
	uint32_t n_modules; /* PVH: how many; the first one is the initrd */
	uint64_t initrd_addr, initrd_size;
	uint64_t rsdp;
	struct boot_range range[BOOT_RANGES_MAX];
	char cmdline[BOOT_CMDLINE_MAX];
};

/*
 * Reads the structure that @protocol says at @info. NULL, or what is wrong with it; what could be
 * read is in @b even then.
 */
const char *boot_read(struct boot *b, uint32_t protocol, const void *info);

/*
 * The largest piece of RAM below @limit that is free of the first MiB, of @image_end and what lies
 * below, and of the initrd; whole 4 KiB pages. size 0 when there is none.
 */
struct boot_range boot_largest_free(const struct boot *b, uint64_t image_end, uint64_t limit);

#endif
