/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MultiProcessor table (Intel MultiProcessor Specification 1.4, chapter 4): CPUs, one IOAPIC, the
 * ISA interrupts. Guests without ACPI find their other CPUs and the interrupt lines in it.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vmm/boot.h"
#include "vmm/irq.h"

#define CPUS_MAX     255
#define LAPIC_ADDR   0xFEE00000u
#define IOAPIC_ADDR  0xFEC00000u
#define LAPIC_VER    0x14 /* what KVM's report */
#define IOAPIC_VER   0x11
#define CPU_ENABLED  1
#define CPU_BOOT     2
#define ISA_LINES    16
#define INT_NORMAL   0
#define INT_NMI      1
#define INT_EXTERNAL 3
#define EVERY_LAPIC  0xff

enum entry_type { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IOINT, ENTRY_LINT };

struct mp_pointer {
	char signature[4]; /* "_MP_" */
	uint32_t table;
	uint8_t length, revision, checksum, feature[5];
} __attribute__((packed));

struct mp_header {
	char signature[4]; /* "PCMP" */
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_size, entries;
	uint32_t lapic;
	uint16_t ext_length;
	uint8_t ext_checksum, reserved;
} __attribute__((packed));

struct mp_cpu {
	uint8_t type, apic_id, version, flags;
	uint32_t signature, features, reserved[2];
} __attribute__((packed));

struct mp_bus {
	uint8_t type, id;
	char name[6];
} __attribute__((packed));

struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t addr;
} __attribute__((packed));

struct mp_int {
	uint8_t type, kind;
	uint16_t flags; /* 0: as the bus has it */
	uint8_t bus, bus_irq, apic, pin;
} __attribute__((packed));

struct mp_table {
	struct mp_pointer pointer;
	struct mp_header head;
	uint8_t entry[CPUS_MAX * sizeof(struct mp_cpu) + sizeof(struct mp_bus) +
		      sizeof(struct mp_ioapic) + (ISA_LINES + 2) * sizeof(struct mp_int)];
} __attribute__((packed));

static uint8_t
checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void
put(struct mp_table *t, const void *entry, size_t len)
{
	memcpy(t->entry + (t->head.length - sizeof(t->head)), entry, len);
	t->head.length = (uint16_t)(t->head.length + len);
	t->head.entries++;
}

static void
put_cpus(struct mp_table *t, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct mp_cpu c = {.type = ENTRY_CPU,
				   .apic_id = (uint8_t)i,
				   .version = LAPIC_VER,
				   .flags = i == 0 ? CPU_ENABLED | CPU_BOOT : CPU_ENABLED,
				   .signature = 0x600,
				   .features = 0x201}; /* APIC and FPU */

		put(t, &c, sizeof(c));
	}
}

static void
put_interrupts(struct mp_table *t, uint8_t ioapic)
{
	struct mp_int lint = {.type = ENTRY_LINT, .kind = INT_EXTERNAL, .apic = 0, .pin = 0};

	for (uint8_t i = 0; i < ISA_LINES; i++) {
		struct mp_int in = {.type = ENTRY_IOINT,
				    .kind = INT_NORMAL,
				    .bus_irq = i,
				    .apic = ioapic,
				    .pin = i};

		if (i != 2) /* the PIC's cascade */
			put(t, &in, sizeof(in));
	}
	put(t, &lint, sizeof(lint));
	lint.kind = INT_NMI;
	lint.apic = EVERY_LAPIC;
	lint.pin = 1;
	put(t, &lint, sizeof(lint));
}

int
boot_write_mp_table(const struct mem *m, unsigned int n_vcpus, struct err *e)
{
	struct mp_table t = {
		.pointer = {.signature = {'_', 'M', 'P', '_'},
			    .table = BOOT_MP_TABLE + offsetof(struct mp_table, head),
			    .length = sizeof(t.pointer) / 16,
			    .revision = 4},
		.head = {.signature = {'P', 'C', 'M', 'P'},
			 .length = sizeof(t.head),
			 .revision = 4,
			 .oem = {'C', 'O', 'R', 'E', 'L', 'A', 'N', 'E'},
			 .product = {'V', 'M', 'M'},
			 .lapic = LAPIC_ADDR},
	};
	struct mp_bus isa = {.type = ENTRY_BUS, .name = {'I', 'S', 'A', ' ', ' ', ' '}};
	struct mp_ioapic io = {.type = ENTRY_IOAPIC,
			       .id = (uint8_t)n_vcpus,
			       .version = IOAPIC_VER,
			       .flags = 1,
			       .addr = IOAPIC_ADDR};

	if (n_vcpus == 0 || n_vcpus > CPUS_MAX - 1)
		return err_set(e, EINVAL, "%u CPUs do not fit into a MultiProcessor table",
			       n_vcpus);
	put_cpus(&t, n_vcpus);
	put(&t, &isa, sizeof(isa));
	put(&t, &io, sizeof(io));
	put_interrupts(&t, io.id);
	t.head.checksum = checksum(&t.head, t.head.length);
	t.pointer.checksum = checksum(&t.pointer, sizeof(t.pointer));
	if (mem_write(m, BOOT_MP_TABLE, &t, sizeof(t.pointer) + t.head.length) < 0)
		return err_set(e, ENOMEM, "no memory for the MultiProcessor table");
	return 0;
}
