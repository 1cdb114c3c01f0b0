# SPDX-License-Identifier: Apache-2.0
unit_test(vmm_msix vmm_core)
target_link_options(test_vmm_msix PRIVATE
	-Wl,--wrap=irq_msi_unmask,--wrap=irq_msi_mask,--wrap=irq_msi_pending)
unit_test(vmm_pci vmm_core)
unit_test(vmm_vhost_resume vmm_core)
unit_test(vmm_vhost_user vmm_core)
unit_test(vmm_virtio vmm_core)
unit_test(vmm_virtq vmm_core)
unit_test(vmm_virtq_hostile vmm_core)
unit_test(vmm_virtio_net vmm_core)
unit_test(vmm_turns vmm_core)
target_link_options(test_vmm_turns PRIVATE -Wl,--wrap=virtq_listen)
unit_test(vmm_tap vmm_core)
