# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_offload switch_core)
endif()
