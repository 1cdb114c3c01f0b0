# SPDX-License-Identifier: Apache-2.0
# VFIO devices as the VMM sees them.
unit_test(vfio_dev vfio_dev)
