/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same image as a Linux bzImage (boot protocol 2.15, Documentation/arch/x86/boot.rst): a boot
 * sector of zeros, the setup header, and a real-mode part just large enough for firmware that starts
 * kernels the old way. It fetches the memory map (INT 15h, E820), and uses the sectors that it lies in
 * as the struct boot_params it hands on: that is where the loader wrote the header's fields.
 * A loader that does not use it enters at 1 MiB (32-bit) or 0x200 behind it (64-bit).
 */
#include "layout.h"

#define SETUP_SECTORS 6		/* behind the boot sector */
#define E820_COUNT    0x1e8
#define E820_TABLE    0x2d0
#define E820_MAX      128
#define CODE          0xcd0	/* behind the table */

	.section .setup, "ax"
	.code16
setup:
	.org	0x1f1
	.byte	SETUP_SECTORS
	.word	0				/* root_flags */
	.long	(payload_end - payload + 15) / 16 /* syssize */
	.word	0, 0xffff, 0			/* ram_size, vid_mode, root_dev */
	.word	0xaa55
	.byte	0xeb, header_end - header	/* 0x200: jmp, and where the header ends */
header:
	.ascii	"HdrS"
	.word	0x020f
	.long	0				/* realmode_swtch */
	.word	0x1000				/* start_sys_seg */
	.word	version - setup - 0x200
	.byte	0				/* type_of_loader: the loader's */
	.byte	1				/* loadflags: LOADED_HIGH */
	.word	0
	.long	IMAGE_BASE			/* code32_start */
	.long	0, 0				/* ramdisk_image, ramdisk_size: the loader's */
	.long	0
	.word	0				/* heap_end_ptr */
	.byte	0, 0
	.long	0				/* cmd_line_ptr: the loader's */
	.long	0x7fffffff			/* initrd_addr_max */
	.long	0x100000			/* kernel_alignment */
	.byte	0				/* not relocatable */
	.byte	20				/* min_alignment: 2^20 */
	.word	1				/* xloadflags: XLF_KERNEL_64 */
	.long	2047				/* cmdline_size */
	.long	0
	.quad	0
	.long	0, 0				/* payload_offset, payload_length */
	.quad	0				/* setup_data */
	.quad	IMAGE_BASE			/* pref_address */
	.long	0x300000			/* init_size: probe.ld promises to end below 4 MiB */
	.long	0				/* handover_offset */
	.long	0				/* kernel_info_offset */
header_end:
	jmp	real

	.org	CODE
real:					/* ds = es = the setup's segment */
	cli
	cld
	xor	%ebx, %ebx
	xor	%bp, %bp
	mov	$E820_TABLE, %di
1:	mov	$0xe820, %eax
	mov	$20, %ecx
	mov	$0x534d4150, %edx	/* "SMAP" */
	int	$0x15
	jc	2f
	cmp	$0x534d4150, %eax
	jne	2f
	inc	%bp
	add	$20, %di
	cmp	$E820_MAX, %bp
	je	2f
	test	%ebx, %ebx
	jnz	1b
2:	mov	%bp, %ax
	mov	%al, E820_COUNT
	cli
	xor	%esi, %esi
	mov	%ds, %si
	shl	$4, %esi		/* boot_params, linear */
	lea	(gdt - setup)(%esi), %eax
	mov	%eax, (gdt_ptr - setup + 2)
	lgdtl	(gdt_ptr - setup)
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$0x18, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	ljmpl	$0x10, $IMAGE_BASE

	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00cf9b000000ffff	/* 0x10: __BOOT_CS */
	.quad	0x00cf93000000ffff	/* 0x18: __BOOT_DS */
gdt_ptr:
	.word	4 * 8 - 1
	.long	0
version:
	.asciz	"corelane-probe"

	.org	(SETUP_SECTORS + 1) * 512
payload:
	.incbin	"probe.bin"
	.balign	16
payload_end:
	.section .note.GNU-stack, "", @progbits
