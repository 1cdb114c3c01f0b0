/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in ring 0 after the start, kept short because it may be emulated: 256 stubs; exceptions,
 * which are noted and then told about by ring-3 code; interrupts, which are counted; and the service
 * gate, with the few things that ring 3 cannot do (cpu.h, enum service).
 */
#include "layout.h"

	.section .stubs, "ax"
	.code64
	.set	i, 0
	.rept	256
	.balign	16, 0xcc
	.if	i == VEC_SERVICE
	jmp	service
	.elseif	i < 32
	.if	!(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30)
	push	$0			/* no error code from the processor */
	.endif
	push	$i
	jmp	exception
	.else
	push	$i
	jmp	interrupt
	.endif
	.set	i, i + 1
	.endr
	.balign	16, 0xcc

	.text
/* Notes the fault and continues in ring 3 on a stack of its own. A second fault ends in a third. */
exception:
	cmpl	$0, fault_seen
	jne	hard_stop
	movl	$1, fault_seen
	popq	fault_vector
	popq	fault_error
	popq	fault_rip
	addq	$16, %rsp
	popq	fault_rsp
	mov	%cr2, %rax
	mov	%rax, fault_cr2
	mov	$fault_frame, %esp
	iretq

hard_stop:
	lidt	null_ptr
	ud2

/* Counted by vector; end of interrupt through the xAPIC (its page is mapped for everybody). */
interrupt:
	xchg	%rax, (%rsp)
	incq	irq_count(, %rax, 8)
	mov	$0xfee000b0, %eax
	movl	$0, (%rax)
	pop	%rax
	iretq

/* eax: what. rcx, rdx, rdi as each needs; rax, rdx are returned. */
service:
	cmp	$1, %eax
	jb	svc_hlt
	je	svc_rdmsr
	cmp	$3, %eax
	jb	svc_wrmsr
	je	svc_if
	cmp	$5, %eax
	jb	hard_stop
	je	svc_wait
	iretq
svc_hlt:
	hlt
	iretq
svc_rdmsr:
	rdmsr
	iretq
svc_wrmsr:
	mov	%edi, %eax
	wrmsr
	iretq
svc_if:					/* edi: 0x202 or 2 */
	mov	%rdi, 16(%rsp)
	iretq
svc_wait:
	sti
	hlt
	iretq

	.data
	.balign	16
fault_frame:
	.quad	fault_ring3_start, SEL_CODE3, 2, fault_stack_top, SEL_DATA3
null_ptr:
	.word	0
	.quad	0
	.globl	fault_vector, fault_error, fault_rip, fault_rsp, fault_cr2
	.balign	8
fault_vector:	.quad	0
fault_error:	.quad	0
fault_rip:	.quad	0
fault_rsp:	.quad	0
fault_cr2:	.quad	0
fault_seen:	.long	0

	.text
fault_ring3_start:
	call	fault_main
1:	pause
	jmp	1b

	.bss
	.balign	64
	.skip	0x2000
fault_stack_top:
	.globl	irq_count
irq_count:
	.skip	256 * 8

	.section .note.GNU-stack, "", @progbits
