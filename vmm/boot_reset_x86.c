/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where firmware would have its entry point, f000:fff0 in real mode: guests jump there to restart. Linux
 * does when ACPI is hardware-reduced: it then trusts only UEFI's reset, and after that the BIOS, and never
 * writes the reset register by itself.
 */
#include <errno.h>

#include "vmm/boot.h"

int
boot_write_reset(const struct mem *m, struct err *e)
{
	static const uint8_t code[] = {
		0xba, 0xf9, 0x0c, /* mov dx, 0xcf9: reset control */
		0xb0, 0x06,       /* mov al, 6: reset the CPU, hard */
		0xee,             /* out dx, al */
		0xfa,             /* cli */
		0xf4,             /* hlt */
		0xeb, 0xfc,       /* jmp to the cli */
	};

	if (mem_write(m, BOOT_RESET, code, sizeof(code)) < 0)
		return err_set(e, ENOMEM, "no memory for the reset vector");
	return 0;
}
