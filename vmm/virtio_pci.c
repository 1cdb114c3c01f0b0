/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over PCI, modern only (virtio 1.2, 4.1): one 32-bit memory BAR with every structure in a page
 * of its own, and MSI-X. What the driver does through it is in virtio_common.c.
 *
 * A queue's notification address carries an ioeventfd, so a kick never reaches user space; the trapped
 * path below serves a driver that kicks while no ioeventfd is there. There is no INTx: the interrupt
 * pin is 0, and a driver without MSI-X has to poll, with the ISR byte if it likes.
 */
#include "vmm/virtio_pci.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/event.h"
#include "vmm/vm.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_BASE   0x1040 /* 4.1.2: plus the device type */
#define CAP_VENDOR    0x09

enum { /* 4.1.4: cfg_type */
       CFG_COMMON = 1,
       CFG_NOTIFY = 2,
       CFG_ISR = 3,
       CFG_DEVICE = 4,
       CFG_PCI = 5,
};

enum { /* the BAR */
       BAR = 0,
       AT_COMMON = 0x0000,
       AT_ISR = 0x1000,
       AT_DEVICE = 0x2000,
       AT_NOTIFY = 0x3000,
       AT_TABLE = 0x4000,
       AT_PBA = 0x5000,
       BAR_SIZE = 0x8000,
       PAGE = 0x1000,
       NOTIFY_STEP = 4,
};

static struct virtio_dev *
of(struct pci_fn *f)
{
	return container_of(f, struct virtio_dev, fn);
}

/* --- accesses inside the BAR --- */

void
virtio_kick(struct virtio_dev *v, unsigned int q)
{
	if (q < v->n_queues)
		event_signal(v->kick[q]);
}

static uint64_t
device_read(struct virtio_dev *v, uint64_t offset, unsigned int size)
{
	uint8_t buf[8] = {0};

	if (offset >= v->ops->config_size)
		return 0;
	v->ops->config_read(v, (unsigned int)offset, buf,
			    (unsigned int)MIN_OF(size, v->ops->config_size - offset));
	return pci_get(buf, 0, 4) | (uint64_t)pci_get(buf, 4, 4) << 32;
}

static void
device_write(struct virtio_dev *v, uint64_t offset, unsigned int size, uint64_t value)
{
	uint8_t buf[8];

	if (offset >= v->ops->config_size || !v->ops->config_write)
		return;
	pci_put(buf, 0, 4, (uint32_t)value);
	pci_put(buf, 4, 4, (uint32_t)(value >> 32));
	v->ops->config_write(v, (unsigned int)offset, buf,
			     (unsigned int)MIN_OF(size, v->ops->config_size - offset));
}

static uint64_t
isr_read(struct virtio_dev *v, uint64_t offset)
{
	uint8_t isr = v->s.isr;

	if (offset != 0)
		return 0;
	v->s.isr = 0; /* 4.1.4.5: reading clears */
	return isr;
}

static uint64_t
bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size)
{
	struct virtio_dev *v = of(f);
	uint64_t at = offset % PAGE;

	switch (offset - at) {
	case AT_COMMON:
		return virtio_common_read(v, at, size);
	case AT_ISR:
		return isr_read(v, at);
	case AT_DEVICE:
		return device_read(v, at, size);
	case AT_TABLE:
		return msix_table_read(&v->msix, at, size);
	case AT_PBA:
		return msix_pba_read(&v->msix, at, size);
	default:
		return 0;
	}
}

static void
bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio_dev *v = of(f);
	uint64_t at = offset % PAGE;

	switch (offset - at) {
	case AT_COMMON:
		virtio_common_write(v, at, size, value);
		break;
	case AT_DEVICE:
		device_write(v, at, size, value);
		break;
	case AT_NOTIFY:
		if (at % NOTIFY_STEP == 0)
			virtio_kick(v, (unsigned int)(at / NOTIFY_STEP));
		break;
	case AT_TABLE:
		msix_table_write(&v->msix, at, size, value);
		break;
	default:
		break;
	}
}

/* --- ioeventfds follow the BAR --- */

static bool
set_ioeventfd(struct virtio_dev *v, unsigned int q, uint64_t addr, uint32_t len, bool on)
{
	struct kvm_ioeventfd i = {
		.addr = addr,
		.len = len,
		.fd = v->kick[q],
		.flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	return ioctl(v->dev.vm->vm_fd, KVM_IOEVENTFD, &i) == 0;
}

/*
 * Length 0 takes a write of any length and is KVM's fastest; an old KVM wants one for each length. When
 * neither can be had, kicks are trapped: nothing half-made stays behind.
 */
static enum virtio_doorbell
doorbell_on(struct virtio_dev *v, unsigned int q, uint64_t addr)
{
	if (set_ioeventfd(v, q, addr, 0, true))
		return DOORBELL_ANY;
	if (!set_ioeventfd(v, q, addr, 2, true))
		return DOORBELL_TRAP;
	if (set_ioeventfd(v, q, addr, 4, true))
		return DOORBELL_2_AND_4;
	set_ioeventfd(v, q, addr, 2, false);
	return DOORBELL_TRAP;
}

static void
doorbell_off(struct virtio_dev *v, unsigned int q, uint64_t addr)
{
	if (v->doorbell[q] == DOORBELL_ANY)
		set_ioeventfd(v, q, addr, 0, false);
	if (v->doorbell[q] != DOORBELL_2_AND_4)
		return;
	set_ioeventfd(v, q, addr, 2, false);
	set_ioeventfd(v, q, addr, 4, false);
}

static void
queue_doorbell(struct virtio_dev *v, unsigned int q, bool on)
{
	uint64_t addr = v->notify_base + (uint64_t)q * NOTIFY_STEP;

	if (on == (v->doorbell[q] != DOORBELL_TRAP))
		return;
	if (!on)
		doorbell_off(v, q, addr);
	v->doorbell[q] = on ? doorbell_on(v, q, addr) : DOORBELL_TRAP;
}

static void
bar_moved(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base)
{
	struct virtio_dev *v = of(f);

	if (mapped)
		v->notify_base = base + AT_NOTIFY;
	for (unsigned int q = 0; q < v->n_queues; q++)
		queue_doorbell(v, q, mapped && v->s.queue[q].enabled);
	if (!mapped)
		v->notify_base = 0;
}

/*
 * Not before: a guest that asks for the sizes of BARs switches decoding off and on a dozen times, and each
 * doorbell made or taken away is a grace period of KVM's. Once there, it stays as long as the BAR does.
 */
void
virtio_doorbell(struct virtio_dev *v, unsigned int q)
{
	if (v->notify_base)
		queue_doorbell(v, q, true);
}

/* --- configuration space --- */

/* 4.1.4.9: the driver reads and writes the BAR through configuration space. */
static bool
window(struct virtio_dev *v, uint64_t *ret_offset, unsigned int *ret_size)
{
	const uint8_t *cap = &v->fn.config[v->cfg_cap];
	uint32_t offset = pci_get(cap, 8, 4), len = pci_get(cap, 12, 4);

	if (cap[4] != BAR || (len != 1 && len != 2 && len != 4))
		return false;
	if (offset % len || offset > BAR_SIZE - len)
		return false;
	*ret_offset = offset;
	*ret_size = len;
	return true;
}

static void
config_read(struct pci_fn *f, unsigned int offset, unsigned int size)
{
	struct virtio_dev *v = of(f);
	uint64_t at;
	unsigned int len;

	if (pci_touches(offset, size, v->cfg_cap + 16u, 4) && window(v, &at, &len))
		pci_put(f->config, v->cfg_cap + 16u, 4, (uint32_t)bar_read(f, BAR, at, len));
}

static void
config_written(struct pci_fn *f, unsigned int offset, unsigned int size)
{
	struct virtio_dev *v = of(f);
	uint64_t at;
	unsigned int len;

	if (pci_touches(offset, size, v->msix_cap + 2u, 2))
		msix_control(&v->msix, (uint16_t)pci_get(f->config, v->msix_cap + 2u, 2));
	if (pci_touches(offset, size, v->cfg_cap + 16u, 4) && window(v, &at, &len))
		bar_write(f, BAR, at, len, pci_get(f->config, v->cfg_cap + 16u, len));
}

static const struct pci_fn_ops fn_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.bar_moved = bar_moved,
	.config_read = config_read,
	.config_written = config_written,
};

/* struct virtio_pci_cap without its first two bytes; @extra more bytes follow it. */
static int
add_cap(struct virtio_dev *v, uint8_t type, uint32_t offset, uint32_t len, unsigned int extra)
{
	uint8_t body[18] = {(uint8_t)(16 + extra), type, BAR};

	pci_put(body, 6, 4, offset);
	pci_put(body, 10, 4, len);
	if (type == CFG_NOTIFY)
		pci_put(body, 14, 4, NOTIFY_STEP);
	return pci_fn_cap(&v->fn, CAP_VENDOR, body, 14 + extra);
}

/* At most 0x40 + 12 + 16 * 3 + 20 * 2: it fits, and nothing here depends on a guest. */
static void
add_caps(struct virtio_dev *v)
{
	uint8_t msix[10];

	pci_put(msix, 0, 2, v->msix.n - 1);
	pci_put(msix, 2, 4, AT_TABLE | BAR);
	pci_put(msix, 6, 4, AT_PBA | BAR);
	v->msix_cap = (uint8_t)pci_fn_cap(&v->fn, MSIX_CAP_ID, msix, sizeof(msix));
	pci_put(v->fn.writable, v->msix_cap + 2u, 2, MSIX_CTL_ENABLE | MSIX_CTL_MASK);
	add_cap(v, CFG_COMMON, AT_COMMON, VIRTIO_COMMON_SIZE, 0);
	add_cap(v, CFG_NOTIFY, AT_NOTIFY, v->n_queues * NOTIFY_STEP, 4);
	add_cap(v, CFG_ISR, AT_ISR, 1, 0);
	if (v->ops->config_size)
		add_cap(v, CFG_DEVICE, AT_DEVICE, v->ops->config_size, 0);
	v->cfg_cap = (uint8_t)add_cap(v, CFG_PCI, 0, 0, 4);
	v->fn.writable[v->cfg_cap + 4] = 0xff;
	memset(&v->fn.writable[v->cfg_cap + 8], 0xff, 12);
}

/* --- making and unmaking --- */

int
virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, unsigned int slot,
	    unsigned int n_queues, uint16_t queue_size_max, struct err *e)
{
	const struct pci_ids ids = {
		.vendor = VENDOR_VIRTIO,
		.device = (uint16_t)(DEVICE_BASE + ops->type),
		.subvendor = VENDOR_VIRTIO,
		.subdevice = (uint16_t)(DEVICE_BASE + ops->type),
		.revision = 1,
		.class = ops->pci_class,
	};
	struct vm *vm = v->dev.vm;
	int r;

	v->ops = ops;
	v->queue_size_max = queue_size_max;
	for (unsigned int q = 0; q < n_queues; q++) {
		v->kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->kick[q] < 0)
			return err_sys(e, errno, "%s: cannot make an eventfd", v->name);
		v->n_queues = q + 1;
	}
	r = virtio_serve_watch(v);
	if (r < 0)
		return err_sys(e, -r, "%s: cannot watch its queues", v->name);
	r = msix_init(&v->msix, vm, v->name, n_queues + 1);
	if (r < 0)
		return err_sys(e, -r, "%s: cannot get %u interrupts", v->name, n_queues + 1);
	pci_fn_init(&v->fn, vm, v->name, &fn_ops, &ids);
	add_caps(v);
	virtio_common_reset(v);
	r = pci_fn_bar(&v->fn, BAR, BAR_SIZE, false);
	if (r == 0)
		r = pci_fn_add(vm->pci, slot, &v->fn);
	if (r < 0)
		return err_sys(e, -r, "%s: cannot get PCI slot %u", v->name, slot);
	return 0;
}

void
virtio_fini(struct virtio_dev *v)
{
	if (!v->ops)
		return;
	virtio_stop(v);
	pci_fn_remove(v->dev.vm->pci, &v->fn);
	msix_fini(&v->msix);
	for (unsigned int q = 0; q < v->n_queues; q++) {
		loop_del(&v->dev.vm->loop, v->kick[q]);
		close(v->kick[q]);
	}
	v->n_queues = 0;
}

void
virtio_reset(struct virtio_dev *v)
{
	virtio_stop(v);
	v->resetting = true;
	virtio_settle(v);
	pci_fn_reset(&v->fn);
	msix_reset(&v->msix);
}
