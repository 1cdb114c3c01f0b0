/* SPDX-License-Identifier: Apache-2.0 */
/* dsdt.asl, compiled: its bytes between two symbols. */
	.section .rodata
	.balign 16
	.globl boot_dsdt, boot_dsdt_end
boot_dsdt:
	.incbin "dsdt.aml"
boot_dsdt_end:
	.section .note.GNU-stack, "", @progbits
