# SPDX-License-Identifier: Apache-2.0
# The switch's own virtqueues.
if(TARGET switch_core)
	unit_test(switch_ring switch_core)
	unit_test(switch_ring_hostile switch_core)
	unit_test(switch_ring_resume switch_core)
endif()
