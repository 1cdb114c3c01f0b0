/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual functions of one VNF while its VMM lives: the IOMMU context that they share, and device fds
 * out of it. They were made and bound to vfio-pci before (sriov_apply.h).
 */
#ifndef CORELANE_APPLIANCE_VNF_VF_H
#define CORELANE_APPLIANCE_VNF_VF_H

#include "appliance/env.h"
#include "appliance/translate.h"
#include "vfio/iommu.h"

struct vnf_vfs {
	struct iommu iommu;
	bool used; /* by an earlier life of the VMM: its guest may have changed settings */
};

#define VNF_VFS_CLOSED ((struct vnf_vfs){.iommu = IOMMU_CLOSED})

/*
 * Opens the context for all VFs of VNF @vnf. No-op when it is open already or the VNF has none. One life
 * of a VMM: guest memory stays mapped in it, so it is closed when the VMM has ended. 0, or -errno in words.
 */
int vnf_vf_open(const struct run_env *env, size_t vnf, struct vnf_vfs *v, struct err *e);

/*
 * Adds the context and a device for each of its VFs to the start message. The fds that are added are
 * the caller's, as with vnf_open(), also on failure. 0, or -errno in words.
 */
int vnf_vf_hand_in(const struct run_env *env, size_t vnf, const struct vnf_vfs *v, struct handin *h,
		   struct err *e);

/*
 * The VF of interface number @interface once more, for a struct vmm_nic_fd after a VMM_EV_NIC_DETACHED:
 * settings that its last user changed are put back, then it is opened. 0 with an fd that is the caller's,
 * or -errno in words: -EINVAL when the interface is no VF. Whether the VMM still has it, the VMM knows.
 */
int vnf_vf_attach(const struct run_env *env, size_t vnf, size_t interface, const struct vnf_vfs *v,
		  int *ret_fd, struct err *e);

/* When the VMM has ended. */
void vnf_vf_close(struct vnf_vfs *v);

#endif
