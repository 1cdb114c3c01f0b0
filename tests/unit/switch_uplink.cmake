# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_arp switch_core)
	unit_test(switch_vxlan switch_core)
	unit_test(switch_lldp switch_core)
endif()
