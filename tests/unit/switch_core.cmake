# SPDX-License-Identifier: Apache-2.0
# The switch's forwarding threads.
if(TARGET switch_core)
	unit_test(switch_declared switch_core)
	unit_test(switch_pairs switch_core)
	unit_test(switch_rcu base switch_dpdk Threads::Threads)
	target_sources(test_switch_rcu PRIVATE ${CMAKE_SOURCE_DIR}/vhost-user/rcu.c
		${CMAKE_SOURCE_DIR}/vhost-user/quickstart.c)
endif()
