/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X of one PCI function: table and pending bits are trapped, and each vector is an eventfd
 * (irq_msi_*). Masking attaches and detaches it from KVM; the eventfd itself never changes, so
 * whoever signals it (a vhost-user back end) needs to know nothing of masks.
 * Source: PCI Local Bus 3.0, 6.8.2.
 */
#ifndef CORELANE_VMM_MSIX_H
#define CORELANE_VMM_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#define MSIX_VECTORS_MAX 64
#define MSIX_ENTRY_SIZE  16
#define MSIX_CAP_ID      0x11
#define MSIX_CTL_ENABLE  0x8000
#define MSIX_CTL_MASK    0x4000

struct vm;

struct msix {
	struct vm *vm;
	const char *name; /* for messages */
	unsigned int n;
	int slot[MSIX_VECTORS_MAX];  /* of irq_msi_*, -1 when there is none */
	bool live[MSIX_VECTORS_MAX]; /* unmasked at irq_msi_* */
	struct {
		uint8_t entry[MSIX_VECTORS_MAX][MSIX_ENTRY_SIZE];
		uint16_t control; /* enable and function mask */
	} state;
};

/* Takes @n interrupt slots. 0, -EINVAL or what irq_msi_alloc() says; then nothing is held. */
int msix_init(struct msix *x, struct vm *vm, const char *name, unsigned int n);
void msix_fini(struct msix *x);
/* All vectors masked, MSI-X off; what is pending is dropped. vm->lock held. */
void msix_reset(struct msix *x);

/* Trapped accesses. Table: 4 or 8 bytes, aligned; others read as zero and are dropped. */
uint64_t msix_table_read(const struct msix *x, uint64_t offset, unsigned int size);
void msix_table_write(struct msix *x, uint64_t offset, unsigned int size, uint64_t value);
uint64_t msix_pba_read(const struct msix *x, uint64_t offset, unsigned int size);
/* The message control register was written. */
void msix_control(struct msix *x, uint16_t value);

/* The eventfd of a vector, or -1. It stays the same, and valid, until msix_fini(). */
int msix_fd(const struct msix *x, unsigned int vector);
/* Signals it. Any thread. */
void msix_signal(const struct msix *x, unsigned int vector);

#endif
