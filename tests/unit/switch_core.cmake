# SPDX-License-Identifier: Apache-2.0
# The switch's forwarding threads.
if(TARGET switch_core)
	unit_test(switch_balance switch_core)
	target_sources(test_switch_balance PRIVATE ${CMAKE_SOURCE_DIR}/vhost-user/balance.c)
	unit_test(switch_declared switch_core)
	# the test stands between a change and the table's lock
	target_link_options(test_switch_declared PRIVATE -Wl,--wrap=mac_unlock)
	unit_test(switch_idle switch_core)
	unit_test(switch_pairs switch_core)
	unit_test(switch_rcu base switch_dpdk Threads::Threads)
	target_sources(test_switch_rcu PRIVATE ${CMAKE_SOURCE_DIR}/vhost-user/rcu.c
		${CMAKE_SOURCE_DIR}/vhost-user/quickstart.c)
endif()

# What tests/integration/switch_lanes.sh runs.
if(TARGET load)
	add_executable(switch_lanes integration/switch_lanes.c integration/switch_scenario.c
		integration/switch_world.c)
	target_link_libraries(switch_lanes PRIVATE load)
	set_target_properties(switch_lanes PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
