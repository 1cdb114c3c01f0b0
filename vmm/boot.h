/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot protocols: a kernel file in guest RAM, and the state in which the first vCPU enters it.
 * The parsers take any bytes: what is wrong with a file is said in words.
 */
#ifndef CORELANE_VMM_BOOT_H
#define CORELANE_VMM_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"
#include "vmm/mem.h"
#include "vmm/topology.h"

/* A kernel or initrd: a seekable fd, or (tests and fuzzing) bytes in memory. Borrowed. */
struct boot_file {
	int fd;
	const uint8_t *bytes; /* NULL: read from fd */
	uint64_t size;
};

/* What it takes its size from must be a regular file. 0 or -errno with words. */
int boot_file_open(int fd, struct boot_file *ret, struct err *e);
/* Exactly @len bytes; -ENODATA when the file ends before. */
int boot_file_read(const struct boot_file *f, uint64_t offset, void *dst, size_t len);

struct boot_params_in {
	struct boot_file kernel, initrd; /* initrd.size 0: none */
	const char *cmdline;
	unsigned int n_vcpus;
	const struct topology *topology;
	/* NUMA of the guest, none when n_cells is 0. Their memory is in struct mem's spans. */
	const struct vmm_vcpu *vcpu; /* n_vcpus */
	const struct vmm_cell *cell; /* n_cells */
	unsigned int n_cells;
};

/* How the first vCPU starts. */
struct boot_state {
	bool long_mode;     /* 64-bit entry with paging on (bzImage), else 32-bit flat (PVH) */
	uint64_t entry;     /* rip */
	uint64_t arg;       /* PVH: ebx; Linux: rsi */
	const char *format; /* "PVH ELF" or "bzImage": for messages */
};

/* Loads everything into @m and says how to enter it. 0, -ENOEXEC, -EINVAL, -ENOMEM, -EIO with words. */
int boot_load(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
	      struct err *e);

/*
 * What is below 1 MiB, where no kernel may be loaded: tables that the loader writes and the guest may
 * reuse once it has read them.
 */
#define BOOT_GDT        0x00000500ull
#define BOOT_START_INFO 0x00006000ull /* PVH */
#define BOOT_ZERO_PAGE  0x00007000ull /* Linux's boot_params */
#define BOOT_PML4       0x00009000ull /* six pages: PML4, PDPT, four PDs */
#define BOOT_CMDLINE    0x00020000ull
#define BOOT_EBDA       0x0009FC00ull /* end of usable low memory */
#define BOOT_ACPI       0x000E0000ull /* RSDP first: guests may search from here (ACPI 6.5, 5.2.5.1) */
#define BOOT_RESET      0x000FFFF0ull /* 16 bytes of code: what runs when a guest jumps to f000:fff0 */
#define BOOT_KERNEL_MIN 0x00100000ull

/* The memory map that a guest is told: E820 types. */
#define BOOT_RAM        1
#define BOOT_RESERVED   2
#define BOOT_RANGES_MAX 8

struct boot_range {
	uint64_t addr, size;
	uint32_t type;
};

/* Fills @r, returns how many. */
size_t boot_memory_map(const struct mem *m, struct boot_range r[BOOT_RANGES_MAX]);

/*
 * Reads the initrd to the top of low RAM, ending at or below @limit, above @kernel_end. *@ret_addr is
 * 0 when there is none.
 */
int boot_load_initrd(const struct mem *m, const struct boot_file *f, uint64_t kernel_end,
		     uint64_t limit, uint64_t *ret_addr, struct err *e);

/* Reads [@offset, +@len) of the file to @gpa. */
int boot_load_part(const struct mem *m, const struct boot_file *f, uint64_t offset, uint64_t gpa,
		   uint64_t len, struct err *e);

/* One a protocol. boot_is_X() looks at the magic only. */
bool boot_is_elf(const struct boot_file *f);
int boot_load_pvh(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
		  struct err *e);
bool boot_is_bzimage(const struct boot_file *f);
int boot_load_bzimage(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
		      struct err *e);

/* Code at BOOT_RESET that asks for a reset. 0 or -ENOMEM with words. */
int boot_write_reset(const struct mem *m, struct err *e);

/* ACPI tables from BOOT_ACPI on, the RSDP first. -EINVAL for 0 or too many vCPUs or cells, -ENOMEM. */
int boot_write_acpi(const struct mem *m, const struct boot_params_in *in, struct err *e);

#endif
