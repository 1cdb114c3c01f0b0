/* SPDX-License-Identifier: Apache-2.0 */
/* What to do when a vCPU comes out of the guest: Documentation/virt/kvm/api.rst, 5 (struct kvm_run). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"
#include "vmm/stats.h"
#include "vmm/vcpu.h"

static bool
is_bus_size(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* One access; nobody there: reads give ones, writes are dropped, and it is counted. */
static void
access_one(struct vcpu *v, const struct bus *bus, uint64_t addr, bool write, uint8_t *data,
	   unsigned int size)
{
	uint64_t value = 0;
	bool there = false;

	if (is_bus_size(size) && write) {
		memcpy(&value, data, size);
		there = bus_write(bus, addr, size, value);
	} else if (is_bus_size(size)) {
		there = bus_read(bus, addr, size, &value);
	}
	if (!there) {
		stats_inc(&v->stats->unhandled);
		value = UINT64_MAX;
	}
	if (!write)
		memcpy(data, &value, MIN_OF(size, sizeof(value)));
}

/* in, out and their string forms: count accesses of one size to one port, back to back in memory. */
static void
handle_pio(struct vcpu *v)
{
	struct kvm_run *r = v->run;
	uint8_t *data = (uint8_t *)r + r->io.data_offset;
	struct vm *vm = v->vm;

	stats_inc(&v->stats->exits[VMM_EXIT_PIO]);
	pthread_mutex_lock(&vm->lock);
	for (uint32_t i = 0; i < r->io.count; i++, data += r->io.size) {
		vm->pio_left = r->io.count - 1 - i;
		access_one(v, &vm->pio, r->io.port, r->io.direction == KVM_EXIT_IO_OUT, data,
			   r->io.size);
	}
	pthread_mutex_unlock(&vm->lock);
}

static void
handle_mmio(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	stats_inc(&v->stats->exits[VMM_EXIT_MMIO]);
	pthread_mutex_lock(&v->vm->lock);
	access_one(v, &v->vm->mmio, r->mmio.phys_addr, r->mmio.is_write, r->mmio.data, r->mmio.len);
	pthread_mutex_unlock(&v->vm->lock);
}

char *
vcpu_describe(const struct vcpu *v, char *buf, size_t size)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0) {
		snprintf(buf, size, "registers not readable");
		return buf;
	}
	/* AMD's SVM leaves nothing of a triple fault's state, and KVM then shows that of a reset. */
	if (r.rip == 0xfff0 && s.cs.selector == 0xf000) {
		snprintf(buf, size, "this CPU does not keep the registers of it");
		return buf;
	}
	snprintf(buf, size,
		 "rip 0x%llx rsp 0x%llx cs 0x%x cr0 0x%llx cr2 0x%llx cr3 0x%llx efer 0x%llx",
		 r.rip, r.rsp, s.cs.selector, s.cr0, s.cr2, s.cr3, s.efer);
	return buf;
}

static void
die(struct vcpu *v, const char *what)
{
	char regs[160];

	vm_event(v->vm, VMM_EV_FAULT, v->index, "vcpu %u: %s; %s", v->index, what,
		 vcpu_describe(v, regs, sizeof(regs)));
	vm_stop(v->vm, EXIT_GUEST_FAULT);
}

/* KVM could not go on by itself; when it was an instruction it could not emulate, its bytes are there. */
static void
handle_internal_error(struct vcpu *v)
{
	const struct kvm_run *r = v->run;
	char what[96];
	size_t at;

	stats_inc(&v->stats->exits[VMM_EXIT_FAIL]);
	at = (size_t)snprintf(what, sizeof(what), "KVM internal error %u", r->internal.suberror);
	if (r->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    r->emulation_failure.ndata >= 3 &&
	    (r->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		size_t n = MIN_OF((size_t)r->emulation_failure.insn_size,
				  sizeof(r->emulation_failure.insn_bytes));

		at += (size_t)snprintf(what + at, sizeof(what) - at, ", instruction");
		for (size_t i = 0; i < n; i++)
			at += (size_t)snprintf(what + at, sizeof(what) - at, " %02x",
					       r->emulation_failure.insn_bytes[i]);
	}
	die(v, what);
}

static void
handle_fail_entry(struct vcpu *v)
{
	char what[96];

	stats_inc(&v->stats->exits[VMM_EXIT_FAIL]);
	snprintf(what, sizeof(what), "the CPU refused to enter the guest, reason 0x%llx",
		 (unsigned long long)v->run->fail_entry.hardware_entry_failure_reason);
	die(v, what);
}

static void
handle_other(struct vcpu *v)
{
	char what[64];

	stats_inc(&v->stats->exits[VMM_EXIT_OTHER]);
	snprintf(what, sizeof(what), "unexpected exit %u", v->run->exit_reason);
	die(v, what);
}

void
vcpu_handle_exit(struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		handle_pio(v);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(v);
		break;
	case KVM_EXIT_HLT: /* the in-kernel APIC handles it; a KVM that does not is only slower */
		stats_inc(&v->stats->exits[VMM_EXIT_HLT]);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		stats_inc(&v->stats->exits[VMM_EXIT_INTR]);
		break;
	case KVM_EXIT_SHUTDOWN:
		stats_inc(&v->stats->exits[VMM_EXIT_SHUTDOWN]);
		die(v, "triple fault");
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		handle_internal_error(v);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		handle_fail_entry(v);
		break;
	default:
		handle_other(v);
		break;
	}
}
