/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's vhost interface. Its header defines two names as bit numbers that are masks here: so this
 * comes before every other of ours, which then defines them again.
 */
#ifndef CORELANE_VMM_VHOST_KERNEL_H
#define CORELANE_VMM_VHOST_KERNEL_H

#ifdef CORELANE_VMM_VIRTIO_H
#error "vmm/vhost_kernel.h comes before vmm/virtio.h"
#endif

#include <linux/vhost.h>

#undef VIRTIO_F_VERSION_1
#undef VIRTIO_F_RING_PACKED

#endif
