/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables: how a guest finds its CPUs, the IOAPIC, ECAM, its NUMA nodes, and the registers that end it. Hardware-
 * reduced: no fixed events, no PM timer, no SCI; so a guest asks for no PIT and no 8259.
 * Source: ACPI 6.5 (5.2.5 RSDP, 5.2.8 XSDT, 5.2.9 FADT, 5.2.12 MADT, 5.2.16 SRAT,
 * 5.2.17 SLIT), PCI Firmware 3.3 (4.1.2 MCFG).
 * The DSDT is compiled from dsdt.asl by iasl.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "base/vmm_msg.h"
#include "vmm/boot.h"

#define LAPIC_ADDR  0xFEE00000u
#define IOAPIC_ADDR 0xFEC00000u
#define ALIGN       16u /* of the RSDP, where guests search for it; the rest needs less */

#define SPACE_IO     1
#define ACCESS_BYTE  1
#define PORT_RESET   0xcf9 /* reset.c and pci.c have both */
#define RESET_VALUE  0x06
#define PORT_SLEEP   0x605 /* the high byte of the power-off port: same bits as 4.8.3.7 asks for */
#define PORT_STATUS  0x606
#define REV_FADT     6
#define REV_MADT     5
#define REV_SRAT     3
#define SRAT_ENABLED 1
#define TABLES_MAX   5
#define NO_VGA       (1 << 2) /* IA-PC boot architecture flags, 5.2.9.3 */
#define EVERY_CPU    0xff
#define LINT_NMI     1
#define CPU_ENABLED  1
#define FADT_WBINVD  (1u << 0)
#define FADT_NO_PWRB (1u << 4) /* no fixed power button */
#define FADT_NO_SLPB (1u << 5)
#define FADT_RESET   (1u << 10)
#define FADT_REDUCED (1u << 20)

extern const uint8_t boot_dsdt[], boot_dsdt_end[]; /* dsdt_x86.S */

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

struct head {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct address { /* generic address structure, 5.2.3.2 */
	uint8_t space, width, offset, access;
	uint64_t at;
} __attribute__((packed));

struct fadt {
	struct head head;
	uint32_t facs, dsdt;
	uint8_t fixed1[109 - 44]; /* fixed hardware: none */
	uint16_t boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct address fixed2[8];
	struct address sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6.x, 5.2.9");

struct madt_cpu {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt {
	struct head head;
	uint32_t lapic, flags;
	struct {
		uint8_t type, length, id, reserved;
		uint32_t addr, gsi_base;
	} __attribute__((packed)) ioapic;
	struct {
		uint8_t type, length, uid;
		uint16_t flags;
		uint8_t lint;
	} __attribute__((packed)) nmi;
	struct madt_cpu cpu[VMM_VCPUS_MAX];
} __attribute__((packed));

struct mcfg {
	struct head head;
	uint8_t reserved[8];
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved2;
} __attribute__((packed));

struct srat_cpu {
	uint8_t type, length, cell, apic_id;
	uint32_t flags;
	uint8_t sapic_id, cell_high[3];
	uint32_t clock;
} __attribute__((packed));

struct srat_memory {
	uint8_t type, length;
	uint32_t cell;
	uint16_t reserved;
	uint64_t base, size;
	uint32_t reserved2, flags;
	uint64_t reserved3;
} __attribute__((packed));

struct srat {
	struct head head;
	uint32_t reserved; /* 1 */
	uint64_t reserved2;
	uint8_t entry[MEM_SPANS_MAX * sizeof(struct srat_memory) +
		      VMM_VCPUS_MAX * sizeof(struct srat_cpu)];
} __attribute__((packed));

struct slit {
	struct head head;
	uint64_t n;
	uint8_t distance[VMM_CELLS_MAX * VMM_CELLS_MAX];
} __attribute__((packed));

struct xsdt {
	struct head head;
	uint64_t table[TABLES_MAX];
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
fill_head(struct head *h, const char *signature, uint8_t revision, size_t length)
{
	*h = (struct head){.length = (uint32_t)length, .revision = revision, .oem_revision = 1};
	memcpy(h->signature, signature, sizeof(h->signature));
	memcpy(h->oem, "CORLAN", sizeof(h->oem));
	memcpy(h->table, "CORELANE", sizeof(h->table));
	memcpy(h->creator, "CLNE", sizeof(h->creator));
}

/* Writes tables one behind the other into the area that boot.h names. */
struct writer {
	const struct mem *m;
	uint64_t at;
	bool full;
};

static uint64_t
put(struct writer *w, const void *table, size_t len)
{
	uint64_t at = w->at;

	if (at + len > BOOT_RESET || mem_write(w->m, at, table, len) < 0)
		w->full = true;
	w->at = align_up(at + len, ALIGN);
	return at;
}

/* As put(), with the head's checksum made right. */
static uint64_t
put_table(struct writer *w, struct head *h)
{
	h->checksum = 0;
	h->checksum = checksum(h, h->length);
	return put(w, h, h->length);
}

static uint64_t
put_fadt(struct writer *w, uint64_t dsdt)
{
	struct fadt f = {
		.dsdt = (uint32_t)dsdt,
		.boot_arch = NO_VGA,
		.flags = FADT_WBINVD | FADT_NO_PWRB | FADT_NO_SLPB | FADT_RESET | FADT_REDUCED,
		.reset = {SPACE_IO, 8, 0, ACCESS_BYTE, PORT_RESET},
		.reset_value = RESET_VALUE,
		.x_dsdt = dsdt,
		.sleep_control = {SPACE_IO, 8, 0, ACCESS_BYTE, PORT_SLEEP},
		.sleep_status = {SPACE_IO, 8, 0, ACCESS_BYTE, PORT_STATUS},
	};

	fill_head(&f.head, "FACP", REV_FADT, sizeof(f));
	return put_table(w, &f.head);
}

static uint64_t
put_madt(struct writer *w, const struct boot_params_in *in)
{
	struct madt t = {.lapic = LAPIC_ADDR};

	t.ioapic.type = 1;
	t.ioapic.length = sizeof(t.ioapic);
	t.ioapic.addr = IOAPIC_ADDR;
	t.nmi.type = 4;
	t.nmi.length = sizeof(t.nmi);
	t.nmi.uid = EVERY_CPU;
	t.nmi.lint = LINT_NMI;
	for (unsigned int i = 0; i < in->n_vcpus; i++)
		t.cpu[i] = (struct madt_cpu){0, sizeof(struct madt_cpu), (uint8_t)i,
					     (uint8_t)in->topology->cpu[i].apic_id, CPU_ENABLED};
	fill_head(&t.head, "APIC", REV_MADT,
		  offsetof(struct madt, cpu) + in->n_vcpus * sizeof(struct madt_cpu));
	return put_table(w, &t.head);
}

static uint64_t
put_mcfg(struct writer *w)
{
	struct mcfg t = {.base = GPA_ECAM, .last_bus = (GPA_ECAM_SIZE >> 20) - 1};

	fill_head(&t.head, "MCFG", 1, sizeof(t));
	return put_table(w, &t.head);
}

static uint64_t
put_srat(struct writer *w, const struct boot_params_in *in)
{
	struct srat t = {.reserved = 1};
	uint8_t *at = t.entry;

	for (unsigned int i = 0; i < in->n_vcpus; i++, at += sizeof(struct srat_cpu)) {
		const struct srat_cpu c = {.type = 0,
					   .length = sizeof(c),
					   .cell = (uint8_t)in->vcpu[i].cell,
					   .apic_id = (uint8_t)in->topology->cpu[i].apic_id,
					   .flags = SRAT_ENABLED};

		memcpy(at, &c, sizeof(c));
	}
	for (unsigned int i = 0; i < w->m->n_spans; i++, at += sizeof(struct srat_memory)) {
		const struct mem_span *s = &w->m->span[i];
		const struct srat_memory r = {.type = 1,
					      .length = sizeof(r),
					      .cell = s->cell,
					      .base = s->gpa,
					      .size = s->size,
					      .flags = SRAT_ENABLED};

		memcpy(at, &r, sizeof(r));
	}
	fill_head(&t.head, "SRAT", REV_SRAT, (size_t)(at - (uint8_t *)&t));
	return put_table(w, &t.head);
}

static uint64_t
put_slit(struct writer *w, const struct boot_params_in *in)
{
	struct slit t = {.n = in->n_cells};

	for (unsigned int i = 0; i < in->n_cells; i++)
		memcpy(&t.distance[(size_t)i * in->n_cells], in->cell[i].distance, in->n_cells);
	fill_head(&t.head, "SLIT", 1,
		  offsetof(struct slit, distance) + (size_t)in->n_cells * in->n_cells);
	return put_table(w, &t.head);
}

static uint64_t
put_xsdt(struct writer *w, const struct boot_params_in *in)
{
	uint64_t dsdt = put(w, boot_dsdt, (size_t)(boot_dsdt_end - boot_dsdt));
	struct xsdt t = {0};
	unsigned int n = 0;

	t.table[n++] = put_fadt(w, dsdt);
	t.table[n++] = put_madt(w, in);
	t.table[n++] = put_mcfg(w);
	if (in->n_cells > 0) {
		t.table[n++] = put_srat(w, in);
		t.table[n++] = put_slit(w, in);
	}
	fill_head(&t.head, "XSDT", 1, offsetof(struct xsdt, table) + n * sizeof(t.table[0]));
	return put_table(w, &t.head);
}

int
boot_write_acpi(const struct mem *m, const struct boot_params_in *in, struct err *e)
{
	struct writer w = {.m = m, .at = BOOT_ACPI + align_up(sizeof(struct rsdp), ALIGN)};
	struct rsdp rsdp = {.revision = 2, .length = sizeof(rsdp)};

	if (in->n_vcpus == 0 || in->n_vcpus > VMM_VCPUS_MAX || in->n_cells > VMM_CELLS_MAX)
		return err_set(e, EINVAL, "ACPI: %u vCPUs, %u cells", in->n_vcpus, in->n_cells);
	rsdp.xsdt = put_xsdt(&w, in);
	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem, "CORLAN", sizeof(rsdp.oem));
	rsdp.checksum = checksum(&rsdp, offsetof(struct rsdp, length));
	rsdp.checksum_all = checksum(&rsdp, sizeof(rsdp));
	if (w.full || mem_write(m, BOOT_ACPI, &rsdp, sizeof(rsdp)) < 0)
		return err_set(e, ENOMEM, "ACPI: no room for the tables");
	return 0;
}
