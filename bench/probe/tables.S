/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every table that the processor wants, ready in the image: page tables (accessed and dirty bits
 * set, so that nobody has to write them later), IDT, GDT, TSSs with an I/O bitmap of zeros (all
 * ports open to ring 3; IOPL is not used, because some KVMs drop it), iretq frames and stacks.
 * Their places are fixed (layout.h), since a descriptor holds an address in pieces.
 * Layouts: Intel SDM 3A, 4.5 (paging), 5.8 and 6.14 (gates), 7.7 (64-bit TSS).
 */
#include "layout.h"

#define PTE_TABLE	0x27		/* present, writable, user, accessed */
#define PTE_RAM		0xe7		/* and dirty, 2 MiB */
#define PTE_DEVICE	0xff		/* and uncached (PWT, PCD) */

	.section .pages, "aw"
	.quad	PDPT_BASE + PTE_TABLE
	.fill	511, 8, 0
	.set	i, 0
	.rept	4
	.quad	PD_BASE + i * 0x1000 + PTE_TABLE
	.set	i, i + 1
	.endr
	.fill	508, 8, 0
	.set	i, 0
	.rept	2048
	.if	i < 1536		/* 3 GiB of RAM, then devices */
	.quad	i * 0x200000 + PTE_RAM
	.else
	.quad	i * 0x200000 + PTE_DEVICE
	.endif
	.set	i, i + 1
	.endr

	.section .idt, "aw"
	.set	i, 0
	.rept	256
	.word	(STUBS_BASE + i * 16) & 0xffff
	.word	SEL_CODE0
	.byte	0
	.if	i == VEC_SERVICE
	.byte	0xee			/* interrupt gate, DPL 3 */
	.else
	.byte	0x8e
	.endif
	.word	(STUBS_BASE + i * 16) >> 16
	.long	0, 0
	.set	i, i + 1
	.endr

	.section .gdt, "aw"
	.quad	0
	.quad	0x00af9b000000ffff	/* SEL_CODE0 */
	.quad	0x00cf93000000ffff	/* SEL_DATA0 */
	.quad	0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad	0x00cff3000000ffff	/* SEL_DATA3 */
	.quad	0x00affb000000ffff	/* SEL_CODE3 */
	.set	i, 0
	.rept	PROBE_CPUS
	/* Limit: as far as the bitmap's last 8 KiB byte; base TSS_BASE + i * TSS_SIZE, below 16 MiB. */
	.word	(IOBM_BASE - TSS_BASE - i * TSS_SIZE + 0x1fff)
	.word	(TSS_BASE + i * TSS_SIZE) & 0xffff
	.byte	(TSS_BASE + i * TSS_SIZE) >> 16
	.byte	0x89
	.byte	0, 0
	.long	0, 0
	.set	i, i + 1
	.endr
gdt_end:
	.globl	gdt_ptr, idt_ptr
	.balign	8
gdt_ptr:
	.word	0xfff
	.quad	GDT_BASE
	.balign	8
idt_ptr:
	.word	0xfff
	.quad	IDT_BASE

	.section .tss, "aw"
	.set	i, 0
	.rept	PROBE_CPUS
	.long	0
	.quad	ring0_stacks + (i + 1) * 512
	.fill	22, 4, 0
	.word	0
	.word	IOBM_BASE - TSS_BASE - i * TSS_SIZE
	.set	i, i + 1
	.endr

	.section .iobm, "aw"
	.fill	0x2000, 1, 0
	.byte	0xff

	.data
	.balign	16
	.globl	first_frame, ap_frame, ap_index
first_frame:
	.quad	ring3_start, SEL_CODE3, 2, stack_top, SEL_DATA3
ap_frame:
	.quad	ap_ring3_start, SEL_CODE3, 2, 0, SEL_DATA3
ap_index:
	.long	0

	.bss
	.balign	64
ring0_stacks:
	.skip	PROBE_CPUS * 512
	.balign	64
	.skip	0x8000
stack_top:

	.section .note.GNU-stack, "", @progbits
