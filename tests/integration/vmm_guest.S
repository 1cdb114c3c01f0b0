/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PVH guest for the VMM's own tests. It stays in flat 32-bit mode and does what the first letter of
 * its command line says:
 *   h  says hello on the serial port and powers off
 *   r  asks for a reset through the keyboard controller
 *   c  asks for a reset through port 0xcf9
 *   j  asks for a reset as a BIOS is asked: jumps to f000:fff0 in real mode
 *   t  triple-faults (an exception, and no IDT)
 *   b  executes an access that KVM cannot emulate: a jump into a hole
 *   s  says hello and halts for ever
 *   l  says hello and spins for ever
 *   f  floods the serial port: 256 KiB of numbered lines with the line status looked at; powers off
 *   u  touches ports and addresses where nothing is, checks that it reads ones, powers off
 *   e  echoes what it reads from the serial port; powers off at a 'q'
 */
	.section .note.xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _start

	.text
	.code32
	.globl _start
_start:
	movl	$stack_top, %esp
	movl	24(%ebx), %esi		/* hvm_start_info.cmdline_paddr, low half */
	movb	(%esi), %al
	cmpb	$'r', %al
	je	reset_kbd
	cmpb	$'c', %al
	je	reset_cf9
	cmpb	$'j', %al
	je	reset_bios
	cmpb	$'t', %al
	je	triple
	cmpb	$'b', %al
	je	bad
	cmpb	$'f', %al
	je	flood
	cmpb	$'u', %al
	je	unknown
	cmpb	$'e', %al
	je	echo
	movb	%al, %bl
	movl	$hello, %esi
	movl	$hello_len, %ecx
	call	print
	cmpb	$'s', %bl
	je	halt
	cmpb	$'l', %bl
	je	spin

power_off:
	movw	$0x604, %dx
	movw	$0x2000, %ax
	outw	%ax, %dx
halt:
	hlt
	jmp	halt
spin:
	pause
	jmp	spin

/* One string instruction for %ecx bytes at %esi, once the transmitter has room. */
print:
	movw	$0x3fd, %dx
1:	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	movw	$0x3f8, %dx
	cld
	rep outsb
	ret

reset_kbd:
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	halt
reset_cf9:
	movw	$0xcf9, %dx
	movb	$0x06, %al
	outb	%al, %dx
	jmp	halt
reset_bios:
	lgdt	gdt_pointer
	movl	$16, %eax		/* what real mode keeps of the data segments: 64 KiB */
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	ljmp	$8, $(1f - 0x100000)
	.code16
1:	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0xf000, $0xfff0
	.code32
triple:
	ud2
bad:
	movl	$0xd0000000, %eax
	jmp	*%eax

/* 4096 lines of 64 bytes: "00000000 xxx...\n". */
flood:
	xorl	%ebp, %ebp
1:	movl	%ebp, %eax
	movl	$line, %edi
	movl	$8, %ecx
2:	roll	$4, %eax
	movl	%eax, %edx
	andl	$15, %edx
	movb	digits(%edx), %dl
	movb	%dl, (%edi)
	incl	%edi
	loop	2b
	movl	$line, %esi
	movl	$64, %ecx
	call	print
	incl	%ebp
	cmpl	$4096, %ebp
	jb	1b
	jmp	power_off

unknown:
	movw	$0x1234, %dx
	inl	%dx, %eax
	cmpl	$-1, %eax
	jne	wrong
	outl	%eax, %dx
	movl	0xd0000000, %eax
	cmpl	$-1, %eax
	jne	wrong
	movl	%eax, 0xd0000000
	movl	$ones, %esi
	movl	$ones_len, %ecx
	call	print
	jmp	power_off
wrong:
	movl	$bad_text, %esi
	movl	$bad_len, %ecx
	call	print
	jmp	power_off

echo:
	movw	$0x3fd, %dx
1:	inb	%dx, %al
	testb	$1, %al
	jz	1b
	movw	$0x3f8, %dx
	inb	%dx, %al
	outb	%al, %dx
	cmpb	$'q', %al
	jne	echo
	jmp	power_off

	.data
hello:	.ascii "hello from the guest\n"
	.set hello_len, . - hello
ones:	.ascii "ones everywhere\n"
	.set ones_len, . - ones
bad_text: .ascii "not ones\n"
	.set bad_len, . - bad_text
digits:	.ascii "0123456789abcdef"
line:	.ascii "00000000 abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01\n"

	.align 8
gdt:	.quad 0
	.quad 0x00009b100000ffff	/* 16-bit code at 1 MiB, where this guest is */
	.quad 0x000093000000ffff	/* data from 0 on */
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.align 16
	.skip 4096
stack_top:

	.section .note.GNU-stack, "", @progbits
