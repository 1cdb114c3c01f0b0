/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/probe/power.h"

#include "bench/probe/cpu.h"
#include "bench/probe/out.h"

_Noreturn void
power_off(bool ok)
{
	out_flush();
	outw(0x604, 0x2000);    /* PM1a control of our VMM and of QEMU's q35 and i440fx */
	outb(0xf4, ok ? 0 : 1); /* QEMU's isa-debug-exit: status 1 or 3 */
	power_reset();
}

_Noreturn void
power_reset(void)
{
	out_flush();
	outb(0xcf9, 6);   /* PCI reset control */
	outb(0x64, 0xfe); /* keyboard controller */
	cpu_triple_fault();
	for (;;)
		cpu_hlt();
}
