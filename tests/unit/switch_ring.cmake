# SPDX-License-Identifier: Apache-2.0
# The switch's own virtqueues.
if(TARGET switch_core)
	unit_test(switch_port_log switch_core Threads::Threads)
	unit_test(switch_ring switch_core)
	unit_test(switch_ring_hostile switch_core)
	unit_test(switch_ring_resume switch_core)
	unit_test(switch_shared_event switch_core Threads::Threads)
	unit_test(switch_sigbus switch_core)
	target_sources(test_switch_sigbus PRIVATE ${CMAKE_SOURCE_DIR}/vhost-user/sigbus.c)
endif()

# What tests/integration/switch_differ.sh runs.
if(TARGET load)
	add_executable(switch_differ integration/switch_differ.c integration/switch_scenario.c
		integration/switch_world.c)
	target_link_libraries(switch_differ PRIVATE load)
	set_target_properties(switch_differ PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
