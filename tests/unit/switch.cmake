# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_mac switch_core)
	unit_test(switch_forward switch_core)
	unit_test(switch_ctl switch_core Threads::Threads)
endif()
