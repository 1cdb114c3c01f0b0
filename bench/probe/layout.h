/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the parts of the image lie that descriptors must name in pieces (IDT, GDT), and selectors.
 * Included by assembler, C and the linker script; probe.ld asserts that the parts are there.
 */
#ifndef CORELANE_PROBE_LAYOUT_H
#define CORELANE_PROBE_LAYOUT_H

#define IMAGE_BASE 0x100000
#define STUBS_BASE 0x101000 /* 256 interrupt stubs of 16 bytes */
#define PML4_BASE  0x102000
#define PDPT_BASE  0x103000
#define PD_BASE    0x104000 /* 4 pages: 4 GiB */
#define IDT_BASE   0x108000
#define GDT_BASE   0x109000
#define TSS_BASE   0x10a000 /* one of 0x68 bytes a CPU, then one I/O bitmap for all */
#define IOBM_BASE  0x10c000 /* 8 KiB of zeros and the 0xff that the manual wants */
#define TEXT_BASE  0x10f000

#define PROBE_CPUS 64
#define TSS_SIZE   0x68

#define SEL_CODE0  0x08
#define SEL_DATA0  0x10
#define SEL_CODE32 0x18
#define SEL_DATA3  0x23 /* 0x20, RPL 3 */
#define SEL_CODE3  0x2b /* 0x28, RPL 3 */
#define SEL_TSS    0x30 /* 16 bytes a CPU */

/*
 * What ring 3 asks ring 0 for (cpu.h) comes by int3 through a gate with DPL 3: one nested KVM (PVM)
 * answers "int n" with #UD, but delivers a breakpoint like any other exception.
 */
#define VEC_SERVICE 3

/* A page below 1 MiB for the code that an AP starts with; boot structures are copied before. */
#define AP_PAGE 0x8000

/* CR4: PAE, PGE, OSFXSR, OSXMMEXCPT. CR0: PE, MP, ET, NE, WP, PG. EFER: LME. */
#define CR4_WANTED  0x6a0
#define CR0_WANTED  0x80010033
#define EFER_WANTED 0x100

/* How the probe was started: boot_protocol. */
#define PROTO_PVH  1
#define PROTO_BZ32 2
#define PROTO_BZ64 3

#endif
