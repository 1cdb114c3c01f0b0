/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VFIO NICs of a machine without KVM: what the guest sees of a fake device, and what its accesses bring about
 * in the device, in KVM's memory slots and interrupts (watched here), and in the IOMMU.
 */
#include "tests/unit/vfio_world.h"

#include <errno.h>

#include "vmm/msix.h"
#include "vmm/vfio.h"

/* --- what the guest sees --- */

static void
identity(void **state)
{
	struct world *w = *state;

	card.config[0xa0 + 1] = 0x09; /* MSI-X, then a vendor's own, then nothing */
	plug(w, 1);
	assert_int_equal(cfg(w, 0, 0x00, 4), 0x10ca8086);
	assert_int_equal(cfg(w, 0, 0x08, 4), 0x02000001);
	assert_int_equal(cfg(w, 0, 0x2c, 4), 0xa03c8086);
	assert_int_equal(cfg(w, 0, 0x10, 1), 0xc);
	assert_int_equal(cfg(w, 0, 0x3d, 1), 0); /* no pin: MSI-X is better */
	assert_int_equal(cfg(w, 0, 0x100, 4), 0);
	assert_int_equal(w->f->vm.nic[0].up, 1);
}

/* Only what is on the list, whatever else the device has. */
static void
capabilities(void **state)
{
	struct world *w = *state;
	unsigned int at, seen = 0;

	fake_put(0xa1, 1, 0xc0);
	fake_put(0xc0, 2, 0xd009); /* a vendor's */
	fake_put(0xd0, 2, 0xe003); /* VPD */
	fake_put(0xe0, 2, 0xf001); /* power management, D1 and PME from everywhere */
	fake_put(0xe2, 2, 0xfe02);
	fake_put(0xf0, 2, 0x0005); /* MSI, beside MSI-X */
	card.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1;
	plug(w, 1);
	for (at = cfg(w, 0, 0x34, 1); at; at = cfg(w, 0, at + 1, 1)) {
		uint32_t id = cfg(w, 0, at, 1);

		assert_true(id == 0x11 || id == 0x10 || id == 0x01);
		seen |= 1u << id;
		if (id == 0x10) {
			assert_int_equal(cfg(w, 0, at + 2, 2), 0x92);
			assert_int_equal(cfg(w, 0, at + 4, 4), 0x10008002);
		}
		if (id == 0x01)
			assert_int_equal(cfg(w, 0, at + 2, 2), 0x0003);
		if (id == 0x11)
			assert_int_equal(cfg(w, 0, at + 2, 2), 2);
	}
	assert_int_equal(seen, 1 << 0x11 | 1 << 0x10 | 1 << 0x01);
}

/* Lists that loop, point at the header or at the end, tables that are nowhere. */
static void
hostile_capabilities(void **state)
{
	static const struct {
		uint8_t at, size;
		uint32_t value;
		bool refused;
	} row[] = {
		{0x71, 1, 0x70, false},          /* loops on itself */
		{0x34, 1, 0x04, false},          /* the header */
		{0x34, 1, 0xff, false},          /* the end: no room for anything */
		{0x06, 2, 0x0000, false},        /* no list at all */
		{0x74, 4, 0x00000006, true},     /* the table in BAR 6 */
		{0x74, 4, 0x00000001, true},     /* in the upper half of BAR 0 */
		{0x74, 4, 0x00003ff3, true},     /* reaches over the end */
		{0x74, 4, 0xfffffff8 | 3, true}, /* far away */
		{0x78, 4, 0x00004003, true},     /* pending bits behind the end */
		{0x72, 2, 0xffff, true},         /* 2048 vectors: no room */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct world *w = world_new(1);
		struct err e = {0};

		fake_put(row[i].at, row[i].size, row[i].value);
		if (row[i].refused) {
			assert_int_equal(try_plug(w, &e), -EINVAL);
			assert_non_null(strstr(e.text, "nic wan0: its MSI-X table is in no BAR"));
			assert_int_equal(card.closed, 1);
			assert_int_equal(card.maps, 0);
		} else {
			plug(w, 1);
		}
		world_free(w);
	}
}

/* --- registers --- */

static void
registers(void **state)
{
	struct world *w = *state;
	uint64_t base0, base3;

	plug(w, 1);
	base0 = cfg(w, 0, 0x10, 4) & ~0xfu;
	base3 = cfg(w, 0, 0x1c, 4) & ~0xfu;
	assert_int_equal(n_slots(), 0); /* nobody was there yet */
	mmio(w, base0 + 0x100, 4, 0x12345678);
	assert_int_equal(n_slots(), 1);
	assert_non_null(slot_at(base0, 0x4000));
	assert_ptr_equal(slot_at(base0, 0x4000)->hva, card.bar[0]);
	assert_int_equal(card.bar[0][0x101], 0x56);
	/* The table's page is ours, and so is what the guest reads there. */
	mmio(w, base3 + 0x20, 4, 0xfee00000);
	assert_int_equal(mmio_read(w, base3 + 0x20, 4), 0xfee00000);
	assert_int_equal(card.bar[3][0x22], 0);
	assert_int_equal(n_slots(), 1);
	/* Beside the table and the pending bits: the device's. The latter are read-only. */
	mmio(w, base3 + 0x800, 4, 0x55);
	assert_int_equal(card.bar[3][0x800], 0x55);
	mmio(w, base3 + 0x2000, 4, 0xff);
	assert_int_equal(card.bar[3][0x2000], 0);
	assert_int_equal(mmio_read(w, base3 + 0x2000, 4), 0);
	mmio(w, base3 + 0x1000, 4, 1);
	mmio(w, base3 + 0x3ffc, 4, 1);
	assert_int_equal(n_slots(), 3);
	assert_non_null(slot_at(base3 + 0x1000, 0x1000));
	assert_non_null(slot_at(base3 + 0x3000, 0x1000));

	/* Decoding off and on: nothing is in place until it is used again. */
	cfg_write(w, 0, 0x04, 2, 0);
	assert_int_equal(n_slots(), 0);
	assert_int_equal(card.config[4] & 2, 2); /* the device's own stays on */
	cfg_write(w, 0, 0x04, 2, 2);
	assert_int_equal(n_slots(), 0);
	mmio(w, base0, 4, 1);
	assert_int_equal(n_slots(), 1);
	/* Moved. */
	cfg_write(w, 0, 0x10, 4, 0xd0000000);
	assert_int_equal(n_slots(), 0);
	mmio(w, 0xd0000000, 4, 2);
	assert_non_null(slot_at(0xd0000000, 0x4000));
	/* Over RAM: nowhere. */
	cfg_write(w, 0, 0x10, 4, 0x00100000);
	assert_int_equal(n_slots(), 0);
	assert_int_equal(w->f->stats.guest_errors, 1);
}

/* KVM has no slot, the kernel maps nothing: every access is passed on. */
static void
all_trapped(void **state)
{
	struct world *w = *state;
	uint64_t base;

	kvm.refuse_slots = -ENOSPC;
	plug(w, 1);
	base = cfg(w, 0, 0x10, 4) & ~0xfu;
	for (unsigned int i = 0; i < 3; i++) {
		mmio(w, base + 8, 4, i);
		cfg_write(w, 0, 0x04, 2, 0); /* a guest that would like it to be said again */
		cfg_write(w, 0, 0x04, 2, 2);
	}
	assert_int_equal(card.bar[0][8], 2);
	assert_int_equal(events(w, VMM_EV_WARNING), 1);
	unplug_all(w);
	fake_igb();
	card.refuse_map = EPERM;
	kvm.refuse_slots = 0;
	plug(w, 1);
	mmio(w, base + 8, 4, 7);
	assert_int_equal(card.bar[0][8], 7);
	assert_int_equal(n_slots(), 0);
}

static void
command(void **state)
{
	struct world *w = *state;
	unsigned int writes;

	plug(w, 1);
	assert_int_equal(card.config[4], 2);
	cfg_write(w, 0, 0x04, 2, 0x6);
	assert_int_equal(card.config[4], 6);
	writes = card.command_writes;
	cfg_write(w, 0, 0x04, 2, 0x4); /* memory off is the guest's affair */
	assert_int_equal(card.command_writes, writes);
	cfg_write(w, 0, 0x04, 2, 0xffff);
	assert_int_equal(card.config[4] | card.config[5] << 8, 0x406);
	unplug_all(w);
	assert_int_equal(card.config[4] & 4, 0); /* no DMA after the end */
}

/* --- reset --- */

static void
function_reset(void **state)
{
	struct world *w = *state;
	unsigned int at;
	uint64_t base;

	plug(w, 1);
	assert_int_equal(card.resets, 0); /* at the start it is the kernel's affair */
	at = find_cap(w, 0, 0x10);
	base = cfg(w, 0, 0x10, 4) & ~0xfu;
	enable_msix(w, 0, 3);
	assert_int_equal(fake_vectors(VFIO_PCI_MSIX_IRQ_INDEX), 3);
	cfg_write(w, 0, 0x04, 2, 6);
	mmio(w, base, 4, 1);
	cfg_write(w, 0, 0x10, 4, 0xd0000000);
	cfg_write(w, 0, at + 8, 2, 0x8010);
	assert_int_equal(card.resets, 1);
	assert_int_equal(fake_vectors(VFIO_PCI_MSIX_IRQ_INDEX), 0);
	assert_int_equal(kvm.live, 0);
	assert_int_equal(card.config[4], 2);
	assert_int_equal(cfg(w, 0, 0x10, 4) & ~0xfu, base);
	assert_int_equal(cfg(w, 0, at + 8, 2) & 0x8000, 0);
	assert_int_equal(n_slots(), 0);
	vfio_nic_ops.reset(w->nic[0]); /* the machine's */
	assert_int_equal(card.resets, 2);
	card.refuse_reset = EIO;
	for (int i = 0; i < 3; i++)
		cfg_write(w, 0, at + 8, 2, 0x8000);
	assert_int_equal(events(w, VMM_EV_WARNING), 1);
}

static void
without_reset(void **state)
{
	struct world *w = *state;

	card.flags &= ~(uint32_t)VFIO_DEVICE_FLAGS_RESET;
	plug(w, 1);
	assert_int_equal(events(w, VMM_EV_WARNING), 1); /* as its last user left it */
	/* The guest is not offered what there is not. */
	assert_int_equal(cfg(w, 0, find_cap(w, 0, 0x10) + 4, 4) & 0x10000000, 0);
	cfg_write(w, 0, find_cap(w, 0, 0x10) + 8, 2, 0x8000);
	assert_int_equal(card.resets, 0);
}

/* --- the IOMMU --- */

static void
memory_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(card.dma_calls, 0);
	plug(w, 2);
	assert_int_equal(card.n_dma, 2); /* two regions of RAM, one call each */
	assert_int_equal(card.dma_calls, 2);
	assert_int_equal(card.dma[1].iova, GPA_HIGH_RAM);
	unplug_all(w);
	assert_int_equal(card.n_dma, 0);
	assert_false(card.bad);
}

static void
no_memory(void **state)
{
	struct world *w = *state;
	struct err e = {0};

	card.refuse_dma = ENOMEM;
	assert_int_equal(try_plug(w, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "cannot be pinned for DMA"));
	assert_int_equal(card.closed, 1);
	assert_int_equal(card.n_dma, 0);
}

/* Two devices: what one answers at is mapped for the other, and follows it. */
static void
peers(void **state)
{
	struct world *w = *state;
	uint64_t base;

	plug(w, 2);
	base = cfg(w, 0, 0x10, 4) & ~0xfu;
	mmio(w, base, 4, 1);
	assert_int_equal(card.n_dma, 2 + 3);
	cfg_write(w, 0, 0x10, 4, 0xd0000000);
	assert_int_equal(card.n_dma, 2 + 2);
	mmio(w, 0xd0000000, 4, 1);
	assert_int_equal(card.n_dma, 2 + 3);
	card.refuse_dma = EFAULT;
	base = cfg(w, 1, 0x10, 4) & ~0xfu;
	mmio(w, base, 4, 1);
	assert_int_equal(card.n_dma, 2 + 3);
	assert_int_equal(events(w, VMM_EV_WARNING), 1); /* once for all three */
	unplug_all(w);
	assert_int_equal(card.n_dma, 0);
	assert_false(card.bad);
}

/* A device's own words say which BAR it is, and what would do. */
static void
large_bars(void **state)
{
	struct world *w = *state;
	struct err e = {0};

	card.bar_size[3] = 1ull << 30;
	assert_int_equal(try_plug(w, &e), -ENOSPC);
	assert_non_null(
		strstr(e.text, "nic wan0: no place for BAR 3 of its device, which is 1048576 KiB"));
	assert_non_null(strstr(e.text, "share 512 MiB"));
	assert_int_equal(card.closed, 1);
	assert_int_equal(card.maps, 0);
}

/* As many NICs as there may be, each with more vectors than it can get: none goes without. */
static void
vectors_are_shared(void **state)
{
	static const struct {
		unsigned int nics, vectors;
	} row[] = {{1, 64}, {6, 64}, {8, 48}, {16, 24}};
	struct world *w = *state;

	fake_put(0x72, 2, 127);
	card.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 128;
	kvm.refuse_slots = -ENOSPC;
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct msix other;

		plug(w, row[i].nics);
		for (unsigned int k = 0; k < row[i].nics; k++) {
			const struct vfio_nic *n = container_of(w->nic[k], struct vfio_nic, dev);

			assert_int_equal(n->msix.n, row[i].vectors);
		}
		/* What the other devices may need at most. */
		assert_int_equal(msix_init(&other, &w->f->vm, "disks", 64), 0);
		msix_fini(&other);
		unplug_all(w);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		T(identity),           T(capabilities),  cmocka_unit_test(hostile_capabilities),
		T(registers),          T(all_trapped),   T(command),
		T(function_reset),     T(without_reset), T(memory_once),
		T(no_memory),          T(peers),         T(large_bars),
		T(vectors_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
