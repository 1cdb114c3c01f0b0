/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PVH boot protocol: an ELF whose Xen note names a 32-bit physical entry point, and a struct that
 * says where command line, modules and memory map are. Sources: Xen's docs/misc/pvh.pandoc and
 * public/arch-x86/hvm/start_info.h (layout), public/elfnote.h (note 18); the ELF-64 object file format.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vmm/boot.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define SEGMENTS_MAX 32
#define PHDRS_MAX    64
#define NOTES_MAX    256

#define START_INFO_MAGIC 0x336ec578u

struct start_info { /* version 1 */
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct start_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct start_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

struct start_page { /* everything that BOOT_START_INFO holds */
	struct start_info info;
	struct start_module module;
	struct start_memmap map[BOOT_RANGES_MAX];
};

struct elf_image {
	struct {
		uint64_t offset, file_size, addr, size;
	} seg[SEGMENTS_MAX];
	unsigned int n;
	uint64_t end;   /* of the highest segment */
	uint64_t entry; /* from the note */
	bool has_entry;
};

bool
boot_is_elf(const struct boot_file *f)
{
	char magic[SELFMAG];

	return boot_file_read(f, 0, magic, sizeof(magic)) == 0 &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static int
read_header(const struct boot_file *f, Elf64_Ehdr *h, struct err *e)
{
	if (boot_file_read(f, 0, h, sizeof(*h)) < 0)
		return err_set(e, ENOEXEC, "ELF: the file ends inside its header (truncated?)");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, ENOEXEC, "ELF: not a 64-bit little-endian file");
	if (h->e_machine != EM_X86_64)
		return err_set(e, ENOEXEC, "ELF: for machine %u, not for x86-64", h->e_machine);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0)
		return err_set(e, ENOEXEC, "ELF: it has no program headers");
	if (h->e_phnum > PHDRS_MAX)
		return err_set(e, ENOEXEC, "ELF: %u program headers, at most %u are taken",
			       h->e_phnum, PHDRS_MAX);
	return 0;
}

static int
add_segment(const struct boot_file *f, const struct mem *m, const Elf64_Phdr *p,
	    struct elf_image *img, struct err *e)
{
	uint64_t end;

	if (p->p_memsz == 0)
		return 0;
	if (p->p_filesz > p->p_memsz)
		return err_set(e, ENOEXEC, "ELF: a segment is larger in the file than in memory");
	if (p->p_offset > f->size || p->p_filesz > f->size - p->p_offset)
		return err_set(e, ENOEXEC, "ELF: the file ends inside a segment (truncated?)");
	if (__builtin_add_overflow(p->p_paddr, p->p_memsz, &end))
		return err_set(e, ENOEXEC, "ELF: a segment wraps round the end of memory");
	if (p->p_paddr < BOOT_KERNEL_MIN)
		return err_set(
			e, ENOEXEC,
			"ELF: a segment at 0x%llx is below 1 MiB: an ordinary program? Give a "
			"kernel with a PVH entry",
			(unsigned long long)p->p_paddr);
	if (end > m->region[0].size)
		return err_set(e, ENOMEM,
			       "ELF: a segment ends at 0x%llx, beyond the guest's memory below 4 "
			       "GiB (0x%llx)",
			       (unsigned long long)end, (unsigned long long)m->region[0].size);
	for (unsigned int i = 0; i < img->n; i++)
		if (p->p_paddr < img->seg[i].addr + img->seg[i].size && img->seg[i].addr < end)
			return err_set(e, ENOEXEC, "ELF: two segments overlap at 0x%llx",
				       (unsigned long long)p->p_paddr);
	if (img->n == SEGMENTS_MAX)
		return err_set(e, ENOEXEC, "ELF: more than %u segments", SEGMENTS_MAX);
	img->seg[img->n].offset = p->p_offset;
	img->seg[img->n].file_size = p->p_filesz;
	img->seg[img->n].addr = p->p_paddr;
	img->seg[img->n].size = p->p_memsz;
	img->n++;
	img->end = MAX_OF(img->end, end);
	return 0;
}

/* Looks through one PT_NOTE for the entry point. */
static int
read_notes(const struct boot_file *f, const Elf64_Phdr *p, struct elf_image *img, struct err *e)
{
	uint64_t at = p->p_offset, end;

	if (__builtin_add_overflow(p->p_offset, p->p_filesz, &end) || end > f->size)
		return err_set(e, ENOEXEC, "ELF: the file ends inside its notes");
	for (unsigned int i = 0; i < NOTES_MAX && end - at >= sizeof(Elf64_Nhdr); i++) {
		Elf64_Nhdr n;
		uint64_t name, desc, next;
		char owner[4];

		if (boot_file_read(f, at, &n, sizeof(n)) < 0)
			return err_set(e, ENOEXEC, "ELF: its notes cannot be read");
		name = at + sizeof(n);
		desc = name + align_up(n.n_namesz, 4);
		next = desc + align_up(n.n_descsz, 4);
		if (next > end)
			return err_set(e, ENOEXEC, "ELF: a note is longer than its segment");
		at = next;
		if (n.n_type != XEN_ELFNOTE_PHYS32_ENTRY || n.n_namesz != 4 ||
		    boot_file_read(f, name, owner, sizeof(owner)) < 0 ||
		    memcmp(owner, "Xen", 4) != 0)
			continue;
		if (n.n_descsz != 4 && n.n_descsz != 8)
			return err_set(e, ENOEXEC,
				       "ELF: the PVH entry note has %u bytes, not 4 or 8",
				       n.n_descsz);
		img->entry = 0;
		if (boot_file_read(f, desc, &img->entry, n.n_descsz) < 0)
			return err_set(e, ENOEXEC, "ELF: its notes cannot be read");
		img->has_entry = true;
		return 0;
	}
	return 0;
}

static int
parse(const struct boot_file *f, const struct mem *m, struct elf_image *img, struct err *e)
{
	Elf64_Ehdr h;
	int r = read_header(f, &h, e);

	*img = (struct elf_image){0};
	for (unsigned int i = 0; r == 0 && i < h.e_phnum; i++) {
		Elf64_Phdr p;
		uint64_t at;

		if (__builtin_add_overflow(h.e_phoff, i * sizeof(p), &at) ||
		    boot_file_read(f, at, &p, sizeof(p)) < 0)
			return err_set(e, ENOEXEC,
				       "ELF: the file ends inside its program headers "
				       "(truncated?)");
		if (p.p_type == PT_LOAD)
			r = add_segment(f, m, &p, img, e);
		else if (p.p_type == PT_NOTE && !img->has_entry)
			r = read_notes(f, &p, img, e);
	}
	if (r < 0)
		return r;
	if (img->n == 0)
		return err_set(e, ENOEXEC, "ELF: nothing in it to load");
	if (!img->has_entry)
		return err_set(e, ENOEXEC,
			       "ELF: no PVH entry point (XEN_ELFNOTE_PHYS32_ENTRY note); a Linux "
			       "vmlinux needs CONFIG_PVH");
	for (unsigned int i = 0; i < img->n; i++)
		if (img->entry >= img->seg[i].addr &&
		    img->entry - img->seg[i].addr < img->seg[i].size)
			return 0;
	return err_set(e, ENOEXEC, "ELF: the PVH entry point 0x%llx is in none of its segments",
		       (unsigned long long)img->entry);
}

static int
write_start_info(const struct mem *m, uint64_t initrd, uint64_t initrd_size, struct err *e)
{
	struct boot_range range[BOOT_RANGES_MAX];
	size_t n = boot_memory_map(m, range);
	struct start_page page = {
		.info =
			{
				.magic = START_INFO_MAGIC,
				.version = 1,
				.nr_modules = initrd_size > 0,
				.modlist_paddr =
					initrd_size == 0
						? 0
						: BOOT_START_INFO +
							  offsetof(struct start_page, module),
				.cmdline_paddr = BOOT_CMDLINE,
				.rsdp_paddr = BOOT_ACPI,
				.memmap_paddr = BOOT_START_INFO + offsetof(struct start_page, map),
				.memmap_entries = (uint32_t)n,
			},
		.module = {.paddr = initrd, .size = initrd_size},
	};

	for (size_t i = 0; i < n; i++)
		page.map[i] = (struct start_memmap){range[i].addr, range[i].size, range[i].type, 0};
	if (mem_write(m, BOOT_START_INFO, &page, sizeof(page)) < 0)
		return err_set(e, ENOMEM, "no memory for the boot information");
	return 0;
}

int
boot_load_pvh(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
	      struct err *e)
{
	struct elf_image img;
	uint64_t initrd;
	int r = parse(&in->kernel, m, &img, e);

	/* What a segment has beyond its file part is zero already: the memory is fresh. */
	for (unsigned int i = 0; r == 0 && i < img.n; i++)
		r = boot_load_part(m, &in->kernel, img.seg[i].offset, img.seg[i].addr,
				   img.seg[i].file_size, e);
	if (r == 0)
		r = boot_load_initrd(m, &in->initrd, img.end, GPA_LOW_RAM_MAX, &initrd, e);
	if (r == 0)
		r = write_start_info(m, initrd, in->initrd.size, e);
	if (r < 0)
		return r;
	*ret = (struct boot_state){
		.entry = img.entry,
		.arg = BOOT_START_INFO,
		.format = "PVH ELF",
	};
	return 0;
}
