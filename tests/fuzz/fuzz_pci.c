/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's accesses to PCI: configuration mechanism 1, ECAM, and wherever the BARs of two virtio-rng
 * functions are by then. There is no KVM: interrupts and ioeventfds fail, and that must be survived too.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/pci.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
toy_features(struct virtio_dev *v)
{
	return VIRTIO_F_COMMON;
}

static void
toy_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	if (offset + len > 13)
		abort();
	memset(buf, 0, len);
}

static void
toy_nothing(struct virtio_dev *v)
{
}

static const struct virtio_ops toy = {.type = 4,
				      .features = toy_features,
				      .config_size = 13,
				      .config_read = toy_read,
				      .start = toy_nothing,
				      .stop = toy_nothing};

static void
step(struct vm *vm, struct virtio_dev *v, const uint8_t *d)
{
	static const uint64_t bases[] = {GPA_ECAM, GPA_ECAM + 0x8000, GPA_ECAM + 0x10000};
	unsigned int size = 1u << (d[0] & 3);
	uint64_t value, at;

	memcpy(&value, d + 4, 8);
	at = (uint64_t)d[2] << 8 | d[3];
	if (d[0] & 0x80) {
		at = 0xcf8 + (d[3] & 7);
		size = MIN_OF(size, 4u);
	} else if (d[0] & 0x40) {
		at = v[d[1] & 1].fn.bar[0].base + (at & 0x7fff);
	} else {
		at = bases[d[1] % 3] + (at & 0xfff);
	}
	at &= ~(size - 1ull);
	if (d[0] & 0x20)
		bus_read(d[0] & 0x80 ? &vm->pio : &vm->mmio, at, size, &value);
	else
		bus_write(d[0] & 0x80 ? &vm->pio : &vm->mmio, at, size, value);
	for (unsigned int i = 0; i < vm->mmio.n; i++)
		if (mem_at(&vm->mem, vm->mmio.range[i].base, 1))
			abort(); /* a BAR over RAM */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmm_start start = {.n_vcpus = 1};
	static struct vmm_stats stats;
	struct vm *vm = calloc(1, sizeof(*vm));
	struct pci *p = calloc(1, sizeof(*p));
	struct virtio_dev *v = calloc(2, sizeof(*v));
	struct err e;

	vm->start = &start;
	vm->stats = &stats;
	vm->start_fd = vm->vm_fd = vm->kvm_fd = -1;
	vm->mem.n = 1;
	vm->mem.region[0] =
		(struct mem_region){.size = 1 << 20, .hva = aligned_alloc(4096, 1 << 20), .fd = -1};
	p->dev = (struct device){.ops = &pci_ops, .vm = vm};
	if (pthread_mutex_init(&vm->lock, NULL) || irq_init(vm) < 0 || loop_init(&vm->loop) < 0 ||
	    pci_ops.init(&p->dev, 0, &e) < 0)
		abort();
	for (unsigned int i = 0; i < 2; i++) {
		v[i].dev.vm = vm;
		memcpy(v[i].name, "toy", 4);
		if (virtio_init(&v[i], &toy, i + 1, 2, 64, &e) < 0)
			abort();
	}
	for (; size >= 12; data += 12, size -= 12)
		step(vm, v, data);
	for (unsigned int i = 0; i < 2; i++) {
		virtio_reset(&v[i]);
		virtio_fini(&v[i]);
	}
	pci_ops.fini(&p->dev);
	irq_fini(vm);
	loop_fini(&vm->loop);
	free(vm->mem.region[0].hva);
	free(v);
	free(p);
	free(vm);
	return 0;
}
