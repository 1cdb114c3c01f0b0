/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/start_vfio.h"

#include <errno.h>
#include <stdlib.h>

#include "vfio/iommu.h"

struct start_vfio {
	struct sysroot root;
	struct iommu iommu;
	struct pci_addr dev[VMM_NICS_MAX];
	unsigned int nic[VMM_NICS_MAX];
	unsigned int n;
};

int
start_vfio_add(struct start_vfio **v, const char *text, unsigned int nic, struct err *e)
{
	if (!*v) {
		*v = calloc(1, sizeof(**v));
		if (!*v || sysroot_open(NULL, &(*v)->root) < 0)
			return err_set(e, ENOMEM, "out of memory");
		(*v)->iommu = IOMMU_CLOSED;
	}
	if ((*v)->n == VMM_NICS_MAX || pci_addr_parse(text, &(*v)->dev[(*v)->n]) < 0)
		return err_set(e, EINVAL, "%s: no PCI address", text);
	(*v)->nic[(*v)->n++] = nic;
	return 0;
}

int
start_vfio_open(struct start_vfio *v, struct vmm_start *msg, struct err *e)
{
	int r = iommu_open(&v->root, v->dev, v->n, &v->iommu, e);

	if (r < 0)
		return r;
	msg->iommu_kind = v->iommu.kind;
	msg->ioas_id = v->iommu.ioas_id;
	return v->iommu.fd;
}

int
start_vfio_device(const struct start_vfio *v, unsigned int nic, struct err *e)
{
	int fd, r;

	for (unsigned int i = 0; i < v->n; i++)
		if (v->nic[i] == nic) {
			r = iommu_device(&v->iommu, &v->root, &v->dev[i], &fd, e);
			return r < 0 ? r : fd;
		}
	return err_set(e, ENODEV, "NIC %u has no device", nic);
}
