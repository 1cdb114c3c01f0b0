/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest cannot find out by itself: where PCI memory may lie, and the few devices that no bus
 * announces. The numbers are those of vmm/mem.h, serial.c, rtc.c and reset.c; a unit test compares them.
 * There is no fixed ACPI hardware (hardware-reduced, ACPI 6.5, 4.1).
 */
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
