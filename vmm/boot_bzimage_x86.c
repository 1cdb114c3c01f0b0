/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Linux/x86 boot protocol with its 64-bit entry (Documentation/arch/x86/boot.rst): version 2.12 or
 * later, a kernel that says XLF_KERNEL_64. The real-mode part of the file is read for its header only.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vmm/boot.h"

#define HEADER_AT     0x1f1u
#define MAGIC_AT      0x202u
#define MAGIC         0x53726448u /* "HdrS" */
#define VERSION_MIN   0x020cu
#define SECTOR        512u
#define ENTRY_64      0x200u
#define LOADER_OTHER  0xffu
#define PD_LARGE      0x83ull /* present, writable, 2 MiB */
#define TABLE         0x03ull
#define ENTRIES       512u
#define ALIGNMENT_MAX (1u << 30)

bool
boot_is_bzimage(const struct boot_file *f)
{
	uint32_t magic;

	return boot_file_read(f, MAGIC_AT, &magic, sizeof(magic)) == 0 && magic == MAGIC;
}

/* Where the kernel proper is in the file and goes in memory. */
struct image {
	struct setup_header h;
	uint64_t offset, size; /* in the file */
	uint64_t addr;         /* in memory */
	uint64_t room;         /* bytes that it needs there until it has unpacked itself */
};

/* The header is as long as its jump instruction says; what is behind that is code. */
static int
read_header(const struct boot_file *f, struct setup_header *h)
{
	uint8_t jump;
	size_t len;

	if (boot_file_read(f, MAGIC_AT - 1, &jump, sizeof(jump)) < 0)
		return -ENODATA;
	len = MIN_OF(MAGIC_AT - HEADER_AT + (size_t)jump, sizeof(*h));
	memset(h, 0, sizeof(*h));
	return boot_file_read(f, HEADER_AT, h, len);
}

static int
parse(const struct boot_file *f, struct image *img, struct err *e)
{
	struct setup_header *h = &img->h;
	uint32_t sectors;

	if (read_header(f, h) < 0)
		return err_set(e, ENOEXEC, "bzImage: the file ends inside its header");
	if (h->boot_flag != 0xaa55 || h->version < VERSION_MIN)
		return err_set(
			e, ENOEXEC,
			"bzImage: boot protocol %u.%02u, 2.12 or later is needed (Linux 3.8)",
			h->version >> 8, h->version & 0xffu);
	if (!(h->xloadflags & XLF_KERNEL_64) || !(h->loadflags & LOADED_HIGH))
		return err_set(e, ENOEXEC, "bzImage: a 32-bit kernel; an x86-64 one is needed");
	sectors = h->setup_sects ? h->setup_sects : 4;
	img->offset = ((uint64_t)sectors + 1) * SECTOR;
	if (img->offset >= f->size || (uint64_t)h->syssize * 16 > f->size - img->offset)
		return err_set(e, ENOEXEC,
			       "bzImage: the file has %llu bytes, its header says at least %llu "
			       "(truncated?)",
			       (unsigned long long)f->size,
			       (unsigned long long)img->offset + 16ull * h->syssize);
	img->size = f->size - img->offset;
	if (img->size <= ENTRY_64)
		return err_set(e, ENOEXEC, "bzImage: no kernel behind its header");
	if (h->kernel_alignment == 0 || (h->kernel_alignment & (h->kernel_alignment - 1)) ||
	    h->kernel_alignment > ALIGNMENT_MAX)
		return err_set(e, ENOEXEC, "bzImage: alignment 0x%x is not a power of two",
			       h->kernel_alignment);
	img->room = MAX_OF((uint64_t)h->init_size, img->size);
	return 0;
}

static int
place(const struct mem *m, struct image *img, struct err *e)
{
	const struct setup_header *h = &img->h;
	uint64_t top = m->region[0].size, pref = h->pref_address;

	/* pref_address where it fits; else, when it can be moved, as low as may be. */
	img->addr = pref;
	if (h->relocatable_kernel &&
	    (pref < BOOT_KERNEL_MIN || pref > top || img->room > top - pref))
		img->addr = align_up(BOOT_KERNEL_MIN, h->kernel_alignment);
	if (img->addr < BOOT_KERNEL_MIN)
		return err_set(e, ENOEXEC, "bzImage: wants to be at 0x%llx, below 1 MiB",
			       (unsigned long long)img->addr);
	if (img->addr > top || img->room > top - img->addr)
		return err_set(e, ENOMEM,
			       "bzImage: needs %llu MiB at 0x%llx, the guest has %llu MiB below 4 "
			       "GiB: give it more memory",
			       (unsigned long long)(img->room >> 20), (unsigned long long)img->addr,
			       (unsigned long long)(top >> 20));
	return 0;
}

static int
write_zero_page(const struct mem *m, const struct image *img, const struct boot_params_in *in,
		uint64_t initrd, struct err *e)
{
	struct boot_range range[BOOT_RANGES_MAX];
	size_t n = boot_memory_map(m, range);
	struct boot_params bp = {.hdr = img->h};
	size_t len = strlen(in->cmdline);

	if (len > img->h.cmdline_size)
		return err_set(e, EINVAL, "command line: %zu bytes, this kernel takes %u", len,
			       img->h.cmdline_size);
	bp.hdr.type_of_loader = LOADER_OTHER;
	bp.hdr.cmd_line_ptr = (uint32_t)BOOT_CMDLINE;
	bp.hdr.ramdisk_image = (uint32_t)initrd;
	bp.hdr.ramdisk_size = (uint32_t)in->initrd.size;
	bp.hdr.code32_start = (uint32_t)img->addr;
	bp.hdr.setup_data = 0;
	for (size_t i = 0; i < n; i++) {
		bp.e820_table[i].addr = range[i].addr;
		bp.e820_table[i].size = range[i].size;
		bp.e820_table[i].type = range[i].type;
	}
	bp.e820_entries = (uint8_t)n;
	bp.acpi_rsdp_addr = BOOT_ACPI;
	if (mem_write(m, BOOT_ZERO_PAGE, &bp, sizeof(bp)) < 0)
		return err_set(e, ENOMEM, "no memory for the boot information");
	return 0;
}

/* The first 4 GiB, one to one, in pages of 2 MiB; and the two descriptors that the protocol names. */
static int
write_tables(const struct mem *m, struct err *e)
{
	static const uint64_t gdt[4] = {
		0, 0, 0x00af9b000000ffffull, /* 0x10: 64-bit code */
		0x00cf93000000ffffull,       /* 0x18: flat data */
	};
	uint64_t *t = mem_at(m, BOOT_PML4, 6 * 4096ull);

	if (!t || mem_write(m, BOOT_GDT, gdt, sizeof(gdt)) < 0)
		return err_set(e, ENOMEM, "no memory for page tables");
	t[0] = (BOOT_PML4 + 0x1000) | TABLE;
	for (uint64_t i = 0; i < 4; i++)
		t[ENTRIES + i] = (BOOT_PML4 + 0x2000 + i * 0x1000) | TABLE;
	for (uint64_t i = 0; i < 4ull * ENTRIES; i++)
		t[2ull * ENTRIES + i] = i << 21 | PD_LARGE;
	return 0;
}

int
boot_load_bzimage(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
		  struct err *e)
{
	struct image img = {0};
	uint64_t initrd = 0;
	int r = parse(&in->kernel, &img, e);

	if (r == 0)
		r = place(m, &img, e);
	if (r == 0)
		r = boot_load_part(m, &in->kernel, img.offset, img.addr, img.size, e);
	if (r == 0)
		r = boot_load_initrd(m, &in->initrd, img.addr + img.room,
				     (uint64_t)img.h.initrd_addr_max + 1, &initrd, e);
	if (r == 0)
		r = write_zero_page(m, &img, in, initrd, e);
	if (r == 0)
		r = write_tables(m, e);
	if (r < 0)
		return r;
	*ret = (struct boot_state){
		.long_mode = true,
		.entry = img.addr + ENTRY_64,
		.arg = BOOT_ZERO_PAGE,
		.format = "bzImage",
	};
	return 0;
}
