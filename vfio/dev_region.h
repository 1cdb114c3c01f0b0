/* SPDX-License-Identifier: Apache-2.0 */
/* Private to vfio/dev*.c. */
#ifndef CORELANE_VFIO_DEV_REGION_H
#define CORELANE_VFIO_DEV_REGION_H

#include "vfio/dev.h"

/*
 * Fills in which parts of BAR @bar, which can be mapped, can be: all of it, or what its sparse mmap
 * capability lists. @argsz is what the kernel said that the whole answer needs.
 */
void vfio_region_areas(struct vfio_dev *d, unsigned int bar, uint32_t argsz);

#endif
