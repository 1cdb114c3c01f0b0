/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function that the guest sees of a VFIO device: identity as the device has it, everything else built
 * here. What the guest writes reaches the device in three places: bus mastering and INTx-off in the command
 * register, interrupts, and the reset bit of the PCI Express capability.
 */
#include <errno.h>
#include <string.h>

#include "vmm/event.h"
#include "vmm/vfio.h"
#include "vmm/vm.h"

#define EXP_CTL_RESET 0x80 /* in the second byte */

/* Memory decoding is always on: vfio_bar.c says why. */
static void
put_command(struct vfio_nic *n)
{
	uint16_t want = (uint16_t)(pci_get(n->fn.config, PCI_R_COMMAND, 2) &
				   (PCI_CMD_MASTER | PCI_CMD_INTX_OFF));

	want |= PCI_CMD_MEMORY;
	if (want == n->command)
		return;
	if (vfio_dev_command(&n->v, want) == 0)
		n->command = want;
}

static void
config_written(struct pci_fn *f, unsigned int offset, unsigned int size)
{
	struct vfio_nic *n = container_of(f, struct vfio_nic, fn);
	uint8_t *c = f->config;

	if (n->exp_cap && pci_touches(offset, size, n->exp_cap + 9, 1) &&
	    c[n->exp_cap + 9] & EXP_CTL_RESET) {
		vfio_pci_reset(n);
		return;
	}
	if (pci_touches(offset, size, PCI_R_COMMAND, 2))
		put_command(n);
	if (n->x.cap && pci_touches(offset, size, n->x.cap + 2, 2)) {
		msix_control(&n->msix, (uint16_t)pci_get(c, n->x.cap + 2, 2));
		vfio_msix_sync(n);
	}
	if (n->msi.cap && pci_touches(offset, size, n->msi.cap + 2, 12))
		vfio_msi_sync(n);
}

static void
ejected(struct pci_fn *f)
{
	struct vfio_nic *n = container_of(f, struct vfio_nic, fn);

	event_signal(n->eject_fd); /* the main thread does the rest */
}

static const struct pci_fn_ops fn_ops = {
	.bar_read = vfio_pci_bar_read,
	.bar_write = vfio_pci_bar_write,
	.bar_moved = vfio_pci_bar_moved,
	.config_written = config_written,
	.ejected = ejected,
};

int
vfio_pci_init(struct vfio_nic *n, struct err *e)
{
	const uint8_t *c = n->v.config;
	const struct pci_ids ids = {
		.vendor = (uint16_t)pci_get(c, PCI_R_VENDOR, 2),
		.device = (uint16_t)pci_get(c, PCI_R_DEVICE, 2),
		.subvendor = (uint16_t)pci_get(c, PCI_R_SUBVENDOR, 2),
		.subdevice = (uint16_t)pci_get(c, PCI_R_SUBDEVICE, 2),
		.revision = c[PCI_R_REVISION],
		.class = pci_get(c, PCI_R_CLASS, 2) | (uint32_t)c[PCI_R_CLASS + 2] << 16,
	};
	int r;

	pci_fn_init(&n->fn, n->dev.vm, n->name, &fn_ops, &ids);
	n->x = (struct vfio_msix){0};
	n->msi = (struct vfio_msi){.slot = -1};
	n->intx = (struct vfio_intx){.trigger = -1, .resample = -1};
	n->exp_cap = 0;
	n->command = 0;
	n->msix.n = 0;
	r = vfio_caps_add(n, e);
	if (r == 0)
		r = vfio_bars_init(n, e);
	if (r == 0)
		r = vfio_irq_init(n, e);
	if (r < 0) {
		vfio_pci_fini(n);
		return r;
	}
	put_command(n);
	return 0;
}

void
vfio_pci_fini(struct vfio_nic *n)
{
	pci_fn_remove(n->dev.vm->pci, &n->fn);
	/* No more DMA from here on, whatever the device was told. */
	(void)vfio_dev_command(&n->v, PCI_CMD_MEMORY | PCI_CMD_INTX_OFF);
	vfio_irq_fini(n);
	msix_fini(&n->msix);
	irq_msi_free(n->dev.vm, n->msi.slot);
	n->msi.slot = -1;
}

void
vfio_pci_reset(struct vfio_nic *n)
{
	int r;

	vfio_irq_reset(n);
	pci_fn_reset(&n->fn);
	r = vfio_dev_reset(&n->v);
	n->command = 0; /* whatever it is now */
	put_command(n);
	vfio_irq_start(n);
	if (r == 0 || r == -ENOTTY)
		return;
	if (!n->reset_said)
		vm_event(n->dev.vm, VMM_EV_WARNING, n->nic, "%s: cannot be reset: %s", n->name,
			 strerror(-r));
	n->reset_said = true;
}
