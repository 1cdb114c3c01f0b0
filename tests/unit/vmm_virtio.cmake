# SPDX-License-Identifier: Apache-2.0
unit_test(vmm_pci vmm_core)
unit_test(vmm_vhost_resume vmm_core)
unit_test(vmm_vhost_user vmm_core)
unit_test(vmm_virtq vmm_core)
