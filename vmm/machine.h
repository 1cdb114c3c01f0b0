/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that C and the guest's ACPI tables (dsdt.asl) both use: preprocessor definitions only, since
 * the C preprocessor reads this file for dsdt.asl too.
 */
#ifndef CORELANE_VMM_MACHINE_H
#define CORELANE_VMM_MACHINE_H

/* IOAPIC lines of INTx. Every function uses pin A; a slot's line is the one of (slot + 0) mod 4. */
#define INTX_LINE0      16
#define INTX_LINES      4
#define INTX_LINE(slot) (INTX_LINE0 + (slot) % INTX_LINES)

/* The generic event device (ged.h): its line, level-triggered, and its registers of 32 bits each. */
#define GED_LINE    20
#define GED_PORTS   0x620
#define GED_EVENTS  0x0 /* read: GED_EVENT_*, and clears them */
#define GED_PLUGGED 0x4 /* read: a bit a slot that has a new function; clears them */
#define GED_UNPLUG  0x8 /* read: a bit a slot that shall be given up; clears them */
#define GED_EJECT   0xc /* write: a bit a slot that the guest has given up */
#define GED_SIZE    0x10

#define GED_EVENT_POWER 0x1
#define GED_EVENT_PCI   0x2

#endif
