/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFIO device that says anything of itself (the first bytes), and a guest that writes anything to it (the
 * rest), without KVM: memory slots and interrupts fail, and that must be survived too. What the fake device
 * finds that the kernel would not accept ends the run.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/vfio_fake.h"

#include "vmm/vfio.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

#define STEP 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to 64 changes of the device's configuration space, then sizes, flags, counts and a list of areas. */
static size_t
describe(const uint8_t *d, size_t size)
{
	size_t at = 1;

	fake_igb();
	if (size == 0)
		return 0;
	for (unsigned int i = 0; i < (d[0] & 63u) && at + 2 <= size; i++, at += 2)
		card.config[d[at]] = d[at + 1];
	if (!(d[0] & 0x80) || size < at + 16 + 64)
		return at;
	card.bar_size[d[at] % 6] = 1ull << (d[at + 1] & 63);
	card.bar_flags[d[at + 2] % 6] ^= VFIO_REGION_INFO_FLAG_MMAP;
	card.irqs[d[at + 3] % VFIO_PCI_NUM_IRQS] = (uint32_t)d[at + 4] << (d[at + 5] & 31);
	card.irq_flags[d[at + 6] % VFIO_PCI_NUM_IRQS] = d[at + 7];
	card.refuse_irqs = d[at + 8] & 1;
	card.refuse_map = d[at + 8] & 2;
	card.refuse_reset = d[at + 8] & 4;
	card.caps_len[d[at + 9] % 6] = 32 + 64;
	memcpy(&card.caps[d[at + 9] % 6][offsetof(struct vfio_region_info, cap_offset)],
	       (uint32_t[]){d[at + 10]}, 4);
	memcpy(&card.caps[d[at + 9] % 6][32], &d[at + 16], 64);
	return at + 16 + 64;
}

static void
step(struct vm *vm, struct vfio_nic *n, const uint8_t *d)
{
	unsigned int size = 1u << (d[0] & 3);
	const struct pci_bar *b = &n->fn.bar[d[1] % 6];
	uint64_t value, at = (uint64_t)d[2] << 8 | d[3];

	memcpy(&value, d + 4, 8);
	if (d[0] & 0x40)
		at = b->mapped ? b->base + (at & (b->size - 1)) : 0;
	else
		at = GPA_ECAM + ((uint64_t)SLOT_NIC0 << 15) + (at & 0xfff);
	at &= ~(size - 1ull);
	if (d[0] & 0x20)
		bus_read(&vm->mmio, at, size, &value);
	else
		bus_write(&vm->mmio, at, size, value);
	for (unsigned int i = 0; i < vm->mmio.n; i++)
		if (mem_at(&vm->mem, vm->mmio.range[i].base, 1))
			abort(); /* a BAR over RAM */
	if (!(n->msix.state.control & MSIX_CTL_ENABLE) && fake_vectors(VFIO_PCI_MSIX_IRQ_INDEX))
		abort(); /* interrupts on the host that the guest has not enabled */
}

static struct vmm_start start = {
	.n_vcpus = 1,
	.n_nics = 1,
	.nic[0] = {.kind = VMM_NIC_VFIO, .name = "fuzz"},
	.iommu_kind = VMM_IOMMU_TYPE1,
	.n_fds = 2,
	.fd = {{VMM_FD_IOMMU, 0}, {VMM_FD_NIC, 0}},
};

static void
play(struct vm *vm, struct vfio_iommu *iommu, struct vfio_nic *n, const uint8_t *data, size_t size)
{
	struct err e;

	iommu->dev = (struct device){.ops = &vfio_iommu_ops, .vm = vm};
	n->dev = (struct device){.ops = &vfio_nic_ops, .vm = vm};
	if (vfio_iommu_ops.init(&iommu->dev, 0, &e) < 0)
		abort();
	if (vfio_nic_ops.init(&n->dev, 0, &e) == 0) {
		for (; size >= STEP; data += STEP, size -= STEP)
			step(vm, n, data);
		vfio_nic_ops.fini(&n->dev);
	}
	vfio_iommu_ops.fini(&iommu->dev);
	if (card.bad || card.maps || card.n_dma || card.closed != 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmm_stats stats;
	struct vm *vm = calloc(1, sizeof(*vm));
	struct pci *p = calloc(1, sizeof(*p));
	struct vfio_iommu *iommu = calloc(1, sizeof(*iommu));
	struct vfio_nic *n = calloc(1, sizeof(*n));
	size_t used = describe(data, size);
	struct err e;

	vm->start = &start;
	vm->stats = &stats;
	vm->start_fd = vm->vm_fd = vm->kvm_fd = -1;
	vm->fds[0] = FAKE_IOMMU_FD;
	vm->fds[1] = FAKE_DEV_FD;
	vm->vfio_io = &fake_io;
	vm->mem.n = 1;
	vm->mem.region[0] =
		(struct mem_region){.size = 1 << 20, .hva = aligned_alloc(4096, 1 << 20), .fd = -1};
	p->dev = (struct device){.ops = &pci_ops, .vm = vm};
	if (pthread_mutex_init(&vm->lock, NULL) || irq_init(vm) < 0 || loop_init(&vm->loop) < 0 ||
	    pci_ops.init(&p->dev, 0, &e) < 0)
		abort();
	play(vm, iommu, n, data + used, size - used);
	pci_ops.fini(&p->dev);
	irq_fini(vm);
	loop_fini(&vm->loop);
	free(vm->mem.region[0].hva);
	free(n);
	free(iommu);
	free(p);
	free(vm);
	return 0;
}
