/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities of a VFIO device, from the device's own list to the guest's. Only what is known to be safe is
 * there, each built anew: MSI-X (or MSI without it), PCI Express and power management. Vendor's and all others
 * are hidden, extended ones too. The device's bytes are hostile input.
 * Sources: PCI Local Bus 3.0 (6.7, 6.8), PCI Express 5.0 (7.5.3), PCI Power Management 1.2 (3.2).
 */
#include <errno.h>
#include <string.h>

#include "vmm/vfio.h"
#include "vmm/virtio.h"
#include "vmm/vm.h"

#define CAPS_MAX 48 /* what fits between 0x40 and 0xff */

enum {
	CAP_PM = 0x01,
	CAP_MSI = 0x05,
	CAP_EXPRESS = 0x10,
};

#define EXP_BODY        58  /* version 2, less the two header bytes */
#define EXP_TYPE_RCIEP  0x9 /* root complex integrated endpoint: there is no port above it */
#define EXP_CAP_PAYLOAD 0x00000007u
#define EXP_CAP_RBER    0x00008000u
#define EXP_CAP_FLR     0x10000000u
#define OTHER_VECTORS                                                                              \
	128 /* disks with all their queues 72, console 13, balloon 6, vsock 4, rng 2 */
#define PM_VERSION      3
#define PM_NO_SOFTRESET 0x8

/* Where capability @id of the device is, with @len bytes, or 0. */
static unsigned int
find(const struct vfio_dev *v, uint8_t id, unsigned int len)
{
	unsigned int at = v->config[PCI_R_CAP] & 0xfcu;

	if (!(v->config[PCI_R_STATUS] & PCI_STS_CAPS))
		return 0;
	for (int i = 0; i < CAPS_MAX && at >= PCI_R_FIRST_CAP; i++) {
		if (v->config[at] == id)
			return at + len <= VFIO_CONFIG_SIZE ? at : 0;
		at = v->config[at + 1] & 0xfcu;
	}
	return 0;
}

/* The table or the pending bits: whether they are where there can be some. */
static bool
locate(const struct vfio_dev *v, uint32_t reg, uint64_t size, unsigned int *ret_bar,
       struct vfio_range *ret)
{
	unsigned int bar = reg & 7;
	uint64_t offset = reg & ~7u;

	if (bar >= VFIO_BARS || offset >= v->bar[bar].size || size > v->bar[bar].size - offset)
		return false;
	*ret_bar = bar;
	*ret = (struct vfio_range){.offset = offset, .size = size};
	return true;
}

/*
 * Vectors that one VFIO NIC may have. All of the machine's share a table with what virtio devices take, and
 * which NICs come later is known: each gets the same, at least 24 (16 of them), so that none is left without.
 */
static unsigned int
fair_share(const struct vmm_start *s)
{
	unsigned int n = 0, rest = IRQ_MSIS_MAX - OTHER_VECTORS;

	for (uint32_t i = 0; i < s->n_nics; i++) {
		if (s->nic[i].kind == VMM_NIC_VFIO)
			n++;
		else
			rest -= VIRTIO_QUEUES_MAX + 1;
	}
	return MIN_OF(rest / MAX_OF(n, 1u), (unsigned int)MSIX_VECTORS_MAX);
}

static int
add_msix(struct vfio_nic *n, struct err *e)
{
	unsigned int at = find(&n->v, MSIX_CAP_ID, 12);
	struct vfio_msix *x = &n->x;
	uint8_t body[10];
	int r;

	if (!at || n->v.irq[VFIO_MSIX].n == 0)
		return 0;
	x->n_hw = (pci_get(n->v.config, at + 2, 2) & 0x7ff) + 1;
	if (!locate(&n->v, pci_get(n->v.config, at + 4, 4), (uint64_t)x->n_hw * MSIX_ENTRY_SIZE,
		    &x->table_bar, &x->table) ||
	    !locate(&n->v, pci_get(n->v.config, at + 8, 4), align_up(x->n_hw, 64) / 8, &x->pba_bar,
		    &x->pba))
		return err_set(e, EINVAL, "%s: its MSI-X table is in no BAR of it", n->name);
	r = msix_init(&n->msix, n->dev.vm, n->name,
		      MIN_OF(MIN_OF(x->n_hw, n->v.irq[VFIO_MSIX].n), fair_share(n->dev.vm->start)));
	if (r < 0)
		return err_sys(e, -r, "%s: cannot get its interrupts", n->name);
	memcpy(body, &n->v.config[at + 2], sizeof(body));
	pci_put(body, 0, 2, n->msix.n - 1);
	r = pci_fn_cap(&n->fn, MSIX_CAP_ID, body, sizeof(body));
	x->cap = (unsigned int)r; /* the first of the list: there is room */
	pci_put(n->fn.writable, x->cap + 2, 2, MSIX_CTL_ENABLE | MSIX_CTL_MASK);
	return 0;
}

/* One message, 64-bit address, no masks: what every driver can work with. */
static int
add_msi(struct vfio_nic *n, struct err *e)
{
	static const uint8_t body[12] = {0x80};

	if (n->x.cap || n->v.irq[VFIO_MSI].n == 0 || !find(&n->v, CAP_MSI, 10))
		return 0;
	n->msi.slot = irq_msi_alloc(n->dev.vm);
	if (n->msi.slot < 0)
		return err_sys(e, -n->msi.slot, "%s: cannot get its interrupt", n->name);
	n->msi.cap = (unsigned int)pci_fn_cap(&n->fn, CAP_MSI, body, sizeof(body));
	pci_put(n->fn.writable, n->msi.cap + 2, 2, 1);
	pci_put(n->fn.writable, n->msi.cap + 4, 4, 0xfffffffc);
	pci_put(n->fn.writable, n->msi.cap + 8, 4, 0xffffffff);
	pci_put(n->fn.writable, n->msi.cap + 12, 2, 0xffff);
	return 0;
}

/* Its control register is a scratch register, but for the bit that resets the function. */
static void
add_express(struct vfio_nic *n)
{
	unsigned int at = find(&n->v, CAP_EXPRESS, 12);
	uint8_t body[EXP_BODY] = {0};
	uint32_t cap;

	if (!at)
		return;
	cap = pci_get(n->v.config, at + 4, 4) & (EXP_CAP_PAYLOAD | EXP_CAP_RBER | EXP_CAP_FLR);
	if (!n->v.can_reset)
		cap &= ~EXP_CAP_FLR;
	pci_put(body, 0, 2, EXP_TYPE_RCIEP << 4 | 2);
	pci_put(body, 2, 4, cap);
	pci_put(body, 6, 2, pci_get(n->v.config, at + 8, 2) & 0x7fff);
	n->exp_cap = (unsigned int)pci_fn_cap(&n->fn, CAP_EXPRESS, body, sizeof(body));
	pci_put(n->fn.writable, n->exp_cap + 8, 2, cap & EXP_CAP_FLR ? 0xffff : 0x7fff);
}

/* Power states are remembered and change nothing: the host's driver keeps the device awake. */
static void
add_pm(struct vfio_nic *n)
{
	static const uint8_t body[6] = {PM_VERSION, 0, PM_NO_SOFTRESET};
	int at;

	if (!find(&n->v, CAP_PM, 8))
		return;
	at = pci_fn_cap(&n->fn, CAP_PM, body, sizeof(body));
	n->fn.writable[at + 4] = 0x3;
}

int
vfio_caps_add(struct vfio_nic *n, struct err *e)
{
	int r = add_msix(n, e);

	if (r == 0)
		r = add_msi(n, e);
	if (r < 0)
		return r;
	add_express(n);
	add_pm(n);
	return 0;
}
