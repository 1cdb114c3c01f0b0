# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_filter switch_core)
	unit_test(switch_watch switch_core Threads::Threads)
	unit_test(switch_snoop switch_core Threads::Threads)
endif()
