/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the loader's hands to ring 3 in as few ring-0 instructions as possible: under some nested
 * KVMs each one is emulated (600 ns), while ring 3 runs natively. So everything that a kernel
 * would compute here lies ready in tables.S.
 *
 * Entries: pvh_entry (PVH: 32-bit protected mode, ebx = struct hvm_start_info, xen/arch-x86/hvm/
 * start_info.h), bz32_entry at the image's first byte and bz64_entry 0x200 behind it (Linux boot
 * protocol: rsi = struct boot_params).
 */
#include "layout.h"

	.section .head, "ax"
	.code32
	.globl	bz32_entry
bz32_entry:
	rdtsc
	mov	%esi, %ebx
	mov	$PROTO_BZ32, %ebp
	jmp	enter32

	.globl	pvh_entry
pvh_entry:
	rdtsc
	mov	$PROTO_PVH, %ebp
enter32:
	mov	%eax, %esi
	mov	%edx, %edi
	lgdt	gdt_ptr
	lidt	idt_ptr
	mov	$CR4_WANTED, %eax
	mov	%eax, %cr4
	mov	$PML4_BASE, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$EFER_WANTED, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_WANTED, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE0, $enter64

	.code64
enter64:
	mov	$SEL_TSS, %eax
	ltr	%ax
	mov	$first_frame, %esp
	iretq

	.org	0x200
	.globl	bz64_entry
bz64_entry:
	rdtsc
	mov	%rsi, %rbx
	mov	$PROTO_BZ64, %ebp
	mov	%eax, %esi
	mov	%edx, %edi
	lgdt	gdt_ptr
	lidt	idt_ptr
	mov	$CR4_WANTED, %eax
	mov	%rax, %cr4
	mov	$PML4_BASE, %eax
	mov	%rax, %cr3
	mov	$CR0_WANTED, %eax
	mov	%rax, %cr0
	jmp	enter64

/*
 * An AP, sent here by the code in its page below 1 MiB (ap_page): protected mode, flat segments.
 * The BSP starts one at a time and leaves its index in ap_index, its stack in ap_frame.
 */
	.code32
	.globl	ap_enter32
ap_enter32:
	mov	$SEL_DATA0, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	lidt	idt_ptr
	mov	$CR4_WANTED, %eax
	mov	%eax, %cr4
	mov	$PML4_BASE, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$EFER_WANTED, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_WANTED, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE0, $ap_enter64
	.code64
ap_enter64:
	mov	ap_index, %edi
	mov	%edi, %eax
	shl	$4, %eax
	add	$SEL_TSS, %eax
	ltr	%ax
	mov	$ap_frame, %esp
	iretq

/* Copied to AP_PAGE: real mode, cs = AP_PAGE >> 4, ip = 0. */
	.section .rodata, "a"
	.globl	ap_page, ap_page_end
	.code16
ap_page:
	cli
	lgdtl	%cs:(ap_gdt_ptr - ap_page)
	mov	$0x11, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap_enter32
	.balign	8
ap_gdt_ptr:
	.word	0xfff
	.long	GDT_BASE
ap_page_end:

/*
 * Ring 3. The first action that can be seen from outside is one byte, a newline, on COM1, before
 * anything else is set up: a launcher times exec to first byte with it.
 */
	.text
	.code64
	.globl	ring3_start
ring3_start:
	rdtsc
	mov	%eax, %r8d
	mov	%edx, %r9d
	mov	$0x3f8, %edx
	mov	$10, %al
	out	%al, %dx
	mov	%esi, boot_tsc
	mov	%edi, boot_tsc + 4
	mov	%r8d, boot_ring3_tsc
	mov	%r9d, boot_ring3_tsc + 4
	mov	%rbx, boot_info_gpa
	mov	%ebp, boot_protocol
	cmp	$PROTO_PVH, %ebp
	je	1f
	/* A flat image has no bss: nobody zeroed it. The stack lies in it, still unused. */
	mov	$__bss_start, %edi
	mov	$__bss_end, %ecx
	sub	%edi, %ecx
	xor	%eax, %eax
	cld
	rep stosb
1:	mov	%rsp, %rbp
	call	probe_main
1:	pause
	jmp	1b

	.globl	ap_ring3_start
ap_ring3_start:			/* edi = index */
	call	ap_main
1:	pause
	jmp	1b

	.data
	.balign	8
	.globl	boot_tsc, boot_ring3_tsc, boot_info_gpa, boot_protocol
boot_tsc:	.quad	0
boot_ring3_tsc:	.quad	0
boot_info_gpa:	.quad	0
boot_protocol:	.long	0

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 8, 18	/* XEN_ELFNOTE_PHYS32_ENTRY, xen/elfnote.h */
	.asciz	"Xen"
	.quad	pvh_entry

	.section .note.GNU-stack, "", @progbits
