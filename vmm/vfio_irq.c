/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of a VFIO device: each is an eventfd that the host's driver signals and KVM takes (irqfd).
 *
 * MSI-X: a vector gets an interrupt on the host when the guest unmasks it for the first time, and keeps it until
 * the guest turns MSI-X off: so the host has as many as the guest uses. A masked vector is only detached
 * from KVM; what comes meanwhile waits in its eventfd. Where the kernel cannot add a vector while others are
 * on (VFIO_IRQ_INFO_NORESIZE), all are turned off and on again. A message sent in between is lost, so every
 * vector that was on is signalled once: a driver finds nothing to do, and nobody waits for ever.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/event.h"
#include "vmm/machine.h"
#include "vmm/vfio.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

#define MSI_ENABLE 1

/* Said once a device: the guest may try again and again. */
static void
complain(struct vfio_nic *n, const char *what, int r)
{
	if (!n->irq_said)
		vm_event(n->dev.vm, VMM_EV_WARNING, n->nic, "%s: %s: %s", n->name, what,
			 strerror(-r));
	n->irq_said = true;
}

/* --- MSI-X --- */

static int
set_vectors(struct vfio_nic *n, unsigned int first, unsigned int count)
{
	int fd[MSIX_VECTORS_MAX];

	for (unsigned int i = 0; i < count; i++)
		fd[i] = n->x.used[first + i] ? msix_fd(&n->msix, first + i) : -1;
	return vfio_irq_set(&n->v, VFIO_MSIX, first, fd, count);
}

static void
msix_off(struct vfio_nic *n)
{
	if (n->x.n_host)
		(void)vfio_irq_off(&n->v, VFIO_MSIX);
	n->x.n_host = 0;
	memset(n->x.used, 0, sizeof(n->x.used));
}

/* All vectors below @count that are used, in one call, where none is on. @before: there were some below it. */
static int
turn_on(struct vfio_nic *n, unsigned int count, unsigned int before)
{
	int r = set_vectors(n, 0, count);

	if (r < 0)
		return r;
	n->x.n_host = count;
	for (unsigned int i = 0; i < before; i++)
		if (n->x.used[i])
			msix_signal(&n->msix, i);
	return 0;
}

static int
turn_on_again(struct vfio_nic *n, unsigned int count)
{
	unsigned int before = n->x.n_host;

	if (before)
		(void)vfio_irq_off(&n->v, VFIO_MSIX);
	n->x.n_host = 0;
	return turn_on(n, count, before);
}

static int
add_vectors(struct vfio_nic *n, const bool *fresh, unsigned int last)
{
	if (n->x.n_host == 0 || (last >= n->x.n_host && !n->v.irq[VFIO_MSIX].resizable))
		return turn_on_again(n, MAX_OF(last + 1, n->x.n_host));
	for (unsigned int i = 0; i <= last; i++) {
		int r = fresh[i] ? set_vectors(n, i, 1) : 0;

		if (r < 0)
			return r;
	}
	n->x.n_host = MAX_OF(n->x.n_host, last + 1);
	return 0;
}

/* The host did not give the @fresh ones; the others, turned off to make room, come back. */
static void
do_without(struct vfio_nic *n, const bool *fresh, unsigned int before)
{
	for (unsigned int i = 0; i < n->msix.n; i++)
		n->x.used[i] &= !fresh[i];
	if (n->x.n_host == 0 && before && turn_on(n, before, before) < 0)
		memset(n->x.used, 0, sizeof(n->x.used)); /* all are asked for anew, next time */
}

void
vfio_msix_sync(struct vfio_nic *n)
{
	bool fresh[MSIX_VECTORS_MAX] = {0};
	unsigned int last = 0, before = n->x.n_host;
	bool any = false;
	int r;

	if (!(n->msix.state.control & MSIX_CTL_ENABLE)) {
		msix_off(n);
		return;
	}
	for (unsigned int i = 0; i < n->msix.n; i++) {
		fresh[i] = n->msix.live[i] && !n->x.used[i];
		if (!fresh[i])
			continue;
		n->x.used[i] = true;
		last = i;
		any = true;
	}
	r = any ? add_vectors(n, fresh, last) : 0;
	if (r == 0)
		return;
	complain(n, "the host gives no MSI-X vector", r);
	do_without(n, fresh, before);
}

/* --- MSI --- */

void
vfio_msi_sync(struct vfio_nic *n)
{
	const uint8_t *c = &n->fn.config[n->msi.cap];
	bool want = c[2] & MSI_ENABLE;
	int fd = irq_msi_fd(n->dev.vm, n->msi.slot), r = 0;

	if (want) {
		uint64_t addr = pci_get(c, 4, 4) | (uint64_t)pci_get(c, 8, 4) << 32;

		r = irq_msi_unmask(n->dev.vm, n->msi.slot, addr, pci_get(c, 12, 2));
		if (r < 0)
			vm_guest_error(n->dev.vm, "%s: MSI address %#llx refused: %s", n->name,
				       (unsigned long long)addr, strerror(-r));
	}
	if (want && r == 0 && !n->msi.on) {
		r = vfio_irq_set(&n->v, VFIO_MSI, 0, &fd, 1);
		if (r < 0)
			complain(n, "the host gives no MSI", r);
		n->msi.on = r == 0;
	}
	if (want && r == 0)
		return;
	if (n->msi.on)
		(void)vfio_irq_off(&n->v, VFIO_MSI);
	n->msi.on = false;
	irq_msi_mask(n->dev.vm, n->msi.slot);
}

/* --- INTx: only for a device that has nothing better --- */

static int
intx_init(struct vfio_nic *n, struct err *e)
{
	struct vfio_intx *x = &n->intx;

	x->line = INTX_LINE(SLOT_NIC0 + n->nic);
	x->trigger = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	x->resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (x->trigger < 0 || x->resample < 0)
		return err_sys(e, errno, "%s: cannot make an eventfd", n->name);
	n->fn.config[PCI_R_LINE] = (uint8_t)x->line;
	n->fn.config[PCI_R_LINE + 1] = 1; /* pin A */
	return 0;
}

static void
intx_on(struct vfio_nic *n)
{
	struct vfio_intx *x = &n->intx;
	int r;

	if (x->trigger < 0 || x->on)
		return;
	r = irq_line_fd(n->dev.vm, x->line, x->trigger, x->resample, true);
	if (r == 0)
		r = vfio_irq_set(&n->v, VFIO_INTX, 0, &x->trigger, 1);
	if (r == 0)
		r = vfio_irq_resample(&n->v, x->resample);
	x->on = true; /* as far as it went */
	if (r < 0)
		complain(n, "no interrupt line", r);
}

static void
intx_off(struct vfio_nic *n)
{
	struct vfio_intx *x = &n->intx;

	if (!x->on)
		return;
	(void)vfio_irq_off(&n->v, VFIO_INTX);
	(void)irq_line_fd(n->dev.vm, x->line, x->trigger, x->resample, false);
	x->on = false;
}

/* --- all of them --- */

int
vfio_irq_init(struct vfio_nic *n, struct err *e)
{
	if (n->x.cap || n->msi.cap || n->v.irq[VFIO_INTX].n == 0)
		return 0;
	return intx_init(n, e);
}

void
vfio_irq_start(struct vfio_nic *n)
{
	intx_on(n);
}

void
vfio_irq_reset(struct vfio_nic *n)
{
	msix_reset(&n->msix);
	msix_off(n);
	if (n->msi.on)
		(void)vfio_irq_off(&n->v, VFIO_MSI);
	n->msi.on = false;
	irq_msi_mask(n->dev.vm, n->msi.slot);
	if (n->msi.slot >= 0)
		event_drain(irq_msi_fd(n->dev.vm, n->msi.slot));
	intx_off(n);
}

void
vfio_irq_fini(struct vfio_nic *n)
{
	vfio_irq_reset(n);
	if (n->intx.trigger >= 0)
		close(n->intx.trigger);
	if (n->intx.resample >= 0)
		close(n->intx.resample);
	n->intx.trigger = n->intx.resample = -1;
}
