/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC that is a VFIO device: what the files vmm/vfio_*.c share. The function that the guest sees is ours
 * (pci_fn); of the device's own configuration space only what is known to be safe shows in it. BARs are
 * memory slots of KVM, interrupts irqfds: a guest at work causes no exit to user space.
 *
 * Everything here runs with vm->lock held unless it says otherwise.
 */
#ifndef CORELANE_VMM_VFIO_H
#define CORELANE_VMM_VFIO_H

#include "base/vmm_msg.h"
#include "vfio/dev.h"
#include "vfio/dma.h"
#include "vmm/device.h"
#include "vmm/msix.h"
#include "vmm/pci.h"

/* The IOMMU of the machine, shared by all of its VFIO NICs: a device of its own. */
struct vfio_iommu {
	struct device dev;
	struct vfio_dma dma;
	bool mapped;   /* guest RAM is */
	bool p2p;      /* there may be several devices: they reach each other's BARs */
	bool p2p_said; /* that they cannot */
};

/* Maps guest RAM for DMA, once. 0 or -errno with words. */
int vfio_iommu_map_ram(struct vfio_iommu *i, struct err *e);
/* Lets the other devices of the machine reach an area of a BAR, if there may be any. Whether they can. */
bool vfio_iommu_map_bar(struct vfio_iommu *i, const char *name, uint64_t gpa,
			const struct vfio_area *a);

struct vfio_msix {
	unsigned int cap;  /* 0: the device has none */
	unsigned int n_hw; /* vectors of the device; the guest sees those of struct msix */
	struct vfio_range table, pba;
	unsigned int table_bar, pba_bar;
	unsigned int
		n_host; /* vectors that the host has enabled, used or not; 0: MSI-X is off there */
	bool used[MSIX_VECTORS_MAX]; /* has an interrupt on the host */
};

struct vfio_msi {
	unsigned int cap; /* 0: none */
	int slot;         /* of irq_msi_*, -1: none */
	bool on;
};

struct vfio_intx {
	int trigger, resample; /* eventfds, -1: none */
	unsigned int line;     /* of the IOAPIC */
	bool on;
};

/* Where a part of a BAR is now. */
#define VFIO_WAITING (-1) /* for the first access */
#define VFIO_TRAPPED (-2) /* there is no slot to be had */
struct vfio_place {
	int slot; /* of kvm_slot_*, or one of these */
	bool dma; /* mapped for the other devices */
};

struct vfio_nic {
	struct device dev;
	unsigned int nic; /* index in the start message */
	char name[NAME_MAX_LEN + 8];
	struct vfio_iommu *iommu;

	bool present; /* on the bus: all of the rest is valid */
	struct vfio_dev v;
	struct pci_fn fn;
	struct msix msix;
	struct vfio_msix x;
	struct vfio_msi msi;
	struct vfio_intx intx;
	unsigned int exp_cap; /* where the PCI Express capability is; 0: none */
	uint16_t command;     /* as the device has it */
	struct vfio_place place[VFIO_BARS][VFIO_AREAS_MAX];
	bool untold[VFIO_BARS];   /* answers, and the IOMMU does not know it yet */
	int error_fd, request_fd; /* eventfds: what the host's driver has to say; -1: none */
	int eject_fd;             /* eventfd: the guest let go; as long as the NIC */
	/* A guest can bring each about again and again; it is said once a NIC. */
	bool irq_said, slot_said, reset_said;
};

/* vfio_pci.c. The function as the guest shall see it, not on the bus yet. 0 or -errno with words. */
int vfio_pci_init(struct vfio_nic *n, struct err *e);
void vfio_pci_fini(struct vfio_nic *n);
/* The function and the device behind it to power-on state; takes as long as the device's reset does. */
void vfio_pci_reset(struct vfio_nic *n);

/* vfio_caps.c. The capabilities that the guest sees. */
int vfio_caps_add(struct vfio_nic *n, struct err *e);

/* vfio_bar.c */
int vfio_bars_init(struct vfio_nic *n, struct err *e);
uint64_t vfio_pci_bar_read(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size);
void vfio_pci_bar_write(struct pci_fn *f, unsigned int bar, uint64_t offset, unsigned int size,
			uint64_t value);
void vfio_pci_bar_moved(struct pci_fn *f, unsigned int bar, bool mapped, uint64_t base);

/* vfio_irq.c. Interrupts on the host follow what the guest enabled. */
int vfio_irq_init(struct vfio_nic *n, struct err *e);
void vfio_irq_fini(struct vfio_nic *n);
/* On the bus, or reset: INTx is there from now on. */
void vfio_irq_start(struct vfio_nic *n);
void vfio_irq_reset(struct vfio_nic *n);
void vfio_msix_sync(struct vfio_nic *n);
void vfio_msi_sync(struct vfio_nic *n);

#endif
