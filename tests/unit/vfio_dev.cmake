# SPDX-License-Identifier: Apache-2.0
# VFIO devices as the VMM sees them.
unit_test(vfio_dev vfio_dev)
foreach(part vmm_vfio vmm_vfio_irq)
	unit_test(${part} vmm_core)
	target_link_options(test_${part} PRIVATE
		-Wl,--wrap=kvm_slot_add,--wrap=kvm_slot_del,--wrap=irq_msi_unmask,--wrap=irq_msi_mask
		-Wl,--wrap=irq_line_fd,--wrap=ged_plugged,--wrap=ged_unplug_wanted)
endforeach()
