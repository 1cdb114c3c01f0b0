/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts: PVH from Xen's public/arch-x86/hvm/start_info.h; boot_params from the kernel's
 * Documentation/arch/x86/boot.rst and zero-page.rst. Fields are read at their offsets.
 */
#include "bench/probe/boot.h"

#include "bench/probe/layout.h"
#include "bench/probe/str.h"

#define PVH_MAGIC 0x336ec578u
#define BZ_MAGIC  0x53726448u /* "HdrS" */

static uint64_t
get(const void *base, size_t offset, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, (const char *)base + offset, size);
	return v;
}

static const char *
copy_cmdline(struct boot *b, uint64_t addr)
{
	const char *s = (const char *)(uintptr_t)addr;

	for (size_t i = 0; i < BOOT_CMDLINE_MAX; i++) {
		b->cmdline[i] = s[i];
		if (!s[i])
			return NULL;
	}
	b->cmdline[BOOT_CMDLINE_MAX - 1] = '\0';
	return "command line longer than 2047 bytes";
}

static const char *
read_pvh(struct boot *b, const void *si)
{
	uint64_t addr, n;

	if (get(si, 0, 4) != PVH_MAGIC)
		return "hvm_start_info has a wrong magic number";
	b->n_modules = (uint32_t)get(si, 12, 4);
	addr = get(si, 16, 8);
	if (b->n_modules && addr) {
		b->initrd_addr = get((const void *)(uintptr_t)addr, 0, 8);
		b->initrd_size = get((const void *)(uintptr_t)addr, 8, 8);
	}
	b->rsdp = get(si, 32, 8);
	if (get(si, 4, 4) >= 1) {
		addr = get(si, 40, 8);
		n = get(si, 48, 4);
		if (n > BOOT_RANGES_MAX)
			return "memory map too long";
		for (; b->n_ranges < n; b->n_ranges++) {
			const void *e = (const void *)(uintptr_t)(addr + b->n_ranges * 24ull);

			b->range[b->n_ranges] = (struct boot_range){get(e, 0, 8), get(e, 8, 8),
								    (uint32_t)get(e, 16, 4)};
		}
	}
	addr = get(si, 24, 8);
	return addr ? copy_cmdline(b, addr) : NULL;
}

static const char *
read_bz(struct boot *b, const void *bp)
{
	uint64_t addr, n;

	if (get(bp, 0x202, 4) != BZ_MAGIC)
		return "boot_params has no HdrS";
	b->initrd_addr = get(bp, 0x218, 4) | get(bp, 0xc0, 4) << 32;
	b->initrd_size = get(bp, 0x21c, 4) | get(bp, 0xc4, 4) << 32;
	b->rsdp = get(bp, 0x70, 8);
	n = get(bp, 0x1e8, 1);
	if (n > BOOT_RANGES_MAX)
		return "memory map too long";
	for (; b->n_ranges < n; b->n_ranges++) {
		const char *e = (const char *)bp + 0x2d0 + b->n_ranges * 20ull;

		b->range[b->n_ranges] =
			(struct boot_range){get(e, 0, 8), get(e, 8, 8), (uint32_t)get(e, 16, 4)};
	}
	addr = get(bp, 0x228, 4) | get(bp, 0xc8, 4) << 32;
	return addr ? copy_cmdline(b, addr) : NULL;
}

const char *
boot_read(struct boot *b, uint32_t protocol, const void *info)
{
	memset(b, 0, sizeof(*b));
	b->protocol = protocol;
	return protocol == PROTO_PVH ? read_pvh(b, info) : read_bz(b, info);
}

static void
consider(struct boot_range *best, uint64_t start, uint64_t end)
{
	start = (start + 0xfff) & ~0xfffull;
	end &= ~0xfffull;
	if (end > start && end - start > best->size)
		*best = (struct boot_range){start, end - start, BOOT_RAM};
}

struct boot_range
boot_largest_free(const struct boot *b, uint64_t image_end, uint64_t limit)
{
	struct boot_range best = {0, 0, BOOT_RAM};
	uint64_t i0 = b->initrd_addr, i1;

	if (image_end < 0x100000)
		image_end = 0x100000;
	if (__builtin_add_overflow(i0, b->initrd_size, &i1))
		i1 = UINT64_MAX;
	for (uint32_t i = 0; i < b->n_ranges; i++) {
		uint64_t start = b->range[i].addr, end;

		if (b->range[i].type != BOOT_RAM ||
		    __builtin_add_overflow(start, b->range[i].size, &end))
			continue;
		if (start < image_end)
			start = image_end;
		if (end > limit)
			end = limit;
		if (start >= end)
			continue;
		if (!b->initrd_size || i1 <= start || i0 >= end) {
			consider(&best, start, end);
			continue;
		}
		if (i0 > start)
			consider(&best, start, i0);
		if (i1 < end)
			consider(&best, i1, end);
	}
	return best;
}
