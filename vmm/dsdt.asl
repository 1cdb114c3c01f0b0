/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest cannot find out by itself: where PCI memory may lie, and the few devices that no bus
 * announces. The numbers are those of vmm/mem.h, serial.c, rtc.c and reset.c; a unit test compares them.
 * There is no fixed ACPI hardware (hardware-reduced, ACPI 6.5, 4.1): events come through the generic event
 * device, ged.c. The C preprocessor goes over this file before iasl does.
 */
#include "vmm/machine.h"

#define FOR_EVERY_SLOT(DO) \
	DO(01) DO(02) DO(03) DO(04) DO(05) DO(06) DO(07) DO(08) \
	DO(09) DO(0A) DO(0B) DO(0C) DO(0D) DO(0E) DO(0F) DO(10) \
	DO(11) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) \
	DO(19) DO(1A) DO(1B) DO(1C) DO(1D) DO(1E) DO(1F)

/* Slots of NICs (vmm/virtio.h, SLOT_NIC0): what may come and go while the guest runs. */
#define FOR_NIC_SLOTS(DO) \
	DO(01) DO(02) DO(03) DO(04) DO(05) DO(06) DO(07) DO(08) \
	DO(09) DO(0A) DO(0B) DO(0C) DO(0D) DO(0E) DO(0F) DO(10)

/* Pin A of any function of the slot is that line of the IOAPIC. */
#define INTX(slot) Package () { 0x##slot##FFFF, 0, 0, INTX_LINE (0x##slot) },

#define HOTPLUG(slot) \
	Device (S0##slot) \
	{ \
		Name (_ADR, 0x##slot##0000) \
		Name (_SUN, 0x##slot) \
		Method (_EJ0, 1) { EJCT = (1 << 0x##slot) } \
	}

#define DEVICE_CHECK(slot)  If (Local0 & (1 << 0x##slot)) { Notify (S0##slot, 1) }
#define EJECT_REQUEST(slot) If (Local1 & (1 << 0x##slot)) { Notify (S0##slot, 3) }

DefinitionBlock ("", "DSDT", 2, "CORLAN", "CORELANE", 1)
{
	/* SLP_TYP 0 in the sleep control register is power-off; there is no other sleep state. */
	Name (\_S5, Package () { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_SEG, 0)
			Name (_BBN, 0)
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
			})
			Name (_PRT, Package () { FOR_EVERY_SLOT (INTX) })

			OperationRegion (REGS, SystemIO, GED_PORTS, GED_SIZE)
			Field (REGS, DWordAcc, NoLock, WriteAsZeros)
			{
				EVNT, 32, /* in the order of vmm/machine.h */
				PLUG, 32,
				UNPL, 32,
				EJCT, 32
			}

			/*
			 * The guest may have the PCIe capabilities (bit 4 of what it asks for) and nothing else: not the
			 * native hot-plug of ports that there are none of; what comes and goes does so by the methods here.
			 */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, STAT)
				If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
				{
					CreateDWordField (Arg3, 8, CTRL)
					Local0 = (CTRL & 0x10)
					If (Arg1 != 1) { STAT |= 0x08 }
					If (CTRL != Local0) { STAT |= 0x10 }
					CTRL = Local0
				}
				Else { STAT |= 0x04 }
				Return (Arg3)
			}

			FOR_NIC_SLOTS (HOTPLUG)

			Method (SCAN, 0, Serialized) /* which slots have changed */
			{
				Local0 = PLUG
				Local1 = UNPL
				FOR_NIC_SLOTS (DEVICE_CHECK)
				FOR_NIC_SLOTS (EJECT_REQUEST)
			}
		}

		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
			Name (_UID, 0)
		}

		Device (GED0)
		{
			Name (_HID, "ACPI0013")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { GED_LINE }
			})
			Method (_EVT, 1, Serialized)
			{
				Local0 = \_SB.PCI0.EVNT
				If (Local0 & GED_EVENT_POWER) { Notify (PWRB, 0x80) }
				If (Local0 & GED_EVENT_PCI) { \_SB.PCI0.SCAN () }
			}
		}

		Device (ECAM) /* Linux believes MCFG only where a device reserves the range */
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000) })
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0070, 0x0070, 1, 2) })
		}
	}
}
