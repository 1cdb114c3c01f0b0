/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel files, whole and broken: a PVH ELF and a bzImage made here, each field of them wrong in turn,
 * each length cut, bytes wrong at random. And what the guest finds in memory of a whole one.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "vmm/boot.h"

#define RAM (8u << 20)

static uint8_t ram[RAM];
static struct err e;

static struct mem
make_mem(uint64_t size)
{
	memset(ram, 0, sizeof(ram));
	return (struct mem){.region = {{.gpa = 0, .size = size, .hva = ram}}, .n = 1};
}

/* An ELF with two segments and the note, as a linker makes them. */
struct elf {
	Elf64_Ehdr h;
	Elf64_Phdr p[3];
	struct {
		Elf64_Nhdr other;
		char other_name[4], other_desc[4];
		Elf64_Nhdr n;
		char name[4];
		uint32_t entry;
	} note;
	uint8_t text[64], data[32];
};

static struct elf
make_elf(void)
{
	struct elf f = {
		.h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_type = ET_EXEC,
		      .e_machine = EM_X86_64,
		      .e_version = EV_CURRENT,
		      .e_phoff = offsetof(struct elf, p),
		      .e_ehsize = sizeof(Elf64_Ehdr),
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_phnum = 3},
		.note = {.other = {4, 4, 1},
			 .other_name = "GNU",
			 .n = {4, 4, 18},
			 .name = "Xen",
			 .entry = 0x100010},
	};

	f.p[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			      .p_offset = offsetof(struct elf, text),
			      .p_paddr = 0x100000,
			      .p_filesz = sizeof(f.text),
			      .p_memsz = sizeof(f.text)};
	f.p[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			      .p_offset = offsetof(struct elf, data),
			      .p_paddr = 0x200000,
			      .p_filesz = sizeof(f.data),
			      .p_memsz = 4096};
	f.p[2] = (Elf64_Phdr){.p_type = PT_NOTE,
			      .p_offset = offsetof(struct elf, note),
			      .p_filesz = sizeof(f.note)};
	memset(f.text, 0xf4, sizeof(f.text));
	memset(f.data, 0x5a, sizeof(f.data));
	return f;
}

static const struct topology flat;

static int
load(const void *bytes, size_t size, uint64_t ram_size, struct boot_state *ret)
{
	struct mem m = make_mem(ram_size);
	struct boot_params_in in = {.kernel = {.fd = -1, .bytes = bytes, .size = size},
				    .cmdline = "console=ttyS0",
				    .n_vcpus = 3,
				    .topology = &flat};

	e = (struct err){0};
	return boot_load(&m, &in, ret, &e);
}

#define WRONG_ELF(change, code, words)                                                             \
	do {                                                                                       \
		struct elf f = make_elf();                                                         \
		struct boot_state st = {.entry = 77};                                              \
		change;                                                                            \
		assert_int_equal(load(&f, sizeof(f), RAM, &st), -(code));                          \
		if (!strstr(e.text, words))                                                        \
			fail_msg("no '%s' in '%s'", words, e.text);                                \
		assert_int_equal(st.entry, 77);                                                    \
	} while (0)

static void
loads_elf(void **state)
{
	struct elf f = make_elf();
	struct boot_state st;
	uint32_t v[12];
	uint64_t map, cmdline;

	assert_int_equal(load(&f, sizeof(f), RAM, &st), 0);
	assert_int_equal(st.entry, 0x100010);
	assert_false(st.long_mode);
	assert_int_equal(ram[0x100000], 0xf4);
	assert_int_equal(ram[0x200000 + 31], 0x5a);
	assert_int_equal(ram[0x200000 + 32], 0);
	/* hvm_start_info, by the offsets of Xen's header. */
	memcpy(v, ram + st.arg, sizeof(v));
	assert_int_equal(v[0], 0x336ec578);
	assert_int_equal(v[1], 1);
	assert_int_equal(v[3], 0); /* no modules */
	memcpy(&cmdline, ram + st.arg + 24, 8);
	assert_string_equal((char *)ram + cmdline, "console=ttyS0");
	memcpy(&map, ram + st.arg + 40, 8);
	memcpy(v, ram + st.arg + 48, 4);
	assert_int_equal(v[0], 4);
	memcpy(&cmdline, ram + map + 2 * 24, 8); /* third range: RAM from 1 MiB on */
	assert_int_equal(cmdline, 0x100000);
	memcpy(&cmdline, ram + map + 2 * 24 + 8, 8);
	assert_int_equal(cmdline, RAM - 0x100000);
	/* At f000:fff0: a far jump there, in real mode, writes 6 to port 0xcf9. */
	assert_memory_equal(ram + 0xffff0, "\xba\xf9\x0c\xb0\x06\xee", 6);
}

static void
refuses_elf_headers(void **state)
{
	WRONG_ELF(f.h.e_ident[EI_CLASS] = ELFCLASS32, ENOEXEC, "64-bit");
	WRONG_ELF(f.h.e_ident[EI_DATA] = ELFDATA2MSB, ENOEXEC, "little-endian");
	WRONG_ELF(f.h.e_machine = EM_AARCH64, ENOEXEC, "machine 183");
	WRONG_ELF(f.h.e_phentsize = 32, ENOEXEC, "no program headers");
	WRONG_ELF(f.h.e_phnum = 0, ENOEXEC, "no program headers");
	WRONG_ELF(f.h.e_phnum = 65535, ENOEXEC, "65535 program headers");
	WRONG_ELF(f.h.e_phnum = 64, ENOEXEC, "ELF");
	WRONG_ELF(f.h.e_phoff = UINT64_MAX, ENOEXEC, "inside its program headers");
	WRONG_ELF(f.h.e_phoff = UINT64_MAX - 60, ENOEXEC, "inside its program headers");
	WRONG_ELF(f.h.e_phoff = sizeof(f), ENOEXEC, "inside its program headers");
	WRONG_ELF(f.h.e_ident[0] = 0, ENOEXEC, "neither a PVH ELF nor a bzImage");
}

static void
refuses_elf_segments(void **state)
{
	WRONG_ELF(f.p[0].p_filesz = 65, ENOEXEC, "larger in the file");
	WRONG_ELF(f.p[1].p_offset = sizeof(f), ENOEXEC, "truncated?");
	WRONG_ELF(f.p[1].p_offset = UINT64_MAX, ENOEXEC, "truncated?");
	WRONG_ELF(f.p[1].p_filesz = f.p[1].p_memsz = UINT64_MAX, ENOEXEC, "truncated?");
	WRONG_ELF(f.p[1].p_memsz = UINT64_MAX, ENOEXEC, "wraps");
	WRONG_ELF(f.p[1].p_paddr = UINT64_MAX - 10, ENOEXEC, "wraps");
	WRONG_ELF(f.p[1].p_paddr = 0xfffff, ENOEXEC, "below 1 MiB");
	WRONG_ELF(f.p[1].p_paddr = 0, ENOEXEC, "below 1 MiB");
	WRONG_ELF(f.p[1].p_paddr = RAM - 4095, ENOMEM, "beyond the guest's memory");
	WRONG_ELF(f.p[1].p_paddr = GPA_HIGH_RAM, ENOMEM, "beyond the guest's memory");
	WRONG_ELF(f.p[1].p_memsz = 1ull << 40, ENOMEM, "beyond the guest's memory");
	WRONG_ELF(f.p[1].p_paddr = 0x10003f, ENOEXEC, "overlap");
	WRONG_ELF(f.p[0].p_memsz = 0x100001, ENOEXEC, "overlap");
	WRONG_ELF(f.p[1].p_paddr = 0x100000, ENOEXEC, "overlap");
	WRONG_ELF(f.p[0].p_type = f.p[1].p_type = 0, ENOEXEC, "nothing in it to load");
	WRONG_ELF((f.p[0].p_memsz = f.p[0].p_filesz = 0, f.p[1].p_memsz = f.p[1].p_filesz = 0),
		  ENOEXEC, "nothing in it to load");
}

static void
refuses_elf_notes(void **state)
{
	WRONG_ELF(f.p[2].p_type = 0, ENOEXEC, "CONFIG_PVH");
	WRONG_ELF(f.note.n.n_type = 17, ENOEXEC, "CONFIG_PVH");
	WRONG_ELF(memcpy(f.note.name, "Xeo", 4), ENOEXEC, "CONFIG_PVH");
	WRONG_ELF(f.note.n.n_namesz = 5, ENOEXEC, "longer than its segment");
	WRONG_ELF(f.note.n.n_descsz = 5, ENOEXEC, "longer than its segment");
	WRONG_ELF(f.note.n.n_descsz = UINT32_MAX, ENOEXEC, "longer than its segment");
	WRONG_ELF(f.note.other.n_namesz = UINT32_MAX, ENOEXEC, "longer than its segment");
	WRONG_ELF(f.note.n.n_descsz = 2, ENOEXEC, "has 2 bytes");
	WRONG_ELF(f.p[2].p_filesz = UINT64_MAX, ENOEXEC, "inside its notes");
	WRONG_ELF(f.p[2].p_offset = UINT64_MAX - 8, ENOEXEC, "inside its notes");
	WRONG_ELF(f.p[2].p_filesz = 11, ENOEXEC, "CONFIG_PVH");
	WRONG_ELF(f.note.entry = 0xfffff, ENOEXEC, "in none of its segments");
	WRONG_ELF(f.note.entry = 0x100040, ENOEXEC, "in none of its segments");
	WRONG_ELF(f.note.entry = 0xffffffff, ENOEXEC, "in none of its segments");
}

static void
refuses_every_cut_elf(void **state)
{
	struct elf f = make_elf();
	struct boot_state st;

	for (size_t size = 0; size < sizeof(f); size++) {
		uint8_t *cut =
			malloc(size ? size : 1); /* exactly as long: ASan sees a step too far */

		memcpy(cut, &f, size);
		assert_int_equal(load(cut, size, RAM, &st), -ENOEXEC);
		free(cut);
	}
}

/* A bzImage: one sector of boot code, four of setup, then the kernel. */
#define BZ_KERNEL 2048u
#define BZ_SIZE   (5 * 512 + BZ_KERNEL)

static void
make_bz(uint8_t *f)
{
	struct setup_header *h = (struct setup_header *)(f + 0x1f1);

	memset(f, 0, BZ_SIZE);
	h->setup_sects = 4;
	h->syssize = BZ_KERNEL / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x20f;
	h->loadflags = LOADED_HIGH;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->pref_address = 0x400000;
	h->init_size = 0x100000;
	memset(f + 5 * 512, 0xcc, BZ_KERNEL);
}

#define WRONG_BZ(change, code, words)                                                              \
	do {                                                                                       \
		static uint8_t f[BZ_SIZE];                                                         \
		struct setup_header *h = (struct setup_header *)(f + 0x1f1);                       \
		struct boot_state st;                                                              \
		make_bz(f);                                                                        \
		change;                                                                            \
		assert_int_equal(load(f, sizeof(f), RAM, &st), -(code));                           \
		if (!strstr(e.text, words))                                                        \
			fail_msg("no '%s' in '%s'", words, e.text);                                \
	} while (0)

static void
loads_bzimage(void **state)
{
	static uint8_t f[BZ_SIZE], initrd[5000];
	struct mem m = make_mem(RAM);
	struct boot_params_in in = {.kernel = {.bytes = f, .size = sizeof(f)},
				    .initrd = {.bytes = initrd, .size = sizeof(initrd)},
				    .cmdline = "quiet",
				    .n_vcpus = 1,
				    .topology = &flat};
	struct boot_state st;
	struct boot_params *bp;
	uint64_t *pml4;

	make_bz(f);
	memset(initrd, 0x77, sizeof(initrd));
	assert_int_equal(boot_load(&m, &in, &st, &e), 0);
	assert_true(st.long_mode);
	assert_int_equal(st.entry, 0x400200);
	assert_int_equal(ram[0x400000], 0xcc);
	bp = (struct boot_params *)(ram + st.arg);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_string_equal((char *)ram + bp->hdr.cmd_line_ptr, "quiet");
	assert_int_equal(bp->hdr.ramdisk_size, sizeof(initrd));
	assert_int_equal(bp->hdr.ramdisk_image, RAM - 8192);
	assert_int_equal(ram[bp->hdr.ramdisk_image + 4999], 0x77);
	assert_int_equal(bp->e820_entries, 4);
	assert_int_equal(bp->e820_table[0].size, 0x9fc00);
	assert_int_equal(bp->e820_table[2].addr, 0x100000);
	/* The page tables map 0xdeadb000 to itself. */
	pml4 = (uint64_t *)(ram + BOOT_PML4);
	assert_int_equal(pml4[0] & ~0xfffull, BOOT_PML4 + 0x1000);
	assert_int_equal(((uint64_t *)(ram + (pml4[512 + 3] & ~0xfffull)))[0xdeadb000 >> 21 & 511],
			 (0xdeadb000 & ~0x1fffffull) | 0x83);
}

static void
moves_bzimage(void **state)
{
	static uint8_t f[BZ_SIZE];
	struct setup_header *h = (struct setup_header *)(f + 0x1f1);
	struct boot_state st;

	make_bz(f);
	h->pref_address = 0x1000000; /* beyond the end of memory */
	assert_int_equal(load(f, sizeof(f), RAM, &st), 0);
	assert_int_equal(st.entry, 0x200200);
	h->relocatable_kernel = 0;
	assert_int_equal(load(f, sizeof(f), RAM, &st), -ENOMEM);
	assert_non_null(strstr(e.text, "give it more memory"));
}

static void
refuses_bzimages(void **state)
{
	WRONG_BZ(h->boot_flag = 0, ENOEXEC, "boot protocol");
	WRONG_BZ(h->version = 0x20b, ENOEXEC, "boot protocol 2.11");
	WRONG_BZ(h->xloadflags = 0, ENOEXEC, "32-bit kernel");
	WRONG_BZ(h->loadflags = 0, ENOEXEC, "32-bit kernel");
	WRONG_BZ(h->syssize = BZ_KERNEL / 16 + 1, ENOEXEC, "truncated?");
	WRONG_BZ(h->syssize = UINT32_MAX, ENOEXEC, "truncated?");
	WRONG_BZ(h->setup_sects = 255, ENOEXEC, "truncated?");
	WRONG_BZ((h->setup_sects = 8, h->syssize = 0), ENOEXEC, "truncated?");
	WRONG_BZ((h->setup_sects = 7, h->syssize = 0), ENOEXEC, "no kernel behind");
	WRONG_BZ(h->kernel_alignment = 0, ENOEXEC, "alignment");
	WRONG_BZ(h->kernel_alignment = 3, ENOEXEC, "alignment");
	WRONG_BZ(h->kernel_alignment = 0x80000000, ENOEXEC, "alignment");
	WRONG_BZ((h->pref_address = 0x1000, h->relocatable_kernel = 0), ENOEXEC, "below 1 MiB");
	WRONG_BZ((h->pref_address = UINT64_MAX, h->relocatable_kernel = 0), ENOMEM, "more memory");
	WRONG_BZ((h->pref_address = UINT64_MAX, h->kernel_alignment = 1u << 30), ENOMEM,
		 "more memory");
	WRONG_BZ(h->init_size = RAM, ENOMEM, "more memory");
	WRONG_BZ(h->init_size = UINT32_MAX, ENOMEM, "more memory");
	WRONG_BZ(h->cmdline_size = 5, EINVAL, "this kernel takes 5");
	WRONG_BZ(h->header = 0, ENOEXEC, "neither");
}

static void
refuses_every_cut_bzimage(void **state)
{
	static uint8_t f[BZ_SIZE];
	struct boot_state st;

	make_bz(f);
	for (size_t size = 0; size < sizeof(f); size += size < 700 ? 1 : 37) {
		uint8_t *cut = malloc(size ? size : 1);

		memcpy(cut, f, size);
		assert_int_equal(load(cut, size, RAM, &st), -ENOEXEC);
		free(cut);
	}
}

static void
places_initrd(void **state)
{
	static uint8_t bytes[0x10001];
	struct boot_file f = {.bytes = bytes, .size = sizeof(bytes)}, none = {0};
	struct mem m = make_mem(RAM);
	uint64_t addr = 1;

	assert_int_equal(boot_load_initrd(&m, &none, RAM, RAM, &addr, &e), 0);
	assert_int_equal(addr, 0);
	assert_int_equal(boot_load_initrd(&m, &f, 0x200000, UINT32_MAX, &addr, &e), 0);
	assert_int_equal(addr, RAM - 0x11000);
	assert_int_equal(boot_load_initrd(&m, &f, 0x200000, 0x300000, &addr, &e), 0);
	assert_int_equal(addr, 0x300000 - 0x11000);
	assert_int_equal(boot_load_initrd(&m, &f, RAM - 0x11000, RAM, &addr, &e), 0);
	assert_int_equal(boot_load_initrd(&m, &f, RAM - 0x10fff, RAM, &addr, &e), -ENOMEM);
	assert_int_equal(boot_load_initrd(&m, &f, 0x200000, 0x1000, &addr, &e), -ENOMEM);
	f.size = UINT64_MAX;
	assert_int_equal(boot_load_initrd(&m, &f, 0x200000, RAM, &addr, &e), -ENOMEM);
}

static void
reads_files(void **state)
{
	char path[] = "/tmp/corelane-test-XXXXXX", buf[8];
	int fd = mkstemp(path), pair[2];
	struct boot_file f;

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(boot_file_open(fd, &f, &e), 0);
	assert_int_equal(f.size, 10);
	assert_int_equal(boot_file_read(&f, 2, buf, 8), 0);
	assert_memory_equal(buf, "23456789", 8);
	assert_int_equal(boot_file_read(&f, 3, buf, 8), -ENODATA);
	assert_int_equal(boot_file_read(&f, UINT64_MAX, buf, 8), -ENODATA);
	assert_int_equal(ftruncate(fd, 5), 0); /* it shrinks while we read */
	assert_int_equal(boot_file_read(&f, 2, buf, 8), -ENODATA);
	close(fd);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(boot_file_open(pair[0], &f, &e), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(boot_file_open(-1, &f, &e), -EBADF);
}

/* Bytes wrong at random: an error or a load that stayed inside RAM (ASan watches), never a crash. */
static void
survives_mutations(void **state)
{
	static uint8_t bz[BZ_SIZE];
	struct boot_state st;
	unsigned int loaded = 0;

	srand(11);
	for (int round = 0; round < 3000; round++) {
		struct elf f = make_elf();
		uint8_t *b = (uint8_t *)&f;

		for (int n = 1 + rand() % 4; n > 0; n--)
			b[(size_t)rand() % offsetof(struct elf, text)] ^=
				(uint8_t)(1 << rand() % 8);
		loaded += load(&f, sizeof(f), RAM, &st) == 0;
		make_bz(bz);
		for (int n = 1 + rand() % 4; n > 0; n--)
			bz[0x1f1 + rand() % 0x80] ^= (uint8_t)(1 << rand() % 8);
		loaded += load(bz, sizeof(bz), RAM, &st) == 0;
	}
	assert_in_range(loaded, 100, 5900);
}

static void
wants_memory(void **state)
{
	struct elf f = make_elf();
	struct boot_state st;

	assert_int_equal(load(&f, sizeof(f), 1 << 20, &st), -ENOMEM);
	assert_non_null(strstr(e.text, "more than 1 MiB"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_elf),
		cmocka_unit_test(refuses_elf_headers),
		cmocka_unit_test(refuses_elf_segments),
		cmocka_unit_test(refuses_elf_notes),
		cmocka_unit_test(refuses_every_cut_elf),
		cmocka_unit_test(loads_bzimage),
		cmocka_unit_test(moves_bzimage),
		cmocka_unit_test(refuses_bzimages),
		cmocka_unit_test(refuses_every_cut_bzimage),
		cmocka_unit_test(places_initrd),
		cmocka_unit_test(reads_files),
		cmocka_unit_test(survives_mutations),
		cmocka_unit_test(wants_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
