# SPDX-License-Identifier: Apache-2.0
# Domains and layer-2 features.
if(TARGET switch_core)
	unit_test(switch_ctl_port switch_core)
	unit_test(switch_domain switch_core)
	unit_test(switch_feat_ip switch_core)
	unit_test(switch_feat_police switch_core)
	unit_test(switch_feat_shape switch_core)
	unit_test(switch_feat_vlan switch_core)
endif()
