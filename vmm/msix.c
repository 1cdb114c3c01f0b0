/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/msix.h"

#include <errno.h>
#include <string.h>

#include "vmm/event.h"
#include "vmm/irq.h"
#include "vmm/pci.h"
#include "vmm/vm.h"

#define ENTRY_CONTROL 12
#define ENTRY_MASKED  1

int
msix_init(struct msix *x, struct vm *vm, const char *name, unsigned int n)
{
	if (n == 0 || n > MSIX_VECTORS_MAX)
		return -EINVAL;
	*x = (struct msix){.vm = vm, .name = name, .n = n};
	for (unsigned int i = 0; i < n; i++) {
		x->slot[i] = irq_msi_alloc(vm);
		if (x->slot[i] < 0) {
			int r = x->slot[i];

			x->n = i;
			msix_fini(x);
			return r;
		}
		x->state.entry[i][ENTRY_CONTROL] = ENTRY_MASKED;
	}
	return 0;
}

void
msix_fini(struct msix *x)
{
	for (unsigned int i = 0; i < x->n; i++)
		irq_msi_free(x->vm, x->slot[i]);
	x->n = 0;
}

/* Makes vector @i attached, or not, as the masks say; @moved: its address or data may have changed. */
static void
vector_update(struct msix *x, unsigned int i, bool moved)
{
	const uint8_t *e = x->state.entry[i];
	bool want = (x->state.control & MSIX_CTL_ENABLE) && !(x->state.control & MSIX_CTL_MASK) &&
		    !(e[ENTRY_CONTROL] & ENTRY_MASKED);
	uint64_t addr = pci_get(e, 0, 4) | (uint64_t)pci_get(e, 4, 4) << 32;
	int r;

	if (!want) {
		if (x->live[i])
			irq_msi_mask(x->vm, x->slot[i]);
		x->live[i] = false;
	} else if (!x->live[i] || moved) {
		r = irq_msi_unmask(x->vm, x->slot[i], addr, pci_get(e, 8, 4));
		if (r < 0) {
			/* The old route, if there was one, must not go on firing. */
			irq_msi_mask(x->vm, x->slot[i]);
			vm_guest_error(x->vm, "%s: MSI-X vector %u: address %#llx refused: %s",
				       x->name, i, (unsigned long long)addr, strerror(-r));
		}
		x->live[i] = r == 0;
	}
}

static void
update_all(struct msix *x)
{
	for (unsigned int i = 0; i < x->n; i++)
		vector_update(x, i, false);
}

void
msix_control(struct msix *x, uint16_t value)
{
	value &= MSIX_CTL_ENABLE | MSIX_CTL_MASK;
	if (value == x->state.control)
		return;
	x->state.control = value;
	update_all(x);
}

void
msix_reset(struct msix *x)
{
	x->state.control = 0;
	update_all(x);
	for (unsigned int i = 0; i < x->n; i++) {
		memset(x->state.entry[i], 0, MSIX_ENTRY_SIZE);
		x->state.entry[i][ENTRY_CONTROL] = ENTRY_MASKED;
		event_drain(msix_fd(x, i));
	}
}

static bool
table_access_ok(const struct msix *x, uint64_t offset, unsigned int size)
{
	return (size == 4 || size == 8) && offset % size == 0 && offset / MSIX_ENTRY_SIZE < x->n;
}

uint64_t
msix_table_read(const struct msix *x, uint64_t offset, unsigned int size)
{
	const uint8_t *e;
	unsigned int at = offset % MSIX_ENTRY_SIZE;

	if (!table_access_ok(x, offset, size))
		return 0;
	e = x->state.entry[offset / MSIX_ENTRY_SIZE];
	return size == 4 ? pci_get(e, at, 4)
			 : pci_get(e, at, 4) | (uint64_t)pci_get(e, at + 4, 4) << 32;
}

void
msix_table_write(struct msix *x, uint64_t offset, unsigned int size, uint64_t value)
{
	unsigned int i = (unsigned int)(offset / MSIX_ENTRY_SIZE);
	unsigned int at = offset % MSIX_ENTRY_SIZE;
	uint8_t old[MSIX_ENTRY_SIZE], *e;

	if (!table_access_ok(x, offset, size))
		return;
	e = x->state.entry[i];
	memcpy(old, e, sizeof(old));
	pci_put(e, at, 4, (uint32_t)value);
	if (size == 8)
		pci_put(e, at + 4, 4, (uint32_t)(value >> 32));
	/* The mask is the only bit of vector control; the low address bits are zero (6.8.2.4). */
	pci_put(e, ENTRY_CONTROL, 4, e[ENTRY_CONTROL] & ENTRY_MASKED);
	e[0] &= 0xfc;
	if (memcmp(old, e, sizeof(old)) != 0)
		vector_update(x, i, memcmp(old, e, ENTRY_CONTROL) != 0);
}

uint64_t
msix_pba_read(const struct msix *x, uint64_t offset, unsigned int size)
{
	uint64_t bits = 0;
	uint64_t first = offset * 8;

	if (offset % size || first >= x->n)
		return 0;
	for (unsigned int i = 0; i < size * 8 && first + i < x->n; i++)
		if (irq_msi_pending(x->vm, x->slot[first + i]))
			bits |= 1ull << i;
	return bits;
}

int
msix_fd(const struct msix *x, unsigned int vector)
{
	return vector < x->n ? irq_msi_fd(x->vm, x->slot[vector]) : -1;
}

void
msix_signal(const struct msix *x, unsigned int vector)
{
	int fd = msix_fd(x, vector);

	if (fd >= 0)
		event_signal(fd);
}
